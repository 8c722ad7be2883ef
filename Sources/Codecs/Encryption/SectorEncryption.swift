/// How the sectors of a disk are encrypted, as dm-crypt names it: `aes-xts-plain64`.
package struct SectorEncryption: Sendable, Equatable {
  enum Mode: String { case xts, cbc }

  /// What a sector's initial vector is made of.
  enum Vector: Equatable {
    /// Its number; the lowest 32 bits of it where `isNarrow`.
    case number(isNarrow: Bool)
    /// Its number, encrypted under a digest of the key.
    case encryptedNumber(digest: HeaderDigest)
  }

  let mode: Mode
  let vector: Vector
  /// Of the whole key; that of XTS is of two.
  package let keyByteCount: Int

  /// - Parameter name: cipher, mode and vector: `aes-xts-plain64`, `aes-cbc-essiv:sha256`.
  /// - Returns: nil for what is not known here.
  package init?(_ name: String, keyByteCount: Int) {
    let parts = name.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0] == "aes", let mode = Mode(rawValue: String(parts[1])) else {
      return nil
    }
    let sizes = mode == .xts ? [32, 64] : [16, 24, 32]
    guard sizes.contains(keyByteCount) else { return nil }
    switch (mode, parts[2]) {
    case (_, "plain64"): vector = .number(isNarrow: false)
    case (_, "plain"): vector = .number(isNarrow: true)
    case (.cbc, "essiv:sha256"): vector = .encryptedNumber(digest: .sha256)
    default: return nil
    }
    self.mode = mode
    self.keyByteCount = keyByteCount
  }

  /// As libcrypto has it.
  var cipherName: String {
    let bits = keyByteCount * 8 / (mode == .xts ? 2 : 1)
    return "AES-\(bits)-\(mode == .xts ? "XTS" : "CBC")"
  }
}
