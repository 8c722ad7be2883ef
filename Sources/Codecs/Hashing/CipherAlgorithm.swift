internal import CCrypto

/// An algorithm of libcrypto for ciphers, fetched once, since looking it up costs more than a small
/// use of it.
package struct CipherAlgorithm: @unchecked Sendable {
  package let handle: OpaquePointer

  /// - Parameter name: as libcrypto has it, "AES-256-GCM".
  package init(_ name: String) {
    guard let handle = EVP_CIPHER_fetch(nil, name, nil) else {
      preconditionFailure("libcrypto does not offer \(name)")
    }
    self.handle = handle
  }
}
