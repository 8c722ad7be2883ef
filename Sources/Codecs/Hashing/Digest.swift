package import Bytes

/// A SHA-256 digest: 32 bytes in four words, without a heap or a reference count.
///
/// Ordered as its bytes are. The first word is as good a hash value as any.
package struct Digest: Sendable, Equatable, BitwiseCopyable {
  /// The bytes read as big-endian integers, so that words compare as bytes do.
  package let words: (UInt64, UInt64, UInt64, UInt64)

  package static let byteCount = 32
  package static let zero = Digest(words: (0, 0, 0, 0))

  private init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

  /// - Parameter bytes: 32 of them.
  package init(_ bytes: RawSpan) {
    precondition(bytes.byteCount == Digest.byteCount, "a digest has 32 bytes")
    self.init(bytes, at: 0)
  }

  /// The digest that begins `offset` bytes into a table.
  package init(_ table: RawSpan, at offset: Int) {
    func word(_ index: Int) -> UInt64 {
      UInt64(
        bigEndian: table.unsafeLoadUnaligned(fromByteOffset: offset + index * 8, as: UInt64.self))
    }
    precondition(offset >= 0 && offset <= table.byteCount - Digest.byteCount, "a digest in bounds")
    words = (word(0), word(1), word(2), word(3))
  }

  /// Reads what `description` spells; nil for anything but 64 lower-case hexadecimal digits.
  package init?(_ text: some StringProtocol) {
    guard text.utf8.count == 64, let bytes = Bytes.bytes(hexadecimal: text) else { return nil }
    self.init(bytes.span.bytes)
  }

  package static func == (a: Digest, b: Digest) -> Bool {
    a.words.0 == b.words.0 && a.words.1 == b.words.1 && a.words.2 == b.words.2
      && a.words.3 == b.words.3
  }

  /// Calls `body` with the 32 bytes.
  package func withBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let raw: [4 of UInt64] = [
      words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian,
    ]
    return try body(raw.span.bytes)
  }
}

extension Digest: Hashable {
  package func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
}

extension Digest: Comparable {
  package static func < (a: Digest, b: Digest) -> Bool { a.words < b.words }
}

extension Digest: CustomStringConvertible {
  package var description: String { withBytes { hexadecimal($0) } }
}

extension ByteWriter {
  package mutating func digest(_ digest: Digest) { digest.withBytes { append($0) } }
}

extension ByteReader {
  @_lifetime(self: copy self)
  package mutating func digest() throws(TruncatedInput) -> Digest {
    Digest(try take(Digest.byteCount))
  }
}
