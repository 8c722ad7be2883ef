internal import Bytes
internal import CArgon2
internal import CCrypto

/// How a key follows from a passphrase, as the header of an encrypted disk has it. Its numbers come
/// from whoever wrote the disk.
package enum PassphraseWork: Sendable, Hashable {
  /// RFC 8018, section 5.2, with HMAC.
  case pbkdf2(HeaderDigest, iterations: Int)
  /// Argon2i or, hybrid, Argon2id (RFC 9106).
  case argon2(isHybrid: Bool, passes: Int, memoryKibibytes: Int, lanes: Int)

  /// Minutes of work, where cryptsetup asks for two seconds.
  private static let mostIterations = 100_000_000
  private static let mostMemoryKibibytes = 4 << 20
  /// Memory that is gone through in all passes, likewise.
  private static let mostKibibytesOfAllPasses = 256 << 20
  private static let mostLanes = 64

  /// What keeps this from being done here; nil where nothing does.
  package var obstacle: String? {
    switch self {
    case .pbkdf2(_, let iterations):
      guard (1...Self.mostIterations).contains(iterations) else {
        return "its key would take \(iterations) iterations, which nobody waits for"
      }
    case .argon2(_, let passes, let memory, let lanes):
      guard memory <= Self.mostMemoryKibibytes else {
        return "its key would take \(memory) KiB of memory, more than is given"
      }
      guard (1...Self.mostLanes).contains(lanes), memory >= 8 * lanes, passes > 0,
        passes <= Self.mostKibibytesOfAllPasses / memory
      else { return "its key would take work that nobody waits for" }
      if argon2_library_is_there() == 0 {
        return "its key is made by Argon2: install libargon2 (Debian: libargon2-1)"
      }
      if let available = availableMemoryKibibytes(), memory > available {
        return "its key takes \(memory) KiB of memory, and \(available) KiB are available"
      }
    }
    return nil
  }

  /// - Parameters:
  ///   - salt: at least eight bytes for Argon2.
  ///   - byteCount: of the key, at least four.
  /// - Returns: nil where there is an ``obstacle``, or the library refuses.
  package func key(for passphrase: Secret, salt: RawSpan, byteCount: Int) -> Secret? {
    if obstacle != nil { return nil }
    var isDone = false
    let key = Secret(byteCount: byteCount) { target in
      isDone = target.withUnsafeMutableBytes { to in
        passphrase.withBytes { passphrase in
          passphrase.withUnsafeBytes { from in
            salt.withUnsafeBytes { derive(from, $0, into: to) }
          }
        }
      }
    }
    return isDone ? key : nil
  }

  private func derive(
    _ passphrase: UnsafeRawBufferPointer, _ salt: UnsafeRawBufferPointer,
    into key: UnsafeMutableRawBufferPointer
  ) -> Bool {
    switch self {
    case .pbkdf2(let digest, let iterations):
      return PKCS5_PBKDF2_HMAC(
        passphrase.bindMemory(to: CChar.self).baseAddress, Int32(passphrase.count),
        salt.bindMemory(to: UInt8.self).baseAddress, Int32(salt.count), Int32(iterations),
        digest.algorithm, Int32(key.count), key.bindMemory(to: UInt8.self).baseAddress) == 1
    case .argon2(let isHybrid, let passes, let memory, let lanes):
      var work = argon2_library_work(
        is_hybrid: isHybrid ? 1 : 0, passes: UInt32(passes), memory_kibibytes: UInt32(memory),
        lanes: UInt32(lanes), password: passphrase.baseAddress, password_count: passphrase.count,
        salt: salt.baseAddress, salt_count: salt.count, key: key.baseAddress, key_count: key.count)
      return argon2_library_derive(&work) == 0
    }
  }
}
