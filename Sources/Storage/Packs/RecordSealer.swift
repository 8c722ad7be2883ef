internal import Bytes
package import Compression
package import Encryption
internal import Hashing

/// Compresses payloads and, in an encrypted vault, seals them; one for each thread.
package struct RecordSealer: ~Copyable {
  private var compressor: Compressor
  private var cipher: ObjectCipher?

  /// Whether the vault's key is not at hand, so that nothing can be sealed.
  package let isLocked: Bool

  /// - Parameter protection: of the vault that is written to.
  package init(_ compression: CompressionSetting, _ protection: ContentProtection = .none) {
    isLocked = protection.isLocked
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
    precondition(!isLocked, "nothing is sealed without the key")
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
    let fields = header.bytes.span.bytes
    // The id is the last of them.
    cipher?.seal(
      &payload, named: fields.extracting(last: Digest.byteCount), authenticating: fields)
    return entry
  }
}
