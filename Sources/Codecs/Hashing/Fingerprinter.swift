internal import Bytes
internal import CCrypto

/// A keyed fingerprint of a chunk: whoever does not know the key cannot make two chunks that share
/// one.
package struct Fingerprint: Sendable, Equatable, BitwiseCopyable {
  package let words: (UInt64, UInt64)

  package static let byteCount = 16

  package init(words: (UInt64, UInt64)) { self.words = words }

  init(_ raw: RawSpan) {
    words = (
      raw.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self).littleEndian,
      raw.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt64.self).littleEndian
    )
  }

  package static func == (a: Fingerprint, b: Fingerprint) -> Bool { a.words == b.words }
}

/// Computes fingerprints: five times as fast as SHA-256 with libcrypto, and three times as fast
/// again where the multi-buffer library is installed; one for each thread.
///
/// A fingerprint is the GMAC of the bytes (NIST SP 800-38D, AES-128-GCM without a plaintext) under
/// a secret random key and a nonce of zeros. Two chunks that were chosen without knowledge of the
/// key share one with a chance of n / 2^128, where n is their length in blocks of 16 bytes (the
/// bound of GHASH; section 2 of McGrew and Viega, "The Security and Performance of GCM"): less than
/// 2^-109 for the longest chunk. That the nonce is used again is harmless as long as fingerprints
/// are kept as secret as their key, which is why they are kept beside it and nowhere else.
package struct Fingerprinter: ~Copyable {
  private let libcrypto: LibcryptoGMAC
  /// nil where the multi-buffer library is not there or not to be relied on.
  private let multiBuffer: MultiBufferGMAC?

  package static let keyByteCount = 16

  /// - Parameter key: 16 bytes.
  package init(key: [UInt8]) {
    precondition(key.count == Self.keyByteCount, "a key has 16 bytes")
    let libcrypto = LibcryptoGMAC(key: key)
    multiBuffer = MultiBufferGMAC(key: key) { libcrypto.tag($0) }
    self.libcrypto = libcrypto
  }

  /// A key that nobody knows.
  package static func randomKey() -> [UInt8] {
    var key = [UInt8](repeating: 0, count: keyByteCount)
    succeeded(RAND_bytes(&key, Int32(keyByteCount)))
    return key
  }

  /// - Parameter bytes: at least one, and fewer than 2^31.
  package mutating func fingerprint(_ bytes: RawSpan) -> Fingerprint {
    multiBuffer?.tag(bytes) ?? libcrypto.tag(bytes)
  }
}
