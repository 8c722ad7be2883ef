internal import Bytes
internal import CCrypto
internal import CMultiBuffer

private let nonce = [UInt8](repeating: 0, count: 12)

/// GMAC with AES-128 under one key and a nonce of zeros, by libcrypto; for one thread.
final class LibcryptoGMAC {
  private let context: OpaquePointer

  /// - Parameter key: 16 bytes.
  init(key: [UInt8]) {
    guard let context = EVP_CIPHER_CTX_new() else {
      preconditionFailure("libcrypto has no memory")
    }
    self.context = context
    succeeded(EVP_EncryptInit_ex2(context, aes128gcm.handle, key, nil, nil))
  }

  deinit { EVP_CIPHER_CTX_free(context) }

  /// - Parameter bytes: at least one, and fewer than 2^31.
  func tag(_ bytes: RawSpan) -> Fingerprint {
    var tag: [16 of UInt8] = .init(repeating: 0)
    var written: Int32 = 0
    succeeded(EVP_EncryptInit_ex2(context, nil, nil, nonce, nil))
    bytes.withUnsafeBytes { bytes in
      succeeded(
        EVP_EncryptUpdate(context, nil, &written, bytes.bytePointer, Int32(bytes.count)))
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
    return Fingerprint(tag.span.bytes)
  }
}

/// The same tags three times as fast, by Intel's multi-buffer library; for one thread.
final class MultiBufferGMAC {
  private let gmac: OpaquePointer

  /// nil where the library is not there, or does not agree with `reference` on messages of all
  /// lengths up to some blocks and some long ones.
  ///
  /// - Parameters:
  ///   - key: 16 bytes.
  ///   - reference: the same tag by other means.
  init?(key: [UInt8], agreeingWith reference: (RawSpan) -> Fingerprint) {
    guard let made = multibuffer_gmac_make(key) else { return nil }
    gmac = made
    let lengths = Array(1...257) + [1023, 4096, 65_535, 65_536, 262_144]
    let bytes = (0...lengths.max()!).map { UInt8(truncatingIfNeeded: $0 &* 167 ^ $0 >> 8) }
    let raw = bytes.span.bytes
    let agrees = lengths.allSatisfy { length in
      // Beginning at an odd address, too.
      let message = raw.extracting(length % 2..<length % 2 + length)
      return tag(message) == reference(message)
    }
    guard agrees else { return nil }
  }

  deinit { multibuffer_gmac_free(gmac) }

  /// - Parameter bytes: at least one.
  func tag(_ bytes: RawSpan) -> Fingerprint {
    var tag: [16 of UInt8] = .init(repeating: 0)
    var span = tag.mutableSpan
    span.withUnsafeMutableBytes { tag in
      bytes.withUnsafeBytes { bytes in
        multibuffer_gmac_tag(gmac, nonce, bytes.baseAddress, bytes.count, tag.baseAddress)
      }
    }
    return Fingerprint(tag.span.bytes)
  }
}

extension UnsafeRawBufferPointer {
  fileprivate var bytePointer: UnsafePointer<UInt8> {
    baseAddress!.assumingMemoryBound(to: UInt8.self)
  }
}

func succeeded(_ status: Int32) {
  precondition(status == 1, "libcrypto refuses to compute AES-128-GCM")
}

private let aes128gcm = CipherAlgorithm("AES-128-GCM")
