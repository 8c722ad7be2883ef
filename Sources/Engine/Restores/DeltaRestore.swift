internal import DiskImages
internal import Hashing
internal import Maps
internal import Synchronization
internal import Tiers
internal import Vaults
internal import Workers

/// Finds what a point's disk has in other words than a disk that is there, and writes that alone.
struct DeltaRestore {
  let disk: RecoveryPoint.Disk
  /// Of the same size.
  let present: PresentDisk
  var workerCount = availableCores()

  private struct Work {
    let region: UInt64
    let map: ContentID
    let presentMap: ContentID
  }

  /// - Parameter target: is given what differs, from several threads and in no order.
  /// - Returns: bytes that differed.
  /// - Throws: ``RestoreError``, ``FileError``, ``Cancelled``; what the target throws.
  func run(
    into target: any RegionTarget, from open: OpenTier, progress: Progress,
    cancellation: Cancellation
  ) throws -> UInt64 {
    guard let tree = disk.tree else {
      throw VaultError.damaged("disk \(disk.name)", reason: "its root is no digest")
    }
    let work = try plan(tree, open)
    for item in work { progress.expect(UInt64(range(item).count)) }
    let written = Progress()
    try share(
      work, among: workerCount, cancellation: cancellation,
      makeWorker: { RegionRestorer(open, target, over: present, written, cancellation) },
      each: { worker, item in
        try worker.restore(range(item), map: item.map, over: item.presentMap)
        progress.advance(UInt64(range(item).count))
      })
    return written.doneBytes.load(ordering: .relaxed)
  }

  private func range(_ work: Work) -> Range<UInt64> {
    Region.range(work.region, diskByteCount: disk.size)
  }

  /// The regions that have to be looked at.
  private func plan(_ tree: DiskTree, _ open: OpenTier) throws -> [Work] {
    var work: [Work] = []
    var reader = TierReader(open)
    switch present {
    case .known(let presentTree, let tier):
      var presentReader = TierReader(tier)
      try tree.forEachDifference(from: presentTree) {
        try reader.map($0)
      } fetchOther: {
        try presentReader.map($0)
      } visit: { region, map, presentMap in
        work.append(Work(region: region, map: map, presentMap: presentMap))
      }
    case .unread(let image):
      var maps: [UInt64: ContentID] = [:]
      try forEachRegion(of: image) { maps[$0] = .zeros }
      try tree.forEachRegion {
        try reader.map($0)
      } visit: { region, map in
        maps[region] = map
      }
      work = maps.sorted { $0.key < $1.key }
        .map { Work(region: $0.key, map: $0.value, presentMap: .zeros) }
    }
    return work
  }

  /// Regions in which an image may hold something.
  private func forEachRegion(of image: DiskImage, _ body: (UInt64) -> Void) throws {
    var position: UInt64 = 0
    while let extent = try image.nextData(from: position), !extent.isEmpty {
      let (first, last) = (
        extent.lowerBound / Region.byteCount, (extent.upperBound - 1) / Region.byteCount
      )
      for region in first...last { body(region) }
      position = (last + 1) * Region.byteCount
    }
  }
}
