import ArgumentParser
import Encryption
import Files
import Machines
import SystemPackage
import Vaults

struct RestoreSecrets: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "secrets",
    abstract: "Write the secrets that a point keeps, such as keys of its disks, to files.",
    discussion: """
      Each becomes a file of its name that only its owner can read, and that opens the disk it is \
      for. One that was wrapped by a key-encryption key is unwrapped, and lies beside that as it \
      was (NAME.wrapped), as the key does. Needs the vault's key.

      EXAMPLES:
        kluis restore secrets safe01 --to /root/safe01-secrets
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "The recovery point.")
  var point: String

  @Option(
    help: ArgumentHelp("A directory; made if missing.", valueName: "dir"),
    completion: .directory)
  var to: Place

  @OptionGroup var secretsKey: SecretsKeyOption

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: "The vault is as it was.") { session in
      let vault = try session.openVault()
      let point = try vault.point(point, notices: session.notices).point
      let names = try SecretFiles(directory: to.path, secretsKey: secretsKey)
        .write(point, of: vault, session)
      if session.options.json { try printJSON(names) }
    }
  }
}

/// The files that a point's secrets become.
struct SecretFiles {
  let directory: FilePath
  let secretsKey: SecretsKeyOption

  /// - Returns: the secrets of the point.
  /// - Throws: ``VaultError`` where it keeps none.
  @discardableResult
  func check(_ point: RecoveryPoint) throws -> [SealedSecret] {
    guard let secrets = point.secrets, !secrets.isEmpty else {
      throw VaultError.unsupported("\(point.id) keeps no secrets")
    }
    return secrets
  }

  /// - Returns: the secrets' names.
  @discardableResult
  func write(_ point: RecoveryPoint, of vault: Vault, _ session: Session) throws -> [String] {
    let secrets = try check(point)
    let keys = try vault.secretKeys(secretsKey.read(for: vault))
    // All are opened before the first is written.
    var files: [(path: FilePath, content: Secret)] = []
    for secret in secrets {
      files.append((directory.appending(secret.name), try point.opened(secret, keys)))
      if secret.wrapping != nil {
        let name = secret.name + DiskSecret.wrappedSuffix
        files.append((directory.appending(name), try secret.open(of: point.machine, keys)))
      }
    }
    try makeDirectory(directory)
    for file in files where try fileStatus(file.path) != nil {
      throw PrivateFileError.exists(file.path)
    }
    for file in files {
      try writePrivately(file.content, to: file.path)
      session.say("wrote \(file.path)")
    }
    return secrets.map(\.name)
  }
}
