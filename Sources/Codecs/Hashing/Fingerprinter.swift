internal import Bytes
internal import CCrypto

/// A keyed fingerprint of a chunk: whoever does not know the key cannot make two chunks that share
/// one.
package struct Fingerprint: Sendable, Equatable, BitwiseCopyable {
  package let words: (UInt64, UInt64)

  package static let byteCount = 16

  package init(words: (UInt64, UInt64)) { self.words = words }

  package static func == (a: Fingerprint, b: Fingerprint) -> Bool { a.words == b.words }
}

/// Computes fingerprints with libcrypto, five times as fast as SHA-256; one for each thread.
///
/// A fingerprint is the GMAC of the bytes (NIST SP 800-38D, AES-128-GCM without a plaintext) under
/// a secret random key and a nonce of zeros. Two chunks that were chosen without knowledge of the
/// key share one with a chance of n / 2^128, where n is their length in blocks of 16 bytes (the
/// bound of GHASH; section 2 of McGrew and Viega, "The Security and Performance of GCM"): less than
/// 2^-109 for the longest chunk. That the nonce is used again is harmless as long as fingerprints
/// are kept as secret as their key, which is why they are kept beside it and nowhere else.
package struct Fingerprinter: ~Copyable {
  private let context: OpaquePointer

  package static let keyByteCount = 16

  /// - Parameter key: 16 bytes.
  package init(key: RawSpan) {
    precondition(key.byteCount == Self.keyByteCount, "a key has 16 bytes")
    guard let context = EVP_CIPHER_CTX_new() else {
      preconditionFailure("libcrypto has no memory")
    }
    self.context = context
    key.withUnsafeBytes { key in
      succeeded(
        EVP_EncryptInit_ex2(
          context, aes128gcm.handle, key.baseAddress!.assumingMemoryBound(to: UInt8.self), nil,
          nil))
    }
  }

  deinit { EVP_CIPHER_CTX_free(context) }

  /// A key that nobody knows.
  package static func randomKey() -> [UInt8] {
    var key = [UInt8](repeating: 0, count: keyByteCount)
    succeeded(RAND_bytes(&key, Int32(keyByteCount)))
    return key
  }

  /// - Parameter bytes: at least one, and fewer than 2^31.
  package mutating func fingerprint(_ bytes: RawSpan) -> Fingerprint {
    let nonce: [12 of UInt8] = .init(repeating: 0)
    var tag: [16 of UInt8] = .init(repeating: 0)
    var written: Int32 = 0
    nonce.span.withUnsafeBytes { nonce in
      succeeded(
        EVP_EncryptInit_ex2(
          context, nil, nil, nonce.baseAddress!.assumingMemoryBound(to: UInt8.self), nil))
    }
    bytes.withUnsafeBytes { bytes in
      succeeded(
        EVP_EncryptUpdate(
          context, nil, &written, bytes.baseAddress!.assumingMemoryBound(to: UInt8.self),
          Int32(bytes.count)))
    }
    var span = tag.mutableSpan
    span.withUnsafeMutableBytes { tag in
      succeeded(
        EVP_EncryptFinal_ex(
          context, tag.baseAddress!.assumingMemoryBound(to: UInt8.self), &written))
      succeeded(
        EVP_CIPHER_CTX_ctrl(
          context, EVP_CTRL_AEAD_GET_TAG, Int32(Fingerprint.byteCount), tag.baseAddress))
    }
    let raw = tag.span.bytes
    return Fingerprint(
      words: (
        raw.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self).littleEndian,
        raw.unsafeLoadUnaligned(fromByteOffset: 8, as: UInt64.self).littleEndian
      ))
  }
}

private func succeeded(_ status: Int32) {
  precondition(status == 1, "libcrypto refuses to compute AES-128-GCM")
}

private let aes128gcm = CipherAlgorithm("AES-128-GCM")
