internal import Encryption
internal import Machines
internal import SystemPackage
internal import Vaults

/// Reads a machine's secrets and seals them for its point.
struct SecretIntake {
  let machine: String
  let vault: Vault
  /// Seals them where the vault is not encrypted.
  let key: Secret?

  /// - Parameters:
  ///   - named: secrets of which no more is known.
  ///   - protected: whose definition may name others.
  /// - Returns: nil where there are none.
  /// - Throws: ``SecretFileError``, ``LockedError``, ``VaultError``; ``DefinitionError`` where one
  ///   does not open with the key that is said to wrap it: a point with that would be useless.
  func sealed(
    _ named: [Backup.Source], _ protected: ProtectedMachine?
  ) throws -> [SealedSecret]? {
    let (secrets, wrappers) = (protected?.secrets ?? [], protected?.keys ?? [])
    if named.isEmpty, secrets.isEmpty { return nil }
    for name in named.map(\.name) where (secrets.map(\.name) + wrappers.map(\.name)).contains(name)
    {
      throw DefinitionError("the definition has a secret '\(name)', too")
    }
    for name in secrets.map(\.name) + wrappers.map(\.name) { try checkName(name, of: "secret") }
    let keys = try vault.secretKeys(key)
    var sealed = try named.map { source in
      SealedSecret(try read(source.path), named: source.name, of: machine, keys)
    }
    var opened: [String: Secret] = [:]
    for wrapper in wrappers {
      let secret = try read(FilePath(wrapper.file))
      opened[wrapper.name] = secret
      sealed.append(
        SealedSecret(
          secret, named: wrapper.name, of: machine, kind: .keyEncryptionKey, keys))
    }
    for secret in secrets {
      let bytes = try read(FilePath(secret.file))
      var wrapping: SealedSecret.Wrapping?
      if let name = secret.wrappedBy, let method = secret.method, let wrapper = opened[name] {
        guard method.unwrapped(bytes, by: wrapper) != nil else {
          throw DefinitionError(
            "secret \(secret.name) (\(secret.file)) does not open with key \(name) by "
              + method.rawValue)
        }
        wrapping = SealedSecret.Wrapping(key: name, method: method)
      }
      sealed.append(
        SealedSecret(
          bytes, named: secret.name, of: machine, kind: secret.kind, wrapping: wrapping, keys))
    }
    return sealed
  }

  private func read(_ path: FilePath) throws(SecretFileError) -> Secret {
    try readSecret(from: path, limit: SealedSecret.byteLimit)
  }
}
