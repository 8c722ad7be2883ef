import ArgumentParser
import Encryption
import Files
import SystemPackage
import Vaults

struct RestoreSecrets: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "secrets",
    abstract: "Write the secrets that a point keeps, such as keys of its disks, to files.",
    discussion: """
      Each becomes a file of its name that only its owner can read. Needs the vault's key.

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
  var to: String

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: "The vault is as it was.") { session in
      let vault = try session.openVault()
      let point = try vault.point(point, notices: session.notices).point
      let names = try SecretFiles(directory: FilePath(to)).write(point, of: vault, session)
      if session.options.json { try printJSON(names) }
    }
  }
}

/// The files that a point's secrets become.
struct SecretFiles {
  let directory: FilePath

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
    let keys = try vault.requireKeys()
    try makeDirectory(directory)
    for path in secrets.map({ directory.appending($0.name) })
    where try fileStatus(path) != nil { throw PrivateFileError.exists(path) }
    for secret in secrets {
      let path = directory.appending(secret.name)
      try writePrivately(try secret.open(of: point.machine, keys), to: path)
      session.say("wrote \(path)")
    }
    return secrets.map(\.name)
  }
}
