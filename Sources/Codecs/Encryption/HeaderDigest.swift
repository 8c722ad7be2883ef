internal import Bytes
internal import CCrypto

/// A digest that headers of encrypted disks name.
package enum HeaderDigest: String, Sendable {
  case sha1, sha256, sha512

  package var byteCount: Int {
    switch self {
    case .sha1: 20
    case .sha256: 32
    case .sha512: 64
    }
  }

  /// The algorithm, which libcrypto keeps for the whole process.
  var algorithm: OpaquePointer? {
    switch self {
    case .sha1: EVP_sha1()
    case .sha256: EVP_sha256()
    case .sha512: EVP_sha512()
    }
  }

  /// The digest of `bytes`.
  ///
  /// - Parameter target: of ``byteCount`` bytes.
  package func digest(_ bytes: RawSpan, into target: inout MutableRawSpan) {
    precondition(target.byteCount == byteCount, "room for the digest")
    target.withUnsafeMutableBytes { to in
      bytes.withUnsafeBytes { from in
        let status = EVP_Digest(
          from.baseAddress, from.count, to.baseAddress!.assumingMemoryBound(to: UInt8.self), nil,
          algorithm, nil)
        precondition(status == 1, "libcrypto refuses to compute \(rawValue)")
      }
    }
  }
}
