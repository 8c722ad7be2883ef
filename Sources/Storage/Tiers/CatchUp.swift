internal import Bytes
package import Hashing
internal import Packs
package import Stores
internal import Workers

/// Gives each store of a tier the packs and index segments that it misses: after writes were cut
/// off, or while it was away.
///
/// Whoever writes to the tier does this first, since what is stored already must be stored on every
/// copy before a new point may lean on it.
struct CatchUp: ~Copyable {
  private let tier: Tier
  private let notices: Notices
  private let progress: Progress
  private let cancellation: Cancellation
  private let othersWrite: () -> Bool
  private let othersWroteFirst: Bool
  private let pool = PackWriter.makeBufferPool()
  private var digester = Digester()
  private var caughtUp: [String: Int] = [:]

  /// - Parameter othersWrite: whether somebody else writes to the tier now. What one store has a
  ///   little later than another says nothing then, and nothing is told of it.
  init(
    _ tier: Tier, othersWrite: @escaping () -> Bool, notices: Notices, progress: Progress,
    cancellation: Cancellation
  ) {
    self.tier = tier
    self.othersWrite = othersWrite
    othersWroteFirst = tier.copyCount > 1 && othersWrite()
    self.notices = notices
    self.progress = progress
    self.cancellation = cancellation
  }

  /// - Returns: the packs that every store which is written to holds now.
  /// - Throws: ``StoreError``, ``Cancelled``.
  mutating func run() throws -> TierListing {
    guard tier.copyCount > 1 else { return try TierListing(of: tier, notices: notices) }
    let packs = try levelPacks()
    try levelSegments()
    if !caughtUp.isEmpty, !othersWroteFirst, !othersWrite() {
      for (store, count) in caughtUp.sorted(by: { $0.key < $1.key }) {
        notices.add("store \(store) lacked \(count) objects that others had, and was caught up")
      }
    }
    return TierListing(packs)
  }

  private mutating func levelPacks() throws -> [PackID: UInt64] {
    var level: [PackID: UInt64] = [:]
    var uneven: [(id: PackID, holders: [ObjectIdentifier: UInt64])] = []
    for (path, holders) in try holders(in: .packs) {
      guard let id = path.pack else { continue }
      if let byteCount = commonSize(of: holders) {
        level[id] = byteCount
      } else {
        uneven.append((id, holders))
        progress.expect(holders.values.max() ?? 0)
      }
    }
    for (id, holders) in uneven {
      try cancellation.check()
      let largest = holders.values.max() ?? 0
      if tier.holds(id, byteCount: largest) {
        // It came to the others while they were listed.
        level[id] = largest
      } else if let byteCount = try spread(id, to: holders) {
        level[id] = byteCount
      }
      progress.advance(largest)
    }
    return level
  }

  /// Which stores have each object of a folder, with its size there.
  private func holders(
    in folder: ObjectFolder
  ) throws(StoreError) -> [(ObjectPath, [ObjectIdentifier: UInt64])] {
    var found: [ObjectPath: [ObjectIdentifier: UInt64]] = [:]
    for store in tier.writable {
      let listed = try tier.attempt(store) { () throws(StoreError) in try store.list(folder) }
      for object in listed ?? [] {
        found[object.path, default: [:]][ObjectIdentifier(store)] = object.byteCount
      }
    }
    return found.sorted { $0.key < $1.key }
  }

  private func commonSize(of holders: [ObjectIdentifier: UInt64]) -> UInt64? {
    let sizes = tier.writable.map { holders[ObjectIdentifier($0)] }
    return Set(sizes).count == 1 ? sizes[0] : nil
  }

  /// Copies a pack from a good copy to the stores that have none, or one of another size.
  private mutating func spread(
    _ id: PackID, to holders: [ObjectIdentifier: UInt64]
  ) throws(StoreError) -> UInt64? {
    var reasons: [String] = []
    for store in tier.stores where holders[ObjectIdentifier(store)] != nil {
      let pack: SealedPack
      do throws(PackError) {
        pack = try SealedPack.load(id, from: store, pool: pool, digester: &digester)
      } catch {
        reasons.append("\(error)")
        continue
      }
      let byteCount = UInt64(pack.byteCount)
      for other in tier.writable where holders[ObjectIdentifier(other)] != byteCount {
        try catchUp(other) { () throws(StoreError) in
          try pack.withBytes { bytes throws(StoreError) in try other.put(bytes, at: .pack(id)) }
          return true
        }
      }
      return byteCount
    }
    notices.add("no good copy of pack \(id): \(reasons.joined(separator: "; "))")
    return nil
  }

  /// - Parameter put: says whether the store lacked something.
  private mutating func catchUp(
    _ store: any Store, with put: () throws(StoreError) -> Bool
  ) throws(StoreError) {
    if try tier.attempt(store, put) == true { caughtUp[store.name, default: 0] += 1 }
  }

  private mutating func levelSegments() throws {
    for (path, holders) in try holders(in: .index) {
      guard let name = path.segment, commonSize(of: holders) == nil else { continue }
      try cancellation.check()
      guard let (bytes, _) = goodSegment(name, among: tier.stores, &digester) else { continue }
      let byteCount = UInt64(bytes.count)
      for other in tier.writable where holders[ObjectIdentifier(other)] != byteCount {
        try catchUp(other) { () throws(StoreError) in
          // It may have come while the others were listed.
          if try other.byteCount(of: path) == byteCount { return false }
          try other.put(bytes.span.bytes, at: path)
          return true
        }
      }
    }
  }
}

/// A segment as the first of `stores` that has it undamaged gives it, and that store's name.
package func goodSegment(
  _ name: Digest, among stores: [any Store], _ digester: inout Digester
) -> (bytes: [UInt8], donor: String)? {
  for store in stores {
    do throws(StoreError) {
      let bytes = try store.readAll(.segment(name), limit: segmentByteLimit)
      if digester.digest(bytes.span.bytes) == name { return (bytes, store.name) }
    } catch { continue }
  }
  return nil
}

/// No segment is larger: one has at most some hundred thousand records.
private let segmentByteLimit = 1 << 30
