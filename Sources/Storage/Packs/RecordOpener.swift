internal import Bytes
internal import Compression
package import Encryption
package import Hashing

/// Opens records, expands them and checks them against their names; one for each thread.
package struct RecordOpener: ~Copyable {
  private let isLocked: Bool
  private var cipher: ObjectCipher?
  private var decompressor = Decompressor()
  private var namer: ContentNamer
  /// What was sealed, on its way to being expanded.
  private var opened = AlignedBuffer(capacity: RecordHeader.maximumPlainByteCount)

  /// - Parameter protection: of the vault that is read. Without its key nothing opens.
  package init(_ protection: ContentProtection = .none) {
    isLocked = protection.isLocked
    cipher = protection.recordCipher()
    namer = ContentNamer(protection)
  }

  /// Expands a record and checks its name.
  ///
  /// - Parameters:
  ///   - record: header and payload, as they lie in the pack at `offset`.
  ///   - target: filled with the plain bytes; has exactly their length.
  package mutating func open(
    _ record: RawSpan, at offset: UInt32, expecting id: ContentID,
    into target: inout MutableRawSpan
  ) throws(PackDamage) {
    try expand(record, at: offset, claimedToBe: id, into: &target)
    let found = namer.name(target.bytes)
    guard found == id else {
      throw PackDamage(offset: Int(offset), "expected \(id), found bytes with digest \(found)")
    }
  }

  /// The names of parts of `bytes`, for records that were expanded and have yet to be checked.
  package mutating func names(of parts: [Range<Int>], in bytes: RawSpan) -> [ContentID] {
    namer.names(of: parts, in: bytes)
  }

  /// Expands a record, whose bytes may be others than its header says: whoever uses them has to
  /// compare their name first.
  package mutating func expand(
    _ record: RawSpan, at offset: UInt32, claimedToBe id: ContentID,
    into target: inout MutableRawSpan
  ) throws(PackDamage) {
    func damage(_ reason: String) -> PackDamage { PackDamage(offset: Int(offset), reason) }
    if isLocked { throw damage("\(LockedError())") }
    guard record.byteCount >= RecordHeader.byteCount else { throw damage("no record begins here") }
    let header = record.extracting(0..<RecordHeader.byteCount)
    guard let entry = RecordHeader.read(header, offset: offset),
      entry.recordByteCount <= record.byteCount
    else { throw damage("no record begins here") }
    guard entry.id == id else { throw damage("the record of \(entry.id), not of \(id)") }
    guard Int(entry.plainByteCount) == target.byteCount else {
      throw damage(
        "\(id) has \(entry.plainByteCount) bytes here, \(target.byteCount) elsewhere")
    }
    let payload = record.extracting(RecordHeader.byteCount..<entry.recordByteCount)
    switch (entry.sealing, cipher == nil) {
    case (.none, true): try decompress(payload, entry, &decompressor, into: &target)
    case (.aes256gcm, false):
      let sealed = SealedPayload(entry: entry, header: header, payload: payload)
      try sealed.open(&cipher, through: &opened, &decompressor, into: &target)
    case (.none, false): throw damage("\(id): it is not sealed, as it has to be in this vault")
    case (.aes256gcm, true): throw damage("\(id): it is sealed, in a vault that is not encrypted")
    }
  }
}

private struct SealedPayload: ~Escapable {
  let entry: PackEntry
  let header: RawSpan
  let payload: RawSpan

  @_lifetime(copy header, copy payload)
  init(entry: PackEntry, header: RawSpan, payload: RawSpan) {
    self.entry = entry
    self.header = header
    self.payload = payload
  }

  func open(
    _ cipher: inout ObjectCipher?, through opened: inout AlignedBuffer,
    _ decompressor: inout Decompressor, into target: inout MutableRawSpan
  ) throws(PackDamage) {
    let byteCount = payload.byteCount - ObjectCipher.overhead
    if entry.codec == .stored, byteCount == target.byteCount {
      return try unseal(with: &cipher, into: &target)
    }
    var compressed = opened.mutableBytes(0..<byteCount)
    try unseal(with: &cipher, into: &compressed)
    try decompress(compressed.bytes, entry, &decompressor, into: &target)
  }

  private func unseal(
    with cipher: inout ObjectCipher?, into target: inout MutableRawSpan
  ) throws(PackDamage) {
    let isAuthentic = entry.id.digest.withBytes { name in
      cipher?.open(payload, into: &target, named: name, authenticating: header) ?? false
    }
    guard isAuthentic else {
      throw PackDamage(
        offset: Int(entry.offset), "\(entry.id): it was altered, or sealed with another key")
    }
  }
}

private func decompress(
  _ payload: RawSpan, _ entry: PackEntry, _ decompressor: inout Decompressor,
  into target: inout MutableRawSpan
) throws(PackDamage) {
  do throws(DecompressionError) {
    try decompressor.decompress(payload, codec: entry.codec, into: &target)
  } catch { throw PackDamage(offset: Int(entry.offset), "\(entry.id): \(error)") }
}
