internal import Bytes
internal import CCrypto

/// Bytes that only this process may see: a key, a passphrase, a secret of a machine.
///
/// They lie in libcrypto's secure heap, which the system keeps out of swap and out of core files
/// where it can, and are wiped when the last reference goes. Nothing prints them.
package final class Secret: @unchecked Sendable {
  private let base: UnsafeMutableRawPointer
  package let byteCount: Int

  /// - Parameter fill: writes all bytes, which are zeros before.
  package init<Failure: Error>(
    byteCount: Int, _ fill: (inout MutableRawSpan) throws(Failure) -> Void
  ) throws(Failure) {
    precondition(byteCount >= 0, "a secret has a length")
    _ = secureHeap
    // Where the secure heap is full, memory that is wiped is better than none.
    guard
      let memory = CRYPTO_secure_zalloc(max(1, byteCount), nil, 0)
        ?? CRYPTO_zalloc(max(1, byteCount), nil, 0)
    else { preconditionFailure("libcrypto has no memory") }
    base = memory
    self.byteCount = byteCount
    var span = MutableRawSpan(_unsafeStart: memory, byteCount: byteCount)
    try fill(&span)
  }

  package convenience init(copying bytes: RawSpan) {
    self.init(byteCount: bytes.byteCount) { bytes.copy(into: &$0) }
  }

  /// Random bytes of libcrypto's private generator.
  package static func random(byteCount: Int) -> Secret {
    Secret(byteCount: byteCount) { bytes in
      bytes.withUnsafeMutableBytes {
        let status = RAND_priv_bytes(
          $0.baseAddress!.assumingMemoryBound(to: UInt8.self), Int32($0.count))
        precondition(status == 1, "libcrypto has no randomness")
      }
    }
  }

  deinit { CRYPTO_secure_clear_free(base, max(1, byteCount), nil, 0) }

  /// Calls `body` with the bytes, which it must not keep.
  package func withBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(RawSpan(_unsafeStart: UnsafeRawPointer(base), byteCount: byteCount))
  }

  /// Whether both hold the same bytes; takes as long whether they do or not.
  package func isEqual(to other: Secret) -> Bool {
    byteCount == other.byteCount && CRYPTO_memcmp(base, other.base, byteCount) == 0
  }
}

/// Made once for the process. Small, since the system locks little memory for everyone.
private let secureHeap: Int32 = CRYPTO_secure_malloc_init(256 << 10, 32)

/// Random bytes that need not stay secret: salts, nonces.
package func randomBytes(_ count: Int) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: count)
  precondition(RAND_bytes(&bytes, Int32(count)) == 1, "libcrypto has no randomness")
  return bytes
}

extension Secret {
  /// The first bytes.
  package func prefix(_ count: Int) -> Secret {
    withBytes { Secret(copying: $0.extracting(0..<count)) }
  }

  /// All up to the first end of a line.
  package var withoutLineEnd: Secret {
    prefix(
      withBytes { bytes in
        (0..<byteCount).first {
          let byte = bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self)
          return byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
        } ?? byteCount
      })
  }
}
