internal import Bytes
package import Encryption

/// A secret of a machine, such as the key of an encrypted disk, as a recovery point keeps it.
///
/// Sealed under the vault's key by itself (``ObjectCipher``), with machine and name authenticated,
/// so that nothing that lists or prints points ever holds it in the clear.
package struct SealedSecret: Codable, Sendable, Equatable {
  package let name: String
  /// Hexadecimal.
  private let sealed: String

  package static let byteLimit = 64 << 10

  package init(_ secret: Secret, named name: String, of machine: String, _ keys: VaultKeys) {
    var cipher = keys.secretCipher()
    let object = cipher.sealed(
      secret, named: Self.objectName(name, machine), authenticating: [])
    self.name = name
    sealed = hexadecimal(object.span.bytes)
  }

  /// - Throws: ``VaultError/damaged(_:reason:)`` where it is not what was sealed.
  package func open(of machine: String, _ keys: VaultKeys) throws(VaultError) -> Secret {
    var cipher = keys.secretCipher()
    guard let object = bytes(hexadecimal: sealed),
      let secret = cipher.openedSecret(
        object, named: Self.objectName(name, machine), authenticating: [])
    else {
      throw .damaged(
        "secret \(quoted(name)) of \(quoted(machine))",
        reason: "it was altered, or sealed with another key")
    }
    return secret
  }

  private static func objectName(_ name: String, _ machine: String) -> String {
    "\(machine)\n\(name)"
  }
}
