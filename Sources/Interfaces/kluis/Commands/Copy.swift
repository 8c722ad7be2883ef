import ArgumentParser
import Copies
import Encryption
import SystemPackage
import Tiers
import Vaults

struct Copy: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Copy a recovery point into another vault.",
    discussion: """
      The other vault cuts, names and seals the disks its own way, and stores only what it lacks: \
      this is how points come from an unencrypted vault into an encrypted one. The point keeps its \
      name.

      EXAMPLES:
        kluis copy web01 --to-vault /backup/sealed --to-passphrase-file pass.txt
        kluis copy web01@2026-11-22 --to-vault /backup/other
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "The recovery point.")
  var point: String

  @Option(
    help: ArgumentHelp("The vault that gets it: any of its stores.", valueName: "path"),
    completion: .directory)
  var toVault: String

  @Option(
    help: ArgumentHelp("A file with the other vault's passphrase.", valueName: "file"),
    completion: .file())
  var toPassphraseFile: String?

  @Option(
    help: ArgumentHelp("The other vault's key file.", valueName: "file"), completion: .file())
  var toKeyFile: String?

  @Option(help: "Read from this tier: snapshot, vault, secondary or auto.")
  var tier: TierChoice = .auto

  @OptionGroup var secretsKey: SecretsKeyOption

  func run() throws {
    try Session.run(
      [kluis.shared, shared],
      harmless: "Nothing was harmed: both vaults are sound, and the same command goes on from what "
        + "was stored."
    ) { session in
      let (vault, target) = try openBoth(session)
      guard target.descriptor.id != vault.descriptor.id else {
        throw ValidationError("\(toVault) is the vault that \(point) is in")
      }
      try tier.check(in: vault)
      let listed = try vault.point(point, in: tier.name, notices: session.notices)
      let open = try tier.open(listed, in: vault, notices: session.notices)
      let copied = try session.withProgress("copy \(listed.point.id)") { progress in
        var copy = VaultCopy(listed.point, from: open, of: vault, to: target)
        copy.secretsKey = try secretsKey.read(
          for: vault.descriptor.encryption == nil ? vault : target)
        return try copy.run(
          notices: session.notices, progress: progress, cancellation: session.cancellation)
      }
      if let copied, target.tier(.snapshot) != nil {
        _ = try PhaseTwo(vault: target, session: session)
          .transfer([ListedPoint(point: copied, tiers: [.snapshot])])
      }
      try report(listed.point, copied, target, session)
    }
  }

  /// A key that the environment names may be either vault's.
  private func openBoth(_ session: Session) throws -> (vault: Vault, target: Vault) {
    let named = try CredentialSource(passphraseFile: toPassphraseFile, keyFile: toKeyFile).read()
    let fromEnvironment = try CredentialSource.environment.read()
    let found = try session.openVault(.none)
    let isOpen = !found.protection.isLocked
    let vault = isOpen && !session.namesCredential ? found : try session.openVault()
    let path = FilePath(toVault)
    if let named { return (vault, try session.openVault(at: path, credential: named)) }
    let target = try session.openVault(at: path, credential: nil)
    if target.protection.isLocked {
      do {
        return (vault, try session.unlock(target, with: fromEnvironment, asking: toVault))
      } catch is KeyError where fromEnvironment != nil && !isOpen {
        // It is the source's alone.
        return (vault, try session.unlock(target, with: nil, asking: toVault))
      }
    }
    // A key that is neither's: one of them has been made to look unencrypted.
    if fromEnvironment != nil, isOpen { throw KeyError.notEncrypted(toVault) }
    return (vault, target)
  }

  private func report(
    _ point: RecoveryPoint, _ copied: RecoveryPoint?, _ target: Vault, _ session: Session
  ) throws {
    if session.options.json {
      return try printJSON(
        PointReport(try target.point(point.id, notices: session.notices)))
    }
    guard let copied else { return session.say("\(toVault) has \(point.id) already") }
    let data = copied.disks.reduce(0) { $0 + $1.dataBytes }
    let stored = copied.disks.reduce(0) { $0 + $1.storedBytes }
    session.say(
      "copied \(copied.id) to \(toVault): \(Text.size(data)) of data, \(Text.size(stored)) stored")
  }
}
