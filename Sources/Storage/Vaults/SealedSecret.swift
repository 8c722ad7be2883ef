internal import Bytes
package import Encryption
package import Machines

/// A secret of a machine, such as the key of an encrypted disk, as a recovery point keeps it.
///
/// Sealed by itself (``ObjectCipher``) under the vault's key, or where that is not encrypted under
/// one of the user's, with machine, name, kind and wrapping authenticated, so that nothing that
/// lists or prints points ever holds it in the clear.
package struct SealedSecret: Codable, Sendable, Equatable {
  package let name: String
  /// What it is, where a definition says so.
  package let kind: DiskSecret.Kind?
  /// Which secret of the same point it is wrapped by; nil where it lies here itself.
  package let wrapping: Wrapping?
  /// Hexadecimal.
  private let sealed: String

  package struct Wrapping: Codable, Sendable, Equatable {
    package let key: String
    package let method: KeyWrapping

    package init(key: String, method: KeyWrapping) {
      self.key = key
      self.method = method
    }
  }

  package static let byteLimit = 64 << 10

  package init(
    _ secret: Secret, named name: String, of machine: String, kind: DiskSecret.Kind? = nil,
    wrapping: Wrapping? = nil, _ keys: VaultKeys
  ) {
    var cipher = keys.secretCipher()
    let object = cipher.sealed(
      secret, named: Self.objectName(name, machine),
      authenticating: Self.header(kind, wrapping))
    self.name = name
    self.kind = kind
    self.wrapping = wrapping
    sealed = hexadecimal(object.span.bytes)
  }

  /// The secret as it was given, wrapped or not.
  ///
  /// - Throws: ``VaultError/damaged(_:reason:)`` where it is not what was sealed.
  package func open(of machine: String, _ keys: VaultKeys) throws(VaultError) -> Secret {
    var cipher = keys.secretCipher()
    guard let object = bytes(hexadecimal: sealed),
      let secret = cipher.openedSecret(
        object, named: Self.objectName(name, machine),
        authenticating: Self.header(kind, wrapping))
    else {
      throw .damaged(
        "secret \(quoted(name)) of \(quoted(machine))",
        reason: "it was altered, or sealed with another key")
    }
    return secret
  }

  /// The same secret under the keys of another vault.
  package func sealedAnew(
    of machine: String, from keys: VaultKeys, to others: VaultKeys
  ) throws(VaultError) -> SealedSecret {
    SealedSecret(
      try open(of: machine, keys), named: name, of: machine, kind: kind, wrapping: wrapping, others)
  }

  private static func objectName(_ name: String, _ machine: String) -> String {
    "\(machine)\n\(name)"
  }

  /// Nothing for a secret of which no more than its name is known, as it was in the beginning.
  private static func header(_ kind: DiskSecret.Kind?, _ wrapping: Wrapping?) -> [UInt8] {
    if kind == nil, wrapping == nil { return [] }
    let parts = [kind?.rawValue, wrapping?.method.rawValue, wrapping?.key]
    return Array(parts.map { $0 ?? "" }.joined(separator: "\n").utf8)
  }
}

extension RecoveryPoint {
  /// A secret as it opens a disk: unwrapped where it is wrapped.
  ///
  /// - Throws: ``VaultError/damaged(_:reason:)`` where it, or the key that wraps it, is not what
  ///   was sealed, or is not there.
  package func opened(_ secret: SealedSecret, _ keys: VaultKeys) throws(VaultError) -> Secret {
    let own = try secret.open(of: machine, keys)
    guard let wrapping = secret.wrapping else { return own }
    let place = "secret \(quoted(secret.name)) of \(quoted(machine))"
    guard let key = secrets?.first(where: { $0.name == wrapping.key && $0.wrapping == nil }) else {
      throw .damaged(place, reason: "its key \(quoted(wrapping.key)) is not there")
    }
    guard let opened = wrapping.method.unwrapped(own, by: try key.open(of: machine, keys)) else {
      throw .damaged(place, reason: "its key \(quoted(wrapping.key)) does not open it")
    }
    return opened
  }
}
