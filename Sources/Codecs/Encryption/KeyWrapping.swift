internal import Bytes
internal import CCrypto

/// How a secret is wrapped by a key-encryption key, in the ways that are in use elsewhere. Kluis
/// only unwraps.
package enum KeyWrapping: String, Codable, Sendable, CaseIterable {
  /// AES key wrap (RFC 3394) of whole blocks of 8 bytes, under 16, 24 or 32 bytes.
  case aesKW = "aes-kw"
  /// AES key wrap with padding (RFC 5649), under 16, 24 or 32 bytes.
  case aesKWP = "aes-kwp"
  /// RSA-OAEP (RFC 8017, section 7.1) with SHA-1, under a private key in PEM.
  case rsaOAEP = "rsa-oaep"
  /// The same with SHA-256.
  case rsaOAEP256 = "rsa-oaep-256"

  /// What was wrapped; nil where it was not wrapped by this key in this way.
  package func unwrapped(_ wrapped: Secret, by key: Secret) -> Secret? {
    var count = 0
    var isDone = false
    let room = Secret(byteCount: wrapped.byteCount) { target in
      target.withUnsafeMutableBytes { to in
        isDone = unwrap(
          wrapped, by: key, to.baseAddress!.assumingMemoryBound(to: UInt8.self), &count)
      }
    }
    return isDone && count > 0 && count <= room.byteCount ? room.prefix(count) : nil
  }

  private func unwrap(
    _ wrapped: Secret, by key: Secret, _ target: UnsafeMutablePointer<UInt8>, _ count: inout Int
  ) -> Bool {
    wrapped.withBytes { wrapped in
      wrapped.withUnsafeBytes { wrapped in
        key.withBytes { key in
          key.withUnsafeBytes { key in
            let (from, by) = (
              wrapped.baseAddress!.assumingMemoryBound(to: UInt8.self),
              key.baseAddress!.assumingMemoryBound(to: UInt8.self)
            )
            switch self {
            case .aesKW, .aesKWP:
              return crypto_unwrap_aes(
                self == .aesKWP ? 1 : 0, by, key.count, from, Int32(wrapped.count), target, &count)
                == 1
            case .rsaOAEP, .rsaOAEP256:
              return crypto_decrypt_rsa_oaep(
                self == .rsaOAEP ? "SHA1" : "SHA256", by, Int32(key.count), from, wrapped.count,
                target, &count) == 1
            }
          }
        }
      }
    }
  }
}
