internal import Bytes
package import Hashing

/// All keys of an encrypted vault, which follow from its master key.
///
///     key := HKDF-SHA-256(master, salt: the vault's id, info: "kluis 1 " use)
///
/// One key for each use, so that what one of them reveals says nothing of another.
package final class VaultKeys: Sendable {
  package let master: Secret
  /// Names chunks and maps.
  let identity: Secret
  /// Root of the keys that seal chunks and maps.
  let objects: Secret
  /// Root of the keys that seal points and machines.
  let documents: Secret
  /// Root of the keys that seal machines' own secrets.
  let secrets: Secret
  /// Names machines in the stores.
  let names: Secret
  /// Authenticates the descriptor.
  let descriptor: Secret
  /// Keys the boundary hash.
  package let chunkerSeed: Digest

  /// - Parameter vault: the vault's id, as its descriptor spells it.
  package init(master: Secret, vault: String) {
    self.master = master
    let salt = Array(vault.utf8)
    func key(_ use: String) -> Secret {
      let info = Array("kluis 1 \(use)".utf8)
      return deriveKey(from: master, salt: salt.span.bytes, info: info.span.bytes)
    }
    identity = key("identity")
    objects = key("objects")
    documents = key("documents")
    secrets = key("secrets")
    names = key("names")
    descriptor = key("descriptor")
    chunkerSeed = key("chunker").withBytes { Digest($0) }
  }

  /// Proves that a descriptor was written with these keys.
  package func authenticator(of descriptor: [UInt8]) -> Digest {
    var authenticator = Authenticator(key: self.descriptor)
    return authenticator.digest(descriptor.span.bytes)
  }

  /// How a machine is called in the paths of the stores: 32 hexadecimal digits.
  package func pseudonym(of machine: String) -> String {
    var authenticator = Authenticator(key: names)
    let name = Array(machine.utf8)
    return String(authenticator.digest(name.span.bytes).description.prefix(32))
  }

  package func documentCipher() -> ObjectCipher { ObjectCipher(root: documents) }
  package func secretCipher() -> ObjectCipher { ObjectCipher(root: secrets) }
}

/// What is needed to read and write what is in a vault.
package enum ContentProtection: Sendable {
  /// The vault is not encrypted.
  case none
  case encrypted(VaultKeys)
  /// The vault is encrypted, and its key is not at hand: bytes can be moved and checked, not read.
  case locked

  package var keys: VaultKeys? {
    if case .encrypted(let keys) = self { keys } else { nil }
  }

  package var isLocked: Bool {
    if case .locked = self { true } else { false }
  }

  /// Seals and opens chunks and maps; nil where they are not sealed, or cannot be opened.
  package func recordCipher() -> ObjectCipher? {
    // Not `map`: Swift 6.3 loses track of nil where a generic function gives a noncopyable value.
    guard let keys else { return nil }
    return ObjectCipher(root: keys.objects)
  }

  /// - Throws: ``LockedError`` where the key is not at hand.
  package func contentNamer() throws(LockedError) -> ContentNamer {
    if isLocked { throw LockedError() }
    return ContentNamer(self)
  }
}

/// Something needs the vault's key, which is not at hand.
package struct LockedError: Error, Sendable, CustomStringConvertible {
  package init() {}

  package var description: String {
    "the vault is encrypted, and this needs its key: give it with --passphrase-file or --key-file"
  }
}
