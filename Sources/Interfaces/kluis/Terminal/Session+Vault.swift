import ArgumentParser
import Encryption
import FoundationEssentials
import SystemPackage
import Tiers
import Vaults

/// Opening vaults, with the key that is named or typed where one is needed.
extension Session {
  /// Whether a command needs the key of an encrypted vault.
  enum KeyNeed {
    /// It is asked for where it is not given.
    case required
    /// What is done without it is done without it.
    case ifGiven
    /// Even where it is given.
    case none
  }

  /// Opens the vault that `--vault` or `KLUIS_VAULT` names.
  ///
  /// - Parameter notices: is told of stores that cannot be used; this session's by default.
  func openVault(_ need: KeyNeed = .required, telling notices: Notices? = nil) throws -> Vault {
    let credential = need == .none ? nil : try credential()
    let vault = try openVault(unlocking: credential, telling: notices)
    if need == .required, vault.protection.isLocked { return try ask(for: vault).vault }
    return vault
  }

  /// Opens it with a key, and says which.
  func unlockVault() throws -> (vault: Vault, credential: Credential) {
    if let credential = try credential() {
      return (try openVault(unlocking: credential), credential)
    }
    let vault = try openVault(unlocking: nil)
    if !vault.protection.isLocked { _ = try vault.requireKeys() }
    return try ask(for: vault)
  }

  func openVault(
    unlocking credential: Credential?, telling notices: Notices? = nil
  ) throws -> Vault {
    guard let path = options.vault ?? ProcessInfo.processInfo.environment["KLUIS_VAULT"],
      !path.isEmpty
    else { throw ValidationError("no vault named: give --vault PATH, or set KLUIS_VAULT") }
    if credential != nil { hideMemory() }
    return try Vault.open(
      FilePath(path), patience: try patience(), notices: notices ?? self.notices,
      unlocking: credential)
  }

  /// Opens another vault than the one that the session is about.
  func openVault(at path: FilePath, credential: Credential?) throws -> Vault {
    if credential != nil { hideMemory() }
    return try Vault.open(
      path, patience: try patience(), notices: notices, unlocking: credential)
  }

  /// Opens a locked vault, with a passphrase from the terminal where no credential is given.
  func unlock(
    _ vault: Vault, with credential: Credential?, asking name: String
  ) throws -> Vault {
    if let credential { return try openVault(at: vault.path, credential: credential) }
    return try ask(for: vault, "passphrase of \(name)").vault
  }

  /// Whether the command line names a key.
  var namesCredential: Bool { options.passphraseFile != nil || options.keyFile != nil }

  /// What the options or the environment name.
  func credential() throws -> Credential? {
    let named = CredentialSource(
      passphraseFile: options.passphraseFile, keyFile: options.keyFile)
    return try named.read() ?? CredentialSource.environment.read()
  }

  private func ask(
    for vault: Vault, _ question: String = "passphrase"
  ) throws -> (vault: Vault, credential: Credential) {
    let prompt = PassphrasePrompt(cancellation: cancellation)
    for attempt in 1...3 {
      guard let passphrase = try prompt.ask(question) else { throw LockedError() }
      do {
        let credential = Credential.passphrase(passphrase)
        return (try openVault(at: vault.path, credential: credential), credential)
      } catch let error as KeyError {
        guard case .wrongKey = error, attempt < 3 else { throw error }
        printError("that is not it; try again")
      }
    }
    throw LockedError()
  }

  /// How long a store may take to answer before another is asked.
  private func patience() throws -> Duration {
    guard let text = ProcessInfo.processInfo.environment["KLUIS_PATIENCE"] else {
      return .seconds(20)
    }
    guard let seconds = Double(text), seconds > 0, seconds < 1e6 else {
      throw ValidationError("KLUIS_PATIENCE is a number of seconds, not '\(text)'")
    }
    return .seconds(seconds)
  }
}
