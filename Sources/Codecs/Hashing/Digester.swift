internal import CCrypto

/// Computes SHA-256 with libcrypto; one for each thread, used again for every digest.
///
/// The algorithm is looked up once for the process, since a look-up costs more than the digest of
/// a block does.
package struct Digester: ~Copyable {
  private let context: OpaquePointer

  package init() {
    guard let context = EVP_MD_CTX_new() else { preconditionFailure("libcrypto has no memory") }
    self.context = context
  }

  deinit { EVP_MD_CTX_free(context) }

  /// The digest of `bytes`. Abandons one that was begun with ``start()``.
  package mutating func digest(_ bytes: RawSpan) -> Digest {
    start()
    update(bytes)
    return finish()
  }

  /// Begins a digest of bytes that come in pieces.
  package mutating func start() {
    succeeded(EVP_DigestInit_ex2(context, sha256.algorithm, nil))
  }

  package mutating func update(_ bytes: RawSpan) {
    bytes.withUnsafeBytes { succeeded(EVP_DigestUpdate(context, $0.baseAddress, $0.count)) }
  }

  package mutating func finish() -> Digest {
    var bytes = InlineArray<32, UInt8>(repeating: 0)
    var span = bytes.mutableSpan
    span.withUnsafeMutableBytes {
      succeeded(
        EVP_DigestFinal_ex(context, $0.baseAddress!.assumingMemoryBound(to: UInt8.self), nil))
    }
    return Digest(bytes.span.bytes)
  }

  private func succeeded(_ status: Int32) {
    precondition(status == 1, "libcrypto refuses to compute SHA-256")
  }
}

/// The algorithm, fetched once.
private struct Algorithm: @unchecked Sendable {
  let algorithm: OpaquePointer

  init(_ name: String) {
    guard let algorithm = EVP_MD_fetch(nil, name, nil) else {
      preconditionFailure("libcrypto does not offer \(name)")
    }
    self.algorithm = algorithm
  }
}

private let sha256 = Algorithm("SHA256")
