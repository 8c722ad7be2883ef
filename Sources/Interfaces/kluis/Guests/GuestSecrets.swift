import ArgumentParser
import Encryption
import Machines
import SystemPackage
import Tiers
import Vaults
import Volumes

/// Options that name what opens encrypted volumes.
struct GuestSecretOptions: ParsableArguments {
  @Option(
    name: .customLong("secret-file"),
    help: ArgumentHelp(
      "A passphrase or key file that opens encrypted volumes (LUKS); several are all tried.",
      valueName: "file"),
    completion: .file())
  var files: [String] = []

  @OptionGroup var secretsKey: SecretsKeyOption

  /// Key files of LUKS are at most so large.
  private static let byteLimit = 8 << 20

  /// To be called before the vault is opened: see ``CredentialSource/read()``.
  ///
  /// - Throws: ``SecretFileError``.
  func read() throws -> GuestSecrets {
    let secrets = try files.map { try readSecret(from: FilePath($0), limit: Self.byteLimit) }
    if !secrets.isEmpty { hideMemory() }
    return GuestSecrets(named: secrets.flatMap(\.withAndWithoutLineEnd), secretsKey: secretsKey)
  }
}

/// What may open encrypted volumes.
struct GuestSecrets {
  /// Those that the command line names.
  let named: [Secret]
  /// What was opened with any.
  let keyring = VolumeKeyring()
  fileprivate let secretsKey: SecretsKeyOption

  /// Those that a point keeps of its machine's disks, where the vault's key, or the one that seals
  /// secrets, is at hand.
  func kept(in point: RecoveryPoint, of vault: Vault, _ session: Session) -> [Secret] {
    let fitting = (point.secrets ?? []).filter { secret in
      switch secret.kind {
      case nil, .luksPassphrase, .luksKeyFile: true
      case .bitlockerRecoveryKey, .keyEncryptionKey: false
      }
    }
    if fitting.isEmpty { return [] }
    do {
      let key = try secretsKey.read(for: vault)
      if vault.descriptor.encryption == nil, key == nil { return [] }
      let keys = try vault.secretKeys(key)
      return try fitting.flatMap { try point.opened($0, keys).withAndWithoutLineEnd }
    } catch {
      session.notices.add("the secrets of \(point.id) are not tried: \(error)")
      return []
    }
  }
}

extension Secret {
  /// As it is, and before that without the one end of a line that it may have: an editor makes one
  /// where a passphrase has none.
  fileprivate var withAndWithoutLineEnd: [Secret] {
    let endsLine = withBytes { bytes in
      byteCount > 1
        && bytes.unsafeLoad(fromByteOffset: byteCount - 1, as: UInt8.self) == UInt8(ascii: "\n")
    }
    return endsLine ? [prefix(byteCount - 1), self] : [self]
  }
}
