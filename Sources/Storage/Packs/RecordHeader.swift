internal import Bytes
package import Compression
internal import Encryption
package import Hashing

/// What a record holds; the number is part of the pack format.
package enum RecordKind: UInt8, Sendable {
  case chunk = 1
  case map = 2
}

/// How a payload is sealed; the number is part of the pack format.
package enum RecordSealing: UInt8, Sendable {
  /// Not at all: the vault is not encrypted.
  case none = 0
  /// AES-256-GCM, as ``ObjectCipher`` does it: 28 bytes longer than what is sealed.
  case aes256gcm = 1

  package var overhead: Int { self == .none ? 0 : ObjectCipher.overhead }
}

/// What a directory and a record's own header say of a record.
package struct PackEntry: Sendable, Equatable {
  package let id: ContentID
  package let kind: RecordKind
  package let codec: Codec
  package let sealing: RecordSealing
  /// Where the record's header begins, in bytes from the pack's start.
  package var offset: UInt32
  /// Bytes of the payload as it is stored.
  package let storedByteCount: UInt32
  /// Bytes of the payload when it is expanded.
  package let plainByteCount: UInt32

  package init(
    id: ContentID, kind: RecordKind, codec: Codec, sealing: RecordSealing = .none,
    offset: UInt32, storedByteCount: UInt32, plainByteCount: UInt32
  ) {
    self.id = id
    self.kind = kind
    self.codec = codec
    self.sealing = sealing
    self.offset = offset
    self.storedByteCount = storedByteCount
    self.plainByteCount = plainByteCount
  }

  /// Bytes that the record takes in the pack, its header with it.
  package var recordByteCount: Int { RecordHeader.byteCount + Int(storedByteCount) }

  /// Whether a payload can have these lengths.
  var isPossible: Bool {
    plainByteCount <= RecordHeader.maximumPlainByteCount
      && Int(storedByteCount) <= Int(plainByteCount) + sealing.overhead
      && Int(storedByteCount) >= sealing.overhead
  }
}

/// The header that stands before every payload, so that an index can be made from packs alone.
///
///     record := "KREC" kind:u8 codec:u8 sealing:u8 zero:u8 stored:u32 plain:u32 id:32 payload
///
/// Integers are little-endian. `stored` is the payload's length here and never more than `plain`,
/// its length when expanded, and what sealing adds; `id` is what the expanded payload is called:
/// its SHA-256, or HMAC-SHA-256 in an encrypted vault. There the payload is sealed under a key made
/// from `id`, and the 48 bytes of the header are authenticated with it.
package enum RecordHeader {
  package static let byteCount = 48
  /// No payload expands to more: the largest chunk, and the largest map, fit.
  package static let maximumPlainByteCount = 4 << 20

  static func write(_ entry: PackEntry, to writer: inout ByteWriter) {
    writer.append("KREC")
    writer.integer(entry.kind.rawValue)
    writer.integer(entry.codec.rawValue)
    writer.integer(entry.sealing.rawValue)
    writer.integer(UInt8(0))
    writer.integer(entry.storedByteCount)
    writer.integer(entry.plainByteCount)
    writer.digest(entry.id.digest)
  }

  /// The header at the start of `bytes`; nil where none is, or where it says what cannot be.
  package static func read(_ bytes: RawSpan, offset: UInt32) -> PackEntry? {
    guard bytes.starts(with: "KREC") else { return nil }
    var reader = ByteReader(bytes)
    do throws(TruncatedInput) {
      _ = try reader.take(4)
      return try readFields(&reader, offset: offset)
    } catch { return nil }
  }

  private static func readFields(
    _ reader: inout ByteReader, offset: UInt32
  ) throws(TruncatedInput) -> PackEntry? {
    let kind = RecordKind(rawValue: try reader.integer())
    let codec = Codec(rawValue: try reader.integer())
    let sealing = RecordSealing(rawValue: try reader.integer())
    let zero: UInt8 = try reader.integer()
    let stored: UInt32 = try reader.integer()
    let plain: UInt32 = try reader.integer()
    let id = ContentID(try reader.digest())
    guard let kind, let codec, let sealing, zero == 0 else { return nil }
    let entry = PackEntry(
      id: id, kind: kind, codec: codec, sealing: sealing, offset: offset,
      storedByteCount: stored, plainByteCount: plain)
    return entry.isPossible ? entry : nil
  }
}
