package import Bytes
package import Hashing
internal import Packs
package import Stores

/// Where a record lies.
package struct RecordLocation: Sendable, Equatable {
  package let pack: PackID
  /// Where the record's header begins, in bytes from the pack's start.
  package let offset: UInt32
  /// Bytes of the stored payload, without the header.
  package let storedByteCount: UInt32
  package let plainByteCount: UInt32

  /// Bytes of header and payload.
  package var recordByteCount: Int { RecordHeader.byteCount + Int(storedByteCount) }
}

/// A part of the index that is not what its format says.
package struct SegmentDamage: Error, CustomStringConvertible {
  package let name: Digest
  package let store: String
  package let reason: String

  package init(name: Digest, store: String, reason: String) {
    self.name = name
    self.store = store
    self.reason = reason
  }

  package var description: String { "index segment \(name) in store \(store): \(reason)" }
}

/// One sorted list of the index, mapped and not loaded.
///
/// The preamble is checked when it is opened. Entries are not, since that would read them all: one
/// that is wrong leads to a record with another name, which is noticed there.
package final class Segment: Sendable {
  package let name: Digest
  private let mapped: SharedBytes
  private let layout: SegmentLayout
  /// The packs it lists, by their number.
  package let packs: [(id: PackID, byteCount: UInt64)]
  /// Numbers of listed packs that the store does not hold; entries in them count as not there.
  private let absent: Set<UInt32>
  /// Numbers of listed packs that are on their way out.
  private let tombstoned: Set<UInt32>

  /// - Parameter isPresent: whether a pack is there with that size.
  /// - Throws: ``SegmentDamage`` also where the store does not give the file.
  package convenience init(
    _ name: Digest, in store: any Store, isPresent: (PackID, UInt64) -> Bool,
    tombstoned: Set<PackID> = []
  ) throws(SegmentDamage) {
    let mapped: SharedBytes
    do throws(StoreError) { mapped = try store.map(.segment(name)) } catch {
      throw SegmentDamage(name: name, store: store.name, reason: error.description)
    }
    try self.init(
      name, mapped, from: store.name, isPresent: isPresent, tombstoned: tombstoned)
  }

  /// - Parameters:
  ///   - mapped: the whole segment.
  ///   - store: whose it is, for errors.
  ///   - isPresent: whether a pack is there with that size; entries of others count as absent.
  ///   - tombstoned: packs on their way out, of which ``find(_:)`` says nothing.
  package init(
    _ name: Digest, _ mapped: SharedBytes, from store: String,
    isPresent: (PackID, UInt64) -> Bool, tombstoned: Set<PackID> = []
  ) throws(SegmentDamage) {
    func damage(_ reason: String) -> SegmentDamage {
      SegmentDamage(name: name, store: store, reason: reason)
    }
    let mapped = mapped
    let bytes = mapped.bytes
    guard let layout = SegmentLayout(bytes) else {
      throw damage("the header is not a segment's, is of a newer version, or does not fit the size")
    }
    var digester = Digester()
    let preamble = bytes.extracting(0..<layout.digestOffset)
    guard digester.digest(preamble) == Digest(bytes, at: layout.digestOffset) else {
      throw damage("the digest of the preamble is wrong")
    }
    let packs: [(id: PackID, byteCount: UInt64)] = (0..<layout.packCount).map { number in
      let offset = layout.packsOffset + number * SegmentFormat.packByteCount
      let size = bytes.unsafeLoadUnaligned(fromByteOffset: offset + 32, as: UInt64.self)
      return (PackID(Digest(bytes, at: offset)), UInt64(littleEndian: size))
    }
    absent = Set(
      packs.indices.filter { !isPresent(packs[$0].id, packs[$0].byteCount) }.map(UInt32.init))
    self.tombstoned = numbers(of: tombstoned, in: packs)
    self.packs = packs
    self.name = name
    self.mapped = mapped
    self.layout = layout
  }

  /// The same segment with other packs on their way out.
  package init(_ segment: Segment, tombstoned: Set<PackID>) {
    name = segment.name
    mapped = segment.mapped
    layout = segment.layout
    packs = segment.packs
    absent = segment.absent
    self.tombstoned = numbers(of: tombstoned, in: packs)
  }

  package var entryCount: Int { layout.entryCount }
  package var byteCount: Int { layout.byteCount }
  package var missingPacks: [PackID] { absent.sorted().map { packs[Int($0)].id } }

  /// Whether every byte is as it was written. Reads all of them.
  package func isIntact(digester: inout Digester) -> Bool {
    let mapped = mapped
    return digester.digest(mapped.bytes) == name
  }

  /// Whether `id` may be listed; a false answer is certain and costs one cache line.
  package func mayContain(_ id: ContentID) -> Bool {
    let mapped = mapped
    return Filter.mayContain(
      id.digest, in: mapped.bytes, at: layout.filterOffset, blocks: layout.filterBlocks)
  }

  /// The number of the first entry for `id` whose pack is there, and not on its way out; nil where
  /// none is.
  ///
  /// - Complexity: a binary search in about a page of entries.
  package func find(_ id: ContentID) -> Int? { find(id) { !tombstoned.contains($0) } }

  /// The same in packs that are on their way out.
  package func findTombstoned(_ id: ContentID) -> Int? {
    tombstoned.isEmpty ? nil : find(id) { tombstoned.contains($0) }
  }

  private func find(_ id: ContentID, _ isWanted: (UInt32) -> Bool) -> Int? {
    let mapped = mapped
    let bytes = mapped.bytes
    let place = fanoutPlace(id, bits: layout.fanoutBits)
    var low = place == 0 ? 0 : fanout(place - 1, bytes)
    var high = fanout(place, bytes)
    guard low <= high, high <= layout.entryCount else { return nil }
    while low < high {
      let middle = (low + high) / 2
      if self.id(of: middle, bytes) < id { low = middle + 1 } else { high = middle }
    }
    while low < layout.entryCount, self.id(of: low, bytes) == id {
      let pack = packNumber(of: low, bytes)
      if pack < packs.count, !absent.contains(pack), isWanted(pack) { return low }
      low += 1
    }
    return nil
  }

  package func location(of number: Int) -> RecordLocation {
    let mapped = mapped
    let bytes = mapped.bytes
    let entry = entry(number, bytes)
    return RecordLocation(
      pack: packs[Int(packNumber(of: number, bytes))].id, offset: entry.offset,
      storedByteCount: entry.storedByteCount, plainByteCount: entry.plainByteCount)
  }

  /// The name of what an entry lists.
  package func id(of number: Int) -> ContentID {
    let mapped = mapped
    return id(of: number, mapped.bytes)
  }

  /// Everything that is listed for packs that are there.
  ///
  /// - Parameter isComplete: false to leave out those on their way out.
  package func indexedPacks(isComplete: Bool = true) -> [IndexedPack] {
    let mapped = mapped
    let bytes = mapped.bytes
    var entries = [[IndexEntry]](repeating: [], count: packs.count)
    for number in 0..<layout.entryCount {
      let pack = Int(packNumber(of: number, bytes))
      if pack < packs.count { entries[pack].append(entry(number, bytes)) }
    }
    let left = isComplete ? absent : absent.union(tombstoned)
    return packs.indices.filter { !left.contains(UInt32($0)) }.map {
      IndexedPack(id: packs[$0].id, byteCount: packs[$0].byteCount, indexed: entries[$0])
    }
  }

  /// What is listed for one pack, whether it is there or not, in the pack's order; nil where the
  /// segment does not list it.
  ///
  /// - Complexity: looks at every entry.
  package func indexedPack(_ id: PackID) -> IndexedPack? {
    guard let pack = packs.firstIndex(where: { $0.id == id }) else { return nil }
    let mapped = mapped
    let bytes = mapped.bytes
    let entries = (0..<layout.entryCount)
      .filter { packNumber(of: $0, bytes) == UInt32(pack) }.map { entry($0, bytes) }
    return IndexedPack(
      id: id, byteCount: packs[pack].byteCount, indexed: entries.sorted { $0.offset < $1.offset })
  }

  private func entry(_ number: Int, _ bytes: RawSpan) -> IndexEntry {
    let start = layout.entriesOffset + number * SegmentFormat.entryByteCount
    func field(_ offset: Int) -> UInt32 {
      UInt32(
        littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: start + offset, as: UInt32.self))
    }
    return IndexEntry(
      id: ContentID(Digest(bytes, at: start)), offset: field(36), storedByteCount: field(40),
      plainByteCount: field(44))
  }

  private func fanout(_ place: Int, _ bytes: RawSpan) -> Int {
    let offset = layout.fanoutOffset + place * 4
    return Int(
      UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self)))
  }

  private func id(of number: Int, _ bytes: RawSpan) -> ContentID {
    ContentID(Digest(bytes, at: layout.entriesOffset + number * SegmentFormat.entryByteCount))
  }

  private func packNumber(of number: Int, _ bytes: RawSpan) -> UInt32 {
    let offset = layout.entriesOffset + number * SegmentFormat.entryByteCount + 32
    return UInt32(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }
}

private func numbers(
  of wanted: Set<PackID>, in packs: [(id: PackID, byteCount: UInt64)]
) -> Set<UInt32> {
  wanted.isEmpty ? [] : Set(packs.indices.filter { wanted.contains(packs[$0].id) }.map(UInt32.init))
}
