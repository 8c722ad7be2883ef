internal import Bytes
internal import CCrypto

/// A key of 32 bytes that follows from another: HKDF-SHA-256 (RFC 5869).
///
/// - Parameters:
///   - salt: what sets this use of the key apart from that of other vaults.
///   - info: what the key is for.
package func deriveKey(from key: Secret, salt: RawSpan, info: RawSpan) -> Secret {
  Secret(byteCount: Secret.keyByteCount) { target in
    let status = target.withUnsafeMutableBytes { to in
      key.withBytes { key in
        key.withUnsafeBytes { key in
          salt.withUnsafeBytes { salt in
            info.withUnsafeBytes { info in
              crypto_hkdf_sha256(
                pointer(key), key.count, pointer(salt), salt.count, pointer(info), info.count,
                to.baseAddress!.assumingMemoryBound(to: UInt8.self), to.count)
            }
          }
        }
      }
    }
    precondition(status == 1, "libcrypto refuses to compute HKDF")
  }
}

extension Secret {
  /// Bytes of every key.
  package static let keyByteCount = 32
}

/// libcrypto takes no nil for an empty range.
private func pointer(_ bytes: UnsafeRawBufferPointer) -> UnsafePointer<UInt8> {
  (bytes.baseAddress ?? emptyRange).assumingMemoryBound(to: UInt8.self)
}

nonisolated(unsafe) private let emptyRange =
  UnsafeRawPointer(UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1))

/// How much work it is to try a passphrase: scrypt's parameters (RFC 7914, section 2).
package struct PassphraseCost: Codable, Sendable, Equatable {
  /// The binary logarithm of the cost N.
  package var logN: Int
  /// The block size.
  package var r: Int
  /// How many times, one after the other.
  package var p: Int

  package init(logN: Int, r: Int, p: Int) {
    self.logN = logN
    self.r = r
    self.p = p
  }

  /// 64 MiB and about a quarter of a second.
  package static let standard = PassphraseCost(logN: 16, r: 8, p: 1)

  /// Whether it takes at least 64 MiB to try one, and no more than 256 MiB and some seconds: a
  /// descriptor comes from whoever holds the store.
  package var isAcceptable: Bool {
    guard (10...21).contains(logN), (1...32).contains(r), (1...2).contains(p) else { return false }
    return (64 << 20...256 << 20).contains(memoryByteCount)
  }

  package var memoryByteCount: Int { 128 * r << logN }

  /// The key that a passphrase opens.
  ///
  /// - Returns: 32 bytes; nil where there is not enough memory.
  package func key(for passphrase: Secret, salt: RawSpan) -> Secret? {
    var isDone = false
    let key = Secret(byteCount: Secret.keyByteCount) { target in
      isDone = target.withUnsafeMutableBytes { to in
        derive(passphrase, salt, to.baseAddress!.assumingMemoryBound(to: UInt8.self), to.count)
      }
    }
    return isDone ? key : nil
  }

  private func derive(
    _ passphrase: Secret, _ salt: RawSpan, _ target: UnsafeMutablePointer<UInt8>, _ count: Int
  ) -> Bool {
    passphrase.withBytes { passphrase in
      passphrase.withUnsafeBytes { passphrase in
        salt.withUnsafeBytes { salt in
          EVP_PBE_scrypt(
            pointer(passphrase), passphrase.count, pointer(salt), salt.count, 1 << UInt64(logN),
            UInt64(r), UInt64(p), UInt64(memoryByteCount) * 2 + (1 << 20), target, count) == 1
        }
      }
    }
  }
}
