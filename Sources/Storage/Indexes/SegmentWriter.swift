internal import Bytes
package import Hashing
package import Packs

/// A chunk or map and where it lies in its pack.
package struct IndexEntry: Sendable, Equatable {
  package let id: ContentID
  /// Where the record's header begins, in bytes from the pack's start.
  package let offset: UInt32
  /// Bytes of the stored payload, without the header.
  package let storedByteCount: UInt32
  package let plainByteCount: UInt32
}

/// A pack and what lies in it, on the way into the index.
package struct IndexedPack: Sendable {
  package let id: PackID
  /// Bytes of the whole pack.
  package let byteCount: UInt64
  package let entries: [IndexEntry]

  package init(id: PackID, byteCount: UInt64, entries: [PackEntry]) {
    self.id = id
    self.byteCount = byteCount
    self.entries = entries.map {
      IndexEntry(
        id: $0.id, offset: $0.offset, storedByteCount: $0.storedByteCount,
        plainByteCount: $0.plainByteCount)
    }
  }

  package init(id: PackID, byteCount: UInt64, indexed entries: [IndexEntry]) {
    self.id = id
    self.byteCount = byteCount
    self.entries = entries
  }
}

/// The bytes of a segment that lists what lies in `packs`, and its name.
///
/// - Complexity: sorts all entries; takes about 130 bytes of memory for each.
package func encodeSegment(
  _ packs: [IndexedPack], digester: inout Digester
) -> (bytes: [UInt8], name: Digest) {
  var rows: [Row] = []
  rows.reserveCapacity(packs.reduce(0) { $0 + $1.entries.count })
  for (number, pack) in packs.enumerated() {
    for entry in pack.entries { rows.append(Row(entry: entry, pack: UInt32(number))) }
  }
  rows.sort { $0.id < $1.id }
  let layout = SegmentLayout(packCount: packs.count, entryCount: rows.count)
  var writer = ByteWriter(reservingCapacity: layout.byteCount)
  writePreamble(packs, rows, layout, to: &writer)
  writer.digest(digester.digest(writer.bytes.span.bytes))
  writeFilter(rows, layout, to: &writer)
  for row in rows {
    writer.digest(row.id.digest)
    writer.integer(row.pack)
    writer.integer(row.entry.offset)
    writer.integer(row.entry.storedByteCount)
    writer.integer(row.entry.plainByteCount)
  }
  return (writer.bytes, digester.digest(writer.bytes.span.bytes))
}

private struct Row {
  let entry: IndexEntry
  let pack: UInt32
  var id: ContentID { entry.id }
}

private func writePreamble(
  _ packs: [IndexedPack], _ rows: [Row], _ layout: SegmentLayout, to writer: inout ByteWriter
) {
  writer.append("KLUISIDX")
  writer.integer(SegmentFormat.version)
  for value in [layout.fanoutBits, layout.packCount, layout.filterBlocks, layout.entryCount, 0] {
    writer.integer(UInt32(value))
  }
  for pack in packs {
    writer.digest(pack.id.digest)
    writer.integer(pack.byteCount)
  }
  var counts = [UInt32](repeating: 0, count: 1 << layout.fanoutBits)
  for row in rows { counts[fanoutPlace(row.id, bits: layout.fanoutBits)] += 1 }
  var total: UInt32 = 0
  for count in counts {
    total += count
    writer.integer(total)
  }
}

private func writeFilter(_ rows: [Row], _ layout: SegmentLayout, to writer: inout ByteWriter) {
  var filter = [UInt32](repeating: 0, count: layout.filterBlocks * 8)
  for row in rows { Filter.insert(row.id.digest, into: &filter) }
  for word in filter { writer.integer(word) }
}

/// The place of an id in the fan-out table: its first bits.
func fanoutPlace(_ id: ContentID, bits: Int) -> Int {
  bits == 0 ? 0 : Int(id.digest.words.0 >> UInt64(64 - bits))
}
