internal import Bytes
internal import CCrypto
internal import Hashing

/// Seals and opens objects with AES-256-GCM (NIST SP 800-38D); one for each thread.
///
///     sealed := nonce:12 ciphertext tag:16
///     key    := HKDF-Expand(root, name)        32 bytes: HMAC-SHA-256(root, name 0x01)
///
/// Every object has a key of its own, so that a random nonce is never used twice under one key,
/// however many objects there are. What is authenticated beside the ciphertext is up to the caller.
package struct ObjectCipher: ~Copyable {
  let context: OpaquePointer
  private var derivation: Authenticator

  package static let nonceByteCount = 12
  package static let tagByteCount = 16
  /// By how much a sealed object is longer than what is in it.
  package static let overhead = nonceByteCount + tagByteCount

  /// - Parameter root: the key from which the objects' keys follow.
  package init(root: Secret) {
    guard let context = EVP_CIPHER_CTX_new() else {
      preconditionFailure("libcrypto has no memory")
    }
    self.context = context
    derivation = Authenticator(key: root)
  }

  deinit { EVP_CIPHER_CTX_free(context) }

  /// Seals in place.
  ///
  /// - Parameters:
  ///   - object: the plain bytes, with 12 bytes of room before them and 16 behind.
  ///   - name: what the object is called; two different objects have two names.
  ///   - header: authenticated with it.
  package mutating func seal(
    _ object: inout MutableRawSpan, named name: RawSpan, authenticating header: RawSpan
  ) {
    precondition(object.byteCount >= Self.overhead, "room for nonce and tag")
    let context = context
    object.withUnsafeMutableBytes { bytes in
      succeeded(
        RAND_bytes(
          bytes.baseAddress!.assumingMemoryBound(to: UInt8.self), Int32(Self.nonceByteCount)))
      withObjectKey(&derivation, named: name) { key in
        Self.encrypt(bytes, with: key, authenticating: header, in: context)
      }
    }
  }

  /// Opens what ``seal(_:named:authenticating:)`` made.
  ///
  /// - Parameter target: 28 bytes shorter than `sealed`; zeros where the result is false.
  /// - Returns: false where sealed bytes, header, name or key are not those it was sealed with.
  package mutating func open(
    _ sealed: RawSpan, into target: inout MutableRawSpan, named name: RawSpan,
    authenticating header: RawSpan
  ) -> Bool {
    guard sealed.byteCount == target.byteCount + Self.overhead else {
      target.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
      return false
    }
    let context = context
    var isAuthentic = false
    target.withUnsafeMutableBytes { to in
      sealed.withUnsafeBytes { from in
        withObjectKey(&derivation, named: name) { key in
          isAuthentic = Self.decrypt(
            from, into: to, with: key, authenticating: header, in: context)
        }
      }
    }
    return isAuthentic
  }

  /// Encrypts in place, with the nonce that `object` begins with.
  static func encrypt(
    _ object: UnsafeMutableRawBufferPointer, with key: UnsafePointer<UInt8>,
    authenticating header: RawSpan, in context: OpaquePointer
  ) {
    let nonce = object.baseAddress!.assumingMemoryBound(to: UInt8.self)
    let body = nonce + nonceByteCount
    let count = Int32(object.count - overhead)
    succeeded(EVP_EncryptInit_ex2(context, aes256gcm.handle, key, nonce, nil))
    var written: Int32 = 0
    authenticate(header) { succeeded(EVP_EncryptUpdate(context, nil, &written, $0, $1)) }
    succeeded(EVP_EncryptUpdate(context, body, &written, body, count))
    succeeded(EVP_EncryptFinal_ex(context, body + Int(count), &written))
    succeeded(
      EVP_CIPHER_CTX_ctrl(
        context, EVP_CTRL_AEAD_GET_TAG, Int32(tagByteCount), body + Int(count)))
  }

  /// Decrypts what ``encrypt(_:with:authenticating:in:)`` made; leaves zeros and says false where
  /// it is something else.
  static func decrypt(
    _ object: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer,
    with key: UnsafePointer<UInt8>, authenticating header: RawSpan, in context: OpaquePointer
  ) -> Bool {
    let nonce = object.baseAddress!.assumingMemoryBound(to: UInt8.self)
    let body = nonce + nonceByteCount
    var tag = InlineArray<16, UInt8>(repeating: 0)
    succeeded(EVP_DecryptInit_ex2(context, aes256gcm.handle, key, nonce, nil))
    var written: Int32 = 0
    authenticate(header) { succeeded(EVP_DecryptUpdate(context, nil, &written, $0, $1)) }
    // libcrypto takes no nil, not even for nothing.
    let plain = (target.baseAddress ?? placeholder).assumingMemoryBound(to: UInt8.self)
    succeeded(EVP_DecryptUpdate(context, plain, &written, body, Int32(target.count)))
    var span = tag.mutableSpan
    let isAuthentic = span.withUnsafeMutableBytes { tag in
      tag.copyMemory(
        from: UnsafeRawBufferPointer(start: body + target.count, count: tagByteCount))
      succeeded(
        EVP_CIPHER_CTX_ctrl(
          context, EVP_CTRL_AEAD_SET_TAG, Int32(tagByteCount), tag.baseAddress))
      return EVP_DecryptFinal_ex(context, plain + target.count, &written) == 1
    }
    if !isAuthentic { OPENSSL_cleanse(target.baseAddress, target.count) }
    return isAuthentic
  }
}

/// Lends `body` the key of one object.
private func withObjectKey(
  _ derivation: inout Authenticator, named name: RawSpan, _ body: (UnsafePointer<UInt8>) -> Void
) {
  let counter: [1 of UInt8] = [1]
  derivation.start()
  derivation.update(name)
  derivation.update(counter.span.bytes)
  let words = derivation.finish().words
  var key: [4 of UInt64] = [
    words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian,
  ]
  var span = key.mutableSpan
  span.withUnsafeMutableBytes { bytes in
    body(bytes.baseAddress!.assumingMemoryBound(to: UInt8.self))
    OPENSSL_cleanse(bytes.baseAddress, bytes.count)
  }
}

private func authenticate(
  _ header: RawSpan, _ update: (UnsafePointer<UInt8>, Int32) -> Void
) {
  header.withUnsafeBytes { bytes in
    guard let base = bytes.baseAddress else { return }
    update(base.assumingMemoryBound(to: UInt8.self), Int32(bytes.count))
  }
}

private func succeeded(_ status: Int32) {
  precondition(status == 1, "libcrypto refuses to compute AES-256-GCM")
}

nonisolated(unsafe) private let placeholder = UnsafeMutableRawPointer.allocate(
  byteCount: 16, alignment: 16)

private let aes256gcm = CipherAlgorithm("AES-256-GCM")
