internal import Bytes
package import Hashing

/// Which chunks make up a region, in order.
///
///     regionMap := "KRGN" version:u32 count:u32 length:u32*count id:32*
///
/// Integers are little-endian. A length is in bytes; its highest bit is set for a run of zeros,
/// which has no id; the others' ids follow in the same order. The lengths add up to the region's.
/// Two runs of zeros never follow one another, so that equal bytes have equal maps. Version 1.
package struct RegionMap: Sendable, Equatable {
  package enum Item: Sendable, Equatable {
    case zeros(byteCount: Int)
    case chunk(ContentID, byteCount: Int)

    package var byteCount: Int {
      switch self {
      case .zeros(let count), .chunk(_, let count): count
      }
    }
  }

  package private(set) var items: [Item] = []
  package private(set) var byteCount = 0

  /// No chunk is longer, whatever a vault's chunk sizes are.
  package static let maximumChunkByteCount = 4 << 20

  private static let zeroBit: UInt32 = 1 << 31
  private static let headerByteCount = 12
  private static let version: UInt32 = 1

  package init() {}

  /// Whether the whole region is zeros.
  package var isZero: Bool {
    items.allSatisfy { if case .zeros = $0 { true } else { false } }
  }

  package mutating func append(_ item: Item) {
    precondition(item.byteCount > 0, "an item of a map has a length")
    byteCount += item.byteCount
    if case .zeros(let more) = item, case .zeros(let count)? = items.last {
      items[items.count - 1] = .zeros(byteCount: count + more)
    } else {
      items.append(item)
    }
  }

  package func encoded() -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: Self.headerByteCount + items.count * 36)
    writer.append("KRGN")
    writer.integer(Self.version)
    writer.integer(UInt32(items.count))
    for item in items {
      switch item {
      case .zeros(let count): writer.integer(UInt32(count) | Self.zeroBit)
      case .chunk(_, let count): writer.integer(UInt32(count))
      }
    }
    for case .chunk(let id, _) in items { writer.digest(id.digest) }
    return writer.bytes
  }

  /// - Parameter byteCount: the region's length, which the items must fill.
  package init(decoding bytes: RawSpan, byteCount: Int) throws(MapDamage) {
    var reader = ByteReader(bytes)
    do {
      guard try reader.take(4).starts(with: "KRGN"), try reader.integer(UInt32.self) == Self.version
      else { throw MapDamage(reason: "it is no region map of version \(Self.version)") }
      try readItems(&reader)
    } catch let error as MapDamage { throw error } catch {
      throw MapDamage(reason: "it ends too early")
    }
    guard reader.remaining == 0 else { throw MapDamage(reason: "it is too long") }
    guard self.byteCount == byteCount else {
      throw MapDamage(reason: "it covers \(self.byteCount) bytes of a region of \(byteCount)")
    }
  }

  private mutating func readItems(_ reader: inout ByteReader) throws {
    let count = Int(try reader.integer(UInt32.self))
    guard count <= reader.remaining / 4 else { throw MapDamage(reason: "it ends too early") }
    var lengths: [UInt32] = []
    lengths.reserveCapacity(count)
    for _ in 0..<count { lengths.append(try reader.integer()) }
    for length in lengths {
      let byteCount = Int(length & ~Self.zeroBit)
      guard byteCount > 0, self.byteCount + byteCount <= Int(Region.byteCount) else {
        throw MapDamage(reason: "an item of \(byteCount) bytes after \(self.byteCount)")
      }
      if length & Self.zeroBit != 0 {
        append(.zeros(byteCount: byteCount))
      } else {
        guard byteCount <= Self.maximumChunkByteCount else {
          throw MapDamage(reason: "a chunk of \(byteCount) bytes")
        }
        append(.chunk(ContentID(try reader.digest()), byteCount: byteCount))
      }
    }
  }
}
