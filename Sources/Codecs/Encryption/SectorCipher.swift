internal import Bytes
internal import CCrypto
internal import Hashing
internal import Synchronization

/// Decrypts sectors of a disk that dm-crypt encrypted. Safe for several threads.
package final class SectorCipher: Sendable {
  private let encryption: SectorEncryption
  private let key: Secret
  private let sectorByteCount: Int
  private let cipher: CipherAlgorithm
  private let vectorCipher = CipherAlgorithm("AES-256-ECB")
  private let isNarrow: Bool
  private let idle = Mutex<[Contexts]>([])

  /// What one thread at a time decrypts with.
  private final class Contexts: @unchecked Sendable {
    let sectors: OpaquePointer
    let vectors: OpaquePointer?

    init(sectors: OpaquePointer, vectors: OpaquePointer?) {
      self.sectors = sectors
      self.vectors = vectors
    }

    deinit {
      EVP_CIPHER_CTX_free(sectors)
      EVP_CIPHER_CTX_free(vectors)
    }
  }

  /// - Parameters:
  ///   - key: of as many bytes as `encryption` says.
  ///   - sectorByteCount: a multiple of 512.
  package init(_ encryption: SectorEncryption, key: Secret, sectorByteCount: Int) {
    precondition(key.byteCount == encryption.keyByteCount, "a key of the cipher's length")
    precondition(
      sectorByteCount > 0 && sectorByteCount.isMultiple(of: 512), "sectors of 512 bytes or more")
    self.encryption = encryption
    self.key = key
    self.sectorByteCount = sectorByteCount
    cipher = CipherAlgorithm(encryption.cipherName)
    isNarrow = encryption.vector == .number(isNarrow: true)
  }

  /// Decrypts whole sectors in place.
  ///
  /// - Parameter number: of the first 512 bytes, from which the initial vectors follow.
  package func decrypt(_ sectors: inout MutableRawSpan, from number: UInt64) {
    precondition(sectors.byteCount.isMultiple(of: sectorByteCount), "whole sectors")
    let contexts = idle.withLock { $0.popLast() } ?? makeContexts()
    defer { idle.withLock { $0.append(contexts) } }
    sectors.withUnsafeMutableBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      succeeded(
        crypto_decrypt_sectors(
          contexts.sectors, contexts.vectors, number, isNarrow ? 1 : 0,
          start.assumingMemoryBound(to: UInt8.self), bytes.count, Int32(sectorByteCount)))
    }
  }

  private func makeContexts() -> Contexts {
    let sectors = key.withBytes { context($0, cipher, isEncrypting: false) }
    guard case .encryptedNumber(let digest) = encryption.vector else {
      return Contexts(sectors: sectors, vectors: nil)
    }
    let vectorKey = key.withBytes { key in
      Secret(byteCount: digest.byteCount) { target in digest.digest(key, into: &target) }
    }
    return Contexts(
      sectors: sectors,
      vectors: vectorKey.withBytes { context($0, vectorCipher, isEncrypting: true) })
  }

  private func context(
    _ key: RawSpan, _ cipher: CipherAlgorithm, isEncrypting: Bool
  ) -> OpaquePointer {
    guard let context = EVP_CIPHER_CTX_new() else {
      preconditionFailure("libcrypto has no memory")
    }
    key.withUnsafeBytes { key in
      succeeded(
        EVP_CipherInit_ex2(
          context, cipher.handle,
          key.baseAddress!.assumingMemoryBound(to: UInt8.self), nil, isEncrypting ? 1 : 0, nil))
    }
    succeeded(EVP_CIPHER_CTX_set_padding(context, 0))
    return context
  }
}

private func succeeded(_ status: Int32) {
  precondition(status == 1, "libcrypto refuses to decrypt sectors")
}
