package import Bytes
package import Hashing
internal import Indexes
package import Packs
internal import Stores

/// A chunk or map that no copy gives.
package enum ReadError: Error, Sendable, CustomStringConvertible {
  /// The index knows nothing of it, or only packs that are gone.
  case unknown(ContentID, tier: Tier.Name, missingPacks: [PackID])
  /// Every place where it should be, and what is wrong there.
  case lost(ContentID, tier: Tier.Name, reasons: [String])

  package var id: ContentID {
    switch self {
    case .unknown(let id, _, _), .lost(let id, _, _): id
    }
  }

  package var description: String {
    switch self {
    case .unknown(let id, let tier, let packs):
      let gone = packs.isEmpty ? "" : "; gone are the packs \(joined(packs.map(\.description)))"
      return "\(id) is not in the index of the \(tier.rawValue) tier\(gone)"
    case .lost(let id, let tier, let reasons):
      return "no good copy of \(id) in the \(tier.rawValue) tier: \(joined(reasons))"
    }
  }

  private func joined(_ parts: [String]) -> String {
    let shown = parts.prefix(4).joined(separator: "; ")
    return parts.count > 4 ? "\(shown); and \(parts.count - 4) more" : shown
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

  /// Adds a chunk or map to `run` as it is sealed, once its bytes have been checked.
  ///
  /// - Parameters:
  ///   - byteCount: its plain length.
  ///   - scratch: room for the largest record, expanded only to be checked.
  package mutating func copySealed(
    _ id: ContentID, byteCount: Int, to run: inout RecordRun, scratch: inout AlignedBuffer
  ) throws {
    var target = scratch.mutableBytes(0..<byteCount)
    try read(id, into: &target)
    // What was read last lies at the start of `records`, and its header was checked with it.
    let header = records.bytes.extracting(0..<RecordHeader.byteCount)
    guard let entry = RecordHeader.read(header, offset: 0) else {
      preconditionFailure("a record that was opened has a header")
    }
    let payload = RecordHeader.byteCount..<entry.recordByteCount
    run.append(sealed: records.bytes.extracting(payload), of: entry)
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

  private mutating func locate(_ id: ContentID) throws -> RecordLocation {
    if let location = index.location(of: id) { return location }
    // This reader or another one may be the first to find the index damaged; both take the new one.
    _ = try open.recheckIndex()
    index = open.index
    guard let location = index.location(of: id) else {
      throw unknown(id)
    }
    return location
  }

  private func unknown(_ id: ContentID) -> ReadError {
    .unknown(id, tier: open.tier.name, missingPacks: index.missingPacks)
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
    if reasons.isEmpty { throw unknown(id) }
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
