internal import Bytes
package import Compression
package import Encryption
internal import Hashing

/// Compresses payloads and, in an encrypted vault, seals them; one for each thread.
package struct RecordSealer: ~Copyable {
  private var compressor: Compressor
  private var cipher: ObjectCipher?

  /// - Parameter protection: of the vault that is written to, with its key at hand.
  package init(_ compression: CompressionSetting, _ protection: ContentProtection = .none) {
    precondition(!protection.isLocked, "nothing is sealed without the key")
    compressor = Compressor(compression)
    cipher = protection.recordCipher()
  }

  /// By how much a payload may be longer than what it holds.
  var overhead: Int { sealing.overhead }

  private var sealing: RecordSealing { cipher == nil ? .none : .aes256gcm }

  /// Writes header and payload to the start of `target`, which has room for `plain`, a header and
  /// ``overhead``.
  ///
  /// - Returns: what the header says; offsets count from the start of `target`.
  mutating func write(
    _ plain: RawSpan, id: ContentID, kind: RecordKind, to target: inout MutableRawSpan
  ) -> PackEntry {
    let before = cipher == nil ? 0 : ObjectCipher.nonceByteCount
    let start = RecordHeader.byteCount + before
    var room = target._mutatingExtracting(start..<start + plain.byteCount)
    let compressed = compressor.compress(plain, into: &room)
    if compressed == nil { plain.copy(into: &room) }
    let byteCount = (compressed?.byteCount ?? plain.byteCount) + overhead
    let entry = PackEntry(
      id: id, kind: kind, codec: compressed?.codec ?? .stored, sealing: sealing, offset: 0,
      storedByteCount: UInt32(byteCount), plainByteCount: UInt32(plain.byteCount))
    var header = ByteWriter(reservingCapacity: RecordHeader.byteCount)
    RecordHeader.write(entry, to: &header)
    header.bytes.span.bytes.copy(into: &target)
    var payload = target._mutatingExtracting(
      RecordHeader.byteCount..<RecordHeader.byteCount + byteCount)
    id.digest.withBytes { name in
      cipher?.seal(&payload, named: name, authenticating: header.bytes.span.bytes)
    }
    return entry
  }
}
