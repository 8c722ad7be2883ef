internal import BlockDevices
internal import Files
internal import Hashing
internal import Maps
internal import Synchronization
internal import Tiers
internal import Vaults
internal import Workers

/// One disk of a backup that is under way.
final class DiskBackup: Sendable {
  private let name: String
  private let source: String
  private let format: String?
  let device: any BlockDevice
  private let recognition: Recognition?
  private let tally = DiskTally()
  private let state = Mutex(State())
  private let started = ContinuousClock.now

  /// A region that holds data.
  struct PlannedRegion: Sendable {
    let index: UInt64
    /// Bytes that may have to be read.
    var dataBytes: UInt64
  }

  private struct State {
    var regions: [PlannedRegion] = []
    var maps: [UInt64: ContentID] = [:]
    var root = ContentID.zeros
    var seconds = 0.0
  }

  init(_ source: DiskIntake.Source) {
    name = source.name
    self.source = source.origin
    format = source.format
    device = source.device
    recognition = source.fingerprints.map { Recognition($0, isRehashing: source.isRehashing) }
  }

  /// The regions that hold data; all others are zeros.
  var regions: [PlannedRegion] { state.withLock { $0.regions } }

  /// Finds out what there is to read.
  func plan(progress: Progress) throws {
    var regions: [PlannedRegion] = []
    var position: UInt64 = 0
    while let extent = try device.nextData(from: position), !extent.isEmpty {
      progress.expect(UInt64(extent.count))
      while position < extent.upperBound {
        position = max(position, extent.lowerBound)
        let index = position / Region.byteCount
        let end = min(extent.upperBound, (index + 1) * Region.byteCount)
        if regions.last?.index != index {
          regions.append(PlannedRegion(index: index, dataBytes: 0))
        }
        regions[regions.count - 1].dataBytes += end - position
        position = end
      }
    }
    let found = regions
    state.withLock { $0.regions = found }
  }

  func backUp(_ region: UInt64, with worker: inout RegionWorker) throws {
    let map = try worker.backUp(
      Region.range(region, diskByteCount: device.byteCount), of: device, tally: tally,
      recognition: recognition)
    let elapsed = started.duration(to: .now)
    state.withLock {
      $0.maps[region] = map
      $0.seconds = max($0.seconds, elapsed / .seconds(1))
    }
  }

  func buildTree(with worker: inout RegionWorker) throws {
    var builder = DiskTreeBuilder(diskByteCount: device.byteCount)
    let maps = state.withLock { $0.maps }
    for (region, map) in maps.sorted(by: { $0.key < $1.key }) where map != .zeros {
      try builder.append(map, region: region) { try worker.storeMap($0) }
    }
    let root = try builder.finish { try worker.storeMap($0) }
    state.withLock { $0.root = root }
  }

  /// Leaves what the next backup recognises chunks by. To be called when all is durable.
  ///
  /// - Returns: why it could not be left.
  func remember() -> FileError? { recognition?.finish() }

  func forget() { recognition?.abandon() }

  var summary: RecoveryPoint.Disk {
    state.withLock { state in
      var disk = RecoveryPoint.Disk(
        name: name, source: source, size: device.byteCount, root: state.root,
        dataBytes: tally.dataBytes.load(ordering: .relaxed),
        newChunks: tally.newChunks.load(ordering: .relaxed),
        newBytes: tally.newBytes.load(ordering: .relaxed),
        storedBytes: tally.storedBytes.load(ordering: .relaxed),
        seconds: (state.seconds * 1000).rounded() / 1000)
      disk.format = format
      return disk
    }
  }
}
