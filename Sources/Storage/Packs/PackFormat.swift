internal import Bytes
internal import Compression
package import Hashing

/// The file that holds many records.
///
///     pack      := header record* directory trailer
///     header    := "KLUISPCK" version:u32 zero:u32
///     directory := entry*
///     entry     := id:32 offset:u32 stored:u32 plain:u32 kind:u8 codec:u8 sealing:u8 zero:u8
///     trailer   := digest:32 directoryOffset:u32 count:u32 "KLUISEND"
///
/// Integers are little-endian; records stand one behind the other. `digest` is the SHA-256 of the
/// directory, so that it can be trusted without reading the records; the file's name is the SHA-256
/// of all of it. Version 1; another version ends in another magic number as well, since a directory
/// is read from the end. In an encrypted vault every record is sealed (`sealing` is 0 elsewhere),
/// and nothing else differs: ids, lengths and digests are read without a key.
package enum PackFormat {
  package static let version: UInt32 = 1
  package static let headerByteCount = 16
  package static let entryByteCount = 48
  package static let trailerByteCount = 48
  /// A pack is closed when its records reach this many bytes.
  package static let targetByteCount = 32 << 20
  /// No pack is larger, so that nothing reads more than this for one.
  package static let maximumByteCount = 64 << 20

  static func writeHeader(to writer: inout ByteWriter) {
    writer.append("KLUISPCK")
    writer.integer(version)
    writer.integer(UInt32(0))
  }

  /// A whole pack of records that lie at their places in `records`; header, directory and trailer
  /// are made from `entries`, which are in order and leave no gap.
  package static func assemble(
    records: [UInt8], entries: [PackEntry], digester: inout Digester
  ) -> [UInt8] {
    let end = entries.last.map { Int($0.offset) + $0.recordByteCount } ?? headerByteCount
    var writer = ByteWriter(reservingCapacity: records.count)
    writeHeader(to: &writer)
    writer.append(records.span.bytes.extracting(headerByteCount..<end))
    var directory = ByteWriter(reservingCapacity: entries.count * entryByteCount)
    writeDirectory(entries, to: &directory)
    writer.append(directory.bytes.span.bytes)
    writeTrailer(
      digest: digester.digest(directory.bytes.span.bytes), directoryOffset: end,
      count: entries.count, to: &writer)
    return writer.bytes
  }

  static func writeDirectory(_ entries: [PackEntry], to writer: inout ByteWriter) {
    for entry in entries {
      writer.digest(entry.id.digest)
      writer.integer(entry.offset)
      writer.integer(entry.storedByteCount)
      writer.integer(entry.plainByteCount)
      writer.integer(entry.kind.rawValue)
      writer.integer(entry.codec.rawValue)
      writer.integer(entry.sealing.rawValue)
      writer.integer(UInt8(0))
    }
  }

  static func writeTrailer(
    digest: Digest, directoryOffset: Int, count: Int, to writer: inout ByteWriter
  ) {
    writer.digest(digest)
    writer.integer(UInt32(directoryOffset))
    writer.integer(UInt32(count))
    writer.append("KLUISEND")
  }
}

/// Where a pack's directory lies, as its trailer says.
struct PackTrailer {
  let digest: Digest
  let directoryOffset: Int
  let count: Int

  /// - Parameters:
  ///   - bytes: the last 48 bytes of the pack.
  ///   - packByteCount: the pack's size, against which all is bounded.
  init(_ bytes: RawSpan, packByteCount: Int) throws(PackDamage) {
    let end = packByteCount - PackFormat.trailerByteCount
    var reader = ByteReader(bytes)
    do throws(TruncatedInput) {
      digest = try reader.digest()
      directoryOffset = Int(try reader.integer(UInt32.self))
      count = Int(try reader.integer(UInt32.self))
    } catch { throw PackDamage(offset: end, "the trailer is cut off") }
    guard bytes.extracting(last: 8).starts(with: "KLUISEND") else {
      throw PackDamage(offset: end, "the pack does not end in a trailer")
    }
    guard directoryOffset >= PackFormat.headerByteCount, directoryOffset <= end,
      count * PackFormat.entryByteCount == end - directoryOffset
    else { throw PackDamage(offset: end, "the trailer does not fit the size of the pack") }
  }
}

/// Something in a pack that is not what its format says.
package struct PackDamage: Error, Sendable, CustomStringConvertible {
  /// Where, in bytes from the pack's start.
  package let offset: Int
  package let reason: String

  package init(offset: Int, _ reason: String) {
    self.offset = offset
    self.reason = reason
  }

  package var description: String { "offset \(offset): \(reason)" }
}
