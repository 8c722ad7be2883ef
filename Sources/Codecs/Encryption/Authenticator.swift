internal import Bytes
internal import CCrypto
package import Hashing

/// Computes HMAC-SHA-256 (RFC 2104) under one key; one for each thread, used again for every
/// message.
package struct Authenticator: ~Copyable {
  private let context: OpaquePointer

  package init(key: Secret) {
    let made = key.withBytes { bytes in
      bytes.withUnsafeBytes {
        crypto_hmac_sha256($0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count)
      }
    }
    guard let made else { preconditionFailure("libcrypto does not offer HMAC-SHA-256") }
    context = made
  }

  deinit { EVP_MAC_CTX_free(context) }

  package mutating func digest(_ message: RawSpan) -> Digest {
    start()
    update(message)
    return finish()
  }

  /// Begins a message that comes in pieces.
  package mutating func start() { succeeded(EVP_MAC_init(context, nil, 0, nil)) }

  package mutating func update(_ piece: RawSpan) {
    piece.withUnsafeBytes {
      succeeded(
        EVP_MAC_update(context, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count))
    }
  }

  package mutating func finish() -> Digest {
    var bytes = InlineArray<32, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    span.withUnsafeMutableBytes {
      var count = 0
      succeeded(
        EVP_MAC_final(
          context, $0.baseAddress!.assumingMemoryBound(to: UInt8.self), &count, $0.count))
    }
    return Digest(bytes.span.bytes)
  }

  private func succeeded(_ status: Int32) {
    precondition(status == 1, "libcrypto refuses to compute HMAC-SHA-256")
  }
}
