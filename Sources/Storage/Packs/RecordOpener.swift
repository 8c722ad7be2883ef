internal import Bytes
internal import Compression
package import Hashing

/// Expands records and checks them against their names; one for each thread.
package struct RecordOpener: ~Copyable {
  private var decompressor = Decompressor()
  private var digester = Digester()

  package init() {}

  /// Expands a record and checks its digest.
  ///
  /// - Parameters:
  ///   - record: header and payload, as they lie in the pack at `offset`.
  ///   - target: filled with the plain bytes; has exactly their length.
  package mutating func open(
    _ record: RawSpan, at offset: UInt32, expecting id: ContentID,
    into target: inout MutableRawSpan
  ) throws(PackDamage) {
    guard record.byteCount >= RecordHeader.byteCount,
      let entry = RecordHeader.read(
        record.extracting(0..<RecordHeader.byteCount), offset: offset),
      entry.recordByteCount <= record.byteCount
    else { throw PackDamage(offset: Int(offset), "no record begins here") }
    guard entry.id == id else {
      throw PackDamage(offset: Int(offset), "the record of \(entry.id), not of \(id)")
    }
    guard Int(entry.plainByteCount) == target.byteCount else {
      throw PackDamage(
        offset: Int(offset),
        "\(id) has \(entry.plainByteCount) bytes here, \(target.byteCount) elsewhere")
    }
    let payload = record.extracting(RecordHeader.byteCount..<entry.recordByteCount)
    do throws(DecompressionError) {
      try decompressor.decompress(payload, codec: entry.codec, into: &target)
    } catch { throw PackDamage(offset: Int(offset), "\(id): \(error)") }
    let found = digester.digest(target.bytes)
    guard found == id.digest else {
      throw PackDamage(offset: Int(offset), "expected \(id), found bytes with digest \(found)")
    }
  }
}
