package import Bytes
package import Hashing
internal import Indexes
internal import Packs
internal import Stores

/// A chunk or map that no copy gives.
package enum ReadError: Error, Sendable, CustomStringConvertible {
  /// The index knows nothing of it.
  case unknown(ContentID, tier: Tier.Name)
  /// Every place where it should be, and what is wrong there.
  case lost(ContentID, tier: Tier.Name, reasons: [String])

  package var description: String {
    switch self {
    case .unknown(let id, let tier): "\(id) is not in the index of the \(tier.rawValue) tier"
    case .lost(let id, let tier, let reasons):
      "no good copy of \(id) in the \(tier.rawValue) tier: \(reasons.joined(separator: "; "))"
    }
  }
}

/// A chunk that is wanted, and where its bytes go.
package struct WantedChunk: Sendable {
  package let id: ContentID
  package let byteCount: Int
  /// Where it begins in the caller's memory.
  package let target: Int

  package init(id: ContentID, byteCount: Int, target: Int) {
    self.id = id
    self.byteCount = byteCount
    self.target = target
  }
}

/// Reads chunks and maps by their names and checks every one; one for each thread.
package struct TierReader: ~Copyable {
  package let open: OpenTier
  private var index: TierIndex
  private var opener = RecordOpener()
  private var records: AlignedBuffer
  /// Bytes read from packs so far.
  package private(set) var storedByteCount: UInt64 = 0

  /// Two records this far apart are read at once, with what lies between them.
  private static let largestGap = 64 << 10

  package init(_ open: OpenTier) {
    self.open = open
    index = open.index
    records = AlignedBuffer(capacity: RecordRun.largestRecord)
  }

  /// The bytes of a map.
  package mutating func map(_ id: ContentID) throws -> [UInt8] {
    let location = try locate(id)
    var bytes = [UInt8](repeating: 0, count: Int(location.plainByteCount))
    var span = bytes.mutableSpan
    var raw = span.mutableBytes
    try read(id, into: &raw)
    return bytes
  }

  /// Fills `target`, which has the chunk's length, from the first good copy.
  package mutating func read(_ id: ContentID, into target: inout MutableRawSpan) throws {
    do throws(ReadError) { try readFromCopies(id, into: &target) } catch {
      guard try open.recheckIndex() || index.published.count != open.index.published.count
      else { throw error }
      index = open.index
      try readFromCopies(id, into: &target)
    }
  }

  /// Reads many chunks into `target`; those that lie side by side in a pack in one go.
  ///
  /// - Parameter chunks: in the order in which they are to be read.
  package mutating func read(_ chunks: [WantedChunk], into target: inout AlignedBuffer) throws {
    var first = 0
    while first < chunks.count {
      let start = try locate(chunks[first].id)
      var locations = [start]
      var end = Int(start.offset) + start.recordByteCount
      while first + locations.count < chunks.count {
        let next = try locate(chunks[first + locations.count].id)
        let nextEnd = Int(next.offset) + next.recordByteCount
        guard next.pack == start.pack, Int(next.offset) >= end,
          Int(next.offset) - end <= Self.largestGap, nextEnd - Int(start.offset) <= records.capacity
        else { break }
        locations.append(next)
        end = nextEnd
      }
      try readRun(chunks[first..<first + locations.count], at: locations, into: &target)
      first += locations.count
    }
  }

  private mutating func readRun(
    _ chunks: ArraySlice<WantedChunk>, at locations: [RecordLocation],
    into target: inout AlignedBuffer
  ) throws {
    let start = Int(locations[0].offset)
    let end = Int(locations.last!.offset) + locations.last!.recordByteCount
    let isRead = fetch(locations[0].pack, start..<end, from: open.tier.stores[0]) == nil
    for (chunk, location) in zip(chunks, locations) {
      var place = target.mutableBytes(chunk.target..<chunk.target + chunk.byteCount)
      let offset = Int(location.offset) - start
      let isGood = isRead && opened(chunk.id, location, at: offset, into: &place) == nil
      if !isGood { try read(chunk.id, into: &place) }
    }
  }

  private func locate(_ id: ContentID) throws -> RecordLocation {
    if let location = index.location(of: id) { return location }
    guard try open.recheckIndex(), let location = open.index.location(of: id) else {
      throw ReadError.unknown(id, tier: open.tier.name)
    }
    return location
  }

  private mutating func readFromCopies(
    _ id: ContentID, into target: inout MutableRawSpan
  ) throws(ReadError) {
    var reasons: [String] = []
    for location in index.locations(of: id) {
      let start = Int(location.offset)
      for store in open.tier.stores {
        let problem =
          fetch(location.pack, start..<start + location.recordByteCount, from: store)
          ?? opened(id, location, at: 0, into: &target)
        guard let problem else {
          for reason in reasons { open.notices.add(reason) }
          return
        }
        reasons.append("pack \(location.pack) in store \(store.name): \(problem)")
      }
    }
    if reasons.isEmpty { throw .unknown(id, tier: open.tier.name) }
    throw .lost(id, tier: open.tier.name, reasons: reasons)
  }

  /// Reads a part of a pack to the start of `records`; gives what went wrong.
  private mutating func fetch(
    _ pack: PackID, _ range: Range<Int>, from store: any Store
  ) -> String? {
    guard range.count <= records.capacity else { return "the index promises too large a record" }
    var span = records.mutableBytes(0..<range.count)
    do throws(StoreError) {
      try store.read(.pack(pack), from: UInt64(range.lowerBound), into: &span)
    } catch { return error.description }
    storedByteCount += UInt64(range.count)
    return nil
  }

  /// Expands and checks the record that lies `offset` bytes into `records`; gives what is wrong.
  private mutating func opened(
    _ id: ContentID, _ location: RecordLocation, at offset: Int, into target: inout MutableRawSpan
  ) -> String? {
    openRecord(id, location, in: records, at: offset, with: &opener, into: &target)
  }
}

private func openRecord(
  _ id: ContentID, _ location: RecordLocation, in records: borrowing AlignedBuffer, at offset: Int,
  with opener: inout RecordOpener, into target: inout MutableRawSpan
) -> String? {
  let record = records.bytes.extracting(offset..<offset + location.recordByteCount)
  do throws(PackDamage) {
    try opener.open(record, at: location.offset, expecting: id, into: &target)
  } catch { return error.description }
  return nil
}
