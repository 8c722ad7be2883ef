/// A byte of a vault's file, and what it belongs to.
struct DamagePlace {
  let name: String
  let offset: Int
}

/// A byte of every kind that a file of a vault has, and some more anywhere.
func places(
  in file: String, _ bytes: [UInt8], _ random: inout SeededGenerator
) -> [DamagePlace] {
  var parts: [(name: String, range: Range<Int>)] = [("anywhere", 0..<bytes.count)]
  if file.hasSuffix(".pack") { parts += packParts(bytes) }
  if file.hasSuffix(".index") { parts += indexParts(bytes) }
  if file.hasSuffix(".json") { parts += documentParts(bytes) }
  var places = parts.filter { !$0.range.isEmpty }.map { part in
    DamagePlace(name: part.name, offset: Int.random(in: part.range, using: &random))
  }
  places.append(DamagePlace(name: "the first byte", offset: 0))
  places.append(DamagePlace(name: "the last byte", offset: bytes.count - 1))
  return places
}

/// The fields of a pack: see `PackFormat` and `RecordHeader`.
private func packParts(_ bytes: [UInt8]) -> [(String, Range<Int>)] {
  let trailer = bytes.count - 48
  let directory = integer(bytes, at: trailer + 32)
  let payload = integer(bytes, at: 16 + 8)
  return [
    ("magic", 0..<8), ("version", 8..<12), ("reserved", 12..<16), ("record magic", 16..<20),
    ("record kind", 20..<21), ("record codec", 21..<22), ("record reserved", 22..<24),
    ("record stored", 24..<28), ("record plain", 28..<32), ("record id", 32..<64),
    ("payload", 64..<64 + payload), ("some record", 64 + payload..<directory),
    ("directory id", directory..<directory + 32),
    ("directory offset", directory + 32..<directory + 36),
    ("directory stored", directory + 36..<directory + 40),
    ("directory plain", directory + 40..<directory + 44),
    ("directory kind", directory + 44..<directory + 45),
    ("directory codec", directory + 45..<directory + 46), ("directory", directory..<trailer),
    ("trailer digest", trailer..<trailer + 32), ("trailer offset", trailer + 32..<trailer + 36),
    ("trailer count", trailer + 36..<trailer + 40), ("trailer magic", trailer + 40..<trailer + 48),
  ]
}

/// The fields of an index segment: see `SegmentFormat`.
private func indexParts(_ bytes: [UInt8]) -> [(String, Range<Int>)] {
  let packs = 32
  let fanout = packs + integer(bytes, at: 16) * 40
  let digest = fanout + 4 << integer(bytes, at: 12)
  let filter = digest + 32
  let entries = filter + integer(bytes, at: 20) * 32
  let count = integer(bytes, at: 24)
  let entry = entries + count / 2 * 48
  return [
    ("magic", 0..<8), ("version", 8..<12), ("fan-out bits", 12..<16), ("pack count", 16..<20),
    ("filter blocks", 20..<24), ("entry count", 24..<28), ("reserved", 28..<32),
    ("pack id", packs..<packs + 32), ("pack size", packs + 32..<packs + 40),
    ("fan-out", fanout..<digest), ("digest", digest..<filter), ("filter", filter..<entries),
    ("more of the filter", filter..<entries), ("entry id", entry..<entry + 32),
    ("entry pack", entry + 32..<entry + 36), ("entry offset", entry + 36..<entry + 40),
    ("entry stored", entry + 40..<entry + 44), ("entry plain", entry + 44..<entry + 48),
    ("entry plain, high", entry + 47..<entry + 48), ("entries", entries..<entries + count * 48),
  ]
}

/// The parts of a checked document: see `CheckedDocument`.
private func documentParts(_ bytes: [UInt8]) -> [(String, Range<Int>)] {
  let digest = bytes.count - 4 - 64
  return [
    ("head", 0..<9), ("body", 9..<digest - 12), ("more of the body", 9..<digest - 12),
    ("middle", digest - 12..<digest), ("digest", digest..<digest + 64),
    ("tail", digest + 64..<bytes.count),
  ]
}

/// The names of all chunks and maps that an index segment lists.
func namesInIndex(_ bytes: [UInt8]) -> [[UInt8]] {
  guard let entries = indexParts(bytes).first(where: { $0.0 == "entries" })?.1 else { return [] }
  return stride(from: entries.lowerBound, to: entries.upperBound, by: 48).map {
    Array(bytes[$0..<$0 + 32])
  }
}

private func integer(_ bytes: [UInt8], at offset: Int) -> Int {
  (0..<4).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) }
}
