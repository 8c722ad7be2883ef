import Bytes
import Files
import Hashing
import Maps
import Restores
import Stores
import SystemPackage
import TestSupport
import Tiers
import Vaults
import Workers

/// Whether everything is as it was promised.
extension World {
  /// Restores points, chosen at random, from everywhere that has to give them back.
  ///
  /// - Parameter limit: points at most.
  func check(
    _ vault: Vault, _ notices: Notices, atMost limit: Int = .max, _ random: inout SeededRandom
  ) throws {
    var chosen = points.indices.shuffled(using: &random)
    if chosen.count > limit { chosen.removeLast(chosen.count - limit) }
    guard !chosen.isEmpty, stores.contains(where: { !$0.isAway }) else { return }
    var listed: [Int: ListedPoint] = [:]
    for point in try everyPoint(of: vault, notices) {
      let path = try vault.path(of: point.point)
      guard let number = numbers[path] else { throw Violation("\(path) is nobody's point") }
      listed[number] = point
    }
    for number in chosen.sorted() {
      try check(number, listed[number], vault, notices)
      if random.below(3) == 0 { try checkOneStore(number, listed[number], notices, &random) }
    }
  }

  /// The points that are listed, and those in the trash, which are promised as well: the tiers
  /// that keep what they need are known from their promises.
  private func everyPoint(of vault: Vault, _ notices: Notices) throws -> [ListedPoint] {
    let now = Timestamp(secondsSince1970: clock)
    let listed = try vault.points(notices: notices)
    let deleted = try vault.deletedPoints(now: now, notices: notices).map { deleted in
      let number = numbers[try vault.path(of: deleted.point)]
      let promising = tiers.filter { tier in
        number.map { !promisers(of: $0, in: tier).isEmpty } ?? false
      }
      return ListedPoint(point: deleted.point, tiers: promising)
    }
    for entry in deleted {
      guard let number = numbers[try vault.path(of: entry.point)] else { continue }
      if !points[number].wasDeleted { throw Violation("point \(number) is in the trash") }
    }
    return listed
      + deleted.filter { entry in
        !entry.tiers.isEmpty && !listed.contains { $0.point.id == entry.point.id }
      }
  }

  private func check(
    _ number: Int, _ listed: ListedPoint?, _ vault: Vault, _ notices: Notices
  ) throws {
    let promising = tiers.filter { !promisers(of: number, in: $0).isEmpty }
    guard let listed else {
      if promising.isEmpty { return }
      throw Violation("point \(number) is not listed, and \(promising) should have it")
    }
    for tier in promising {
      // A tier that was away learns with the next writing that a point came back.
      if points[number].wasDeleted, !listed.tiers.contains(tier) { continue }
      guard listed.tiers.contains(tier) else {
        throw Violation("point \(number) is not listed in the \(tier.rawValue) tier")
      }
      let open = try OpenTier(try vault.require(tier), notices: notices)
      try restore(number, listed.point, from: open, isPromised: true, "the \(tier.rawValue) tier")
    }
    let holding = try listed.tiers.map { try vault.require($0) }
    let open: OpenTier
    do {
      open = try OpenTier(holding[0], notices: notices, otherTiers: Array(holding.dropFirst()))
    } catch {
      if promising.isEmpty { return }
      throw error
    }
    try restore(number, listed.point, from: open, isPromised: !promising.isEmpty, "any tier")
  }

  /// Any one store is enough: restores from one that holds the point, with all others gone.
  private func checkOneStore(
    _ number: Int, _ listed: ListedPoint?, _ notices: Notices, _ random: inout SeededRandom
  ) throws {
    let choices = stores.filter { !$0.isAway && $0.promised.contains(number) }
    guard let listed, !choices.isEmpty else { return }
    let store = choices[random.below(choices.count)]
    let vault = try vault(with: [store], notices)
    guard try everyPoint(of: vault, notices).contains(where: { $0.point.id == listed.point.id })
    else {
      if points[number].wasDeleted { return }
      throw Violation("\(store.name) alone does not list point \(number)")
    }
    let open = try OpenTier(try vault.require(store.tier), notices: notices)
    try restore(number, listed.point, from: open, isPromised: true, "\(store.name) alone")
  }

  /// - Parameter isPromised: whether it has to be there; what comes has to be right in any case.
  private func restore(
    _ number: Int, _ point: RecoveryPoint, from open: OpenTier, isPromised: Bool, _ place: String
  ) throws {
    let expected = points[number].disks
    guard point.disks.count == expected.count else {
      throw Violation("point \(number) has \(point.disks.count) disks")
    }
    for (disk, bytes) in zip(point.disks, expected) {
      let found: [UInt8]
      do {
        // Few go through a file, which costs more than all the rest.
        let isFile = shape.isOnDisk || number % 8 == 5
        found = isFile ? try restoredFile(disk, open) : try contents(of: disk, in: open)
      } catch {
        guard isPromised else { return }
        throw Violation("point \(number) does not restore from \(place): \(error)")
      }
      if let byte = firstDifference(found, bytes) {
        throw Violation("point \(number) restores wrong from \(place): byte \(byte) differs")
      }
    }
  }

  private func restoredFile(_ disk: RecoveryPoint.Disk, _ open: OpenTier) throws -> [UInt8] {
    let target = images.appending("restored")
    var restore = DiskRestore(disk: disk, target: target)
    restore.workerCount = 1
    try restore.run(from: open, progress: Progress(), cancellation: Cancellation())
    defer { do { try removeFile(target) } catch {} }
    return try readFile(target)
  }
}

/// What a disk holds, read as a restore reads it.
private func contents(of disk: RecoveryPoint.Disk, in open: OpenTier) throws -> [UInt8] {
  guard let tree = disk.tree else { throw Violation("disk \(disk.name) has no root") }
  var bytes = [UInt8](repeating: 0, count: Int(disk.size))
  var maps: [(region: UInt64, map: ContentID)] = []
  var reader = TierReader(open)
  try tree.forEachRegion {
    try reader.map($0)
  } visit: {
    maps.append(($0, $1))
  }
  var chunk = AlignedBuffer(capacity: RegionMap.maximumChunkByteCount)
  for (region, id) in maps {
    let range = Region.range(region, diskByteCount: disk.size)
    let encoded = try reader.map(id)
    let map = try RegionMap(decoding: encoded.span.bytes, byteCount: range.count)
    var position = Int(range.lowerBound)
    for item in map.items {
      if case .chunk(let id, let count) = item {
        try reader.read([WantedChunk(id: id, byteCount: count, target: 0)], into: &chunk)
        let place = position..<position + count
        bytes.replaceSubrange(place, with: [UInt8](chunk.bytes.extracting(0..<count)))
      }
      position += item.byteCount
    }
  }
  return bytes
}
