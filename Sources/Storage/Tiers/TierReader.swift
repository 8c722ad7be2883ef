package import Bytes
package import Hashing
internal import Indexes
internal import Packs
internal import Stores

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

  /// Its place in the caller's memory.
  var range: Range<Int> { target..<target + byteCount }
}

/// Reads chunks and maps by their names and checks every one; one for each thread.
package struct TierReader: ~Copyable {
  package let open: OpenTier
  private var index: TierIndex
  private var opener: RecordOpener
  private var records: AlignedBuffer
  private var others: [OtherReader]?

  /// A reader of another tier, in an array.
  private final class OtherReader {
    var reader: TierReader
    init(_ reader: consuming TierReader) { self.reader = reader }
  }

  /// Two records this far apart are read at once, with what lies between them.
  private static let largestGap = 64 << 10

  package init(_ open: OpenTier) {
    self.open = open
    index = open.index
    opener = RecordOpener(open.tier.protection)
    records = AlignedBuffer(capacity: RecordRun.largestRecord)
  }

  /// The bytes of a map.
  package mutating func map(_ id: ContentID) throws -> [UInt8] {
    do { return try ownMap(id) } catch let error as ReadError {
      return try fromOtherTiers(after: error) { reader in try reader.map(id) }
    }
  }

  /// The bytes of a chunk or map whose length is not known for sure.
  package mutating func bytes(of id: ContentID) throws -> [UInt8] { try map(id) }

  private mutating func ownMap(_ id: ContentID) throws -> [UInt8] {
    let location = try locate(id)
    do { return try map(id, at: location) } catch {
      // Reading may have found the index damaged and taken another, which knows the length.
      let better = try locate(id)
      guard better.plainByteCount != location.plainByteCount else { throw error }
      return try map(id, at: better)
    }
  }

  private mutating func map(_ id: ContentID, at location: RecordLocation) throws -> [UInt8] {
    let byteCount = min(Int(location.plainByteCount), RecordHeader.maximumPlainByteCount)
    var bytes = [UInt8](repeating: 0, count: byteCount)
    var span = bytes.mutableSpan
    var raw = span.mutableBytes
    try readHere(id, into: &raw)
    return bytes
  }

  /// Fills `target`, which has the chunk's length, from the first good copy.
  package mutating func read(_ id: ContentID, into target: inout MutableRawSpan) throws {
    do { try readHere(id, into: &target) } catch let error as ReadError {
      try fromOtherTiers(after: error) { reader in try reader.read(id, into: &target) }
    }
  }

  private mutating func readHere(_ id: ContentID, into target: inout MutableRawSpan) throws {
    do throws(ReadError) { try readFromCopies(id, into: &target) } catch {
      guard try open.recheckIndex() || index.revision != open.index.revision else { throw error }
      index = open.index
      try readFromCopies(id, into: &target)
    }
  }

  /// Asks the next tiers for what this one has lost.
  private mutating func fromOtherTiers<Result>(
    after error: ReadError, _ body: (inout TierReader) throws -> Result
  ) throws -> Result {
    for other in openOthers() {
      do {
        let result = try body(&other.reader)
        for location in index.locations(of: error.id) {
          for store in open.tier.stores {
            open.repair.heal(location.pack, in: store, after: "\(error.id) is damaged")
          }
        }
        open.notices.add(
          "the \(open.tier.name.rawValue) tier has lost something, which the "
            + "\(other.reader.open.tier.name.rawValue) tier gave: run `kluis scrub --repair`")
        return result
      } catch is ReadError { continue }
    }
    throw error
  }

  private mutating func openOthers() -> [OtherReader] {
    if let others { return others }
    let opened = open.openOtherTiers().map { OtherReader(TierReader($0)) }
    others = opened
    return opened
  }

  /// Reads many chunks into `target`; those that lie side by side in a pack in one go, and all
  /// are checked together.
  ///
  /// - Parameter chunks: in the order in which they are to be read.
  package mutating func read(_ chunks: [WantedChunk], into target: inout AlignedBuffer) throws {
    var unchecked: [WantedChunk] = []
    var rest = chunks[...]
    while let first = rest.first {
      let locations = recordsSideBySide(rest)
      if locations.isEmpty {
        var place = target.mutableBytes(first.range)
        try read(first.id, into: &place)
      } else {
        unchecked += try expandRun(rest.prefix(locations.count), at: locations, into: &target)
      }
      rest = rest.dropFirst(max(1, locations.count))
    }
    let names = opener.names(of: unchecked.map(\.range), in: target.bytes)
    for (chunk, name) in zip(unchecked, names) where name != chunk.id {
      var place = target.mutableBytes(chunk.range)
      try read(chunk.id, into: &place)
    }
  }

  /// Has the system read ahead what ``read(_:into:)`` will read for these chunks.
  package func willNeed(_ chunks: [WantedChunk]) {
    var rest = chunks[...]
    while !rest.isEmpty {
      let locations = recordsSideBySide(rest)
      if let range = byteRange(of: locations) {
        open.tier.stores[0].willNeed(
          .pack(locations[0].pack), UInt64(range.lowerBound)..<UInt64(range.upperBound))
      }
      rest = rest.dropFirst(max(1, locations.count))
    }
  }

  /// Where the first of these chunks lie, as many as can be read in one go; none where it is not
  /// known where the first one lies.
  private func recordsSideBySide(_ chunks: ArraySlice<WantedChunk>) -> [RecordLocation] {
    guard let first = chunks.first, let start = locateHere(first.id) else { return [] }
    var locations = [start]
    var end = Int(start.offset) + start.recordByteCount
    for chunk in chunks.dropFirst() {
      guard let next = locateHere(chunk.id), next.pack == start.pack else { break }
      let nextEnd = Int(next.offset) + next.recordByteCount
      guard Int(next.offset) >= end, Int(next.offset) - end <= Self.largestGap,
        nextEnd - Int(start.offset) <= records.capacity
      else { break }
      locations.append(next)
      end = nextEnd
    }
    return locations
  }

  /// The part of a pack that holds records in their order; nil for none.
  private func byteRange(of records: [RecordLocation]) -> Range<Int>? {
    guard let first = records.first, let last = records.last else { return nil }
    return Int(first.offset)..<Int(last.offset) + last.recordByteCount
  }

  /// Reads chunks whose records lie side by side; gives those whose names are to be checked yet.
  private mutating func expandRun(
    _ chunks: ArraySlice<WantedChunk>, at locations: [RecordLocation],
    into target: inout AlignedBuffer
  ) throws -> [WantedChunk] {
    guard let range = byteRange(of: locations) else { return [] }
    let isRead = fetch(locations[0].pack, range, from: open.tier.stores[0]) == nil
    var expanded: [WantedChunk] = []
    for (chunk, location) in zip(chunks, locations) {
      var place = target.mutableBytes(chunk.range)
      let offset = Int(location.offset) - range.lowerBound
      if isRead,
        expandRecord(
          chunk.id, location, in: records, at: offset, with: &opener, into: &place)
      {
        expanded.append(chunk)
      } else {
        try read(chunk.id, into: &place)
      }
    }
    return expanded
  }

  private func locateHere(_ id: ContentID) -> RecordLocation? { index.location(of: id) }

  private mutating func locate(_ id: ContentID) throws -> RecordLocation {
    if let location = locateHere(id) { return location }
    // This reader or another one may be the first to find the index damaged; both take the new one.
    _ = try open.recheckIndex()
    index = open.index
    guard let location = locateHere(id) else { throw unknown(id) }
    return location
  }

  private func unknown(_ id: ContentID) -> ReadError {
    .unknown(id, tier: open.tier.name, missingPacks: index.missingPacks)
  }

  private mutating func readFromCopies(
    _ id: ContentID, into target: inout MutableRawSpan
  ) throws(ReadError) {
    var failed: [(pack: PackID, store: any Store, problem: String)] = []
    for location in index.locations(of: id) {
      let start = Int(location.offset)
      for store in open.tier.stores {
        let problem =
          fetch(location.pack, start..<start + location.recordByteCount, from: store)
          ?? opened(id, location, at: 0, into: &target)
        guard let problem else {
          for copy in failed { open.repair.heal(copy.pack, in: copy.store, after: copy.problem) }
          return
        }
        failed.append((location.pack, store, problem))
      }
    }
    if failed.isEmpty { throw unknown(id) }
    throw .lost(
      id, tier: open.tier.name,
      reasons: failed.map { "pack \($0.pack) in store \($0.store.name): \($0.problem)" })
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

/// Expands a record without checking its name; false where that cannot be done.
private func expandRecord(
  _ id: ContentID, _ location: RecordLocation, in records: borrowing AlignedBuffer, at offset: Int,
  with opener: inout RecordOpener, into target: inout MutableRawSpan
) -> Bool {
  let record = records.bytes.extracting(offset..<offset + location.recordByteCount)
  do throws(PackDamage) {
    try opener.expand(record, at: location.offset, claimedToBe: id, into: &target)
  } catch { return false }
  return true
}
