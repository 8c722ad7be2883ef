import ArgumentParser
import CLinux
import Encryption
import FoundationEssentials
import SystemPackage
import Vaults
import Workers

/// What opens a vault, as the command line or the environment names it: always a file, since
/// everybody sees a command line.
struct CredentialSource {
  var passphraseFile: String?
  var keyFile: String?

  /// As `KLUIS_PASSPHRASE_FILE` and `KLUIS_KEY_FILE` say.
  static var environment: CredentialSource {
    func variable(_ name: String) -> String? {
      ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
    }
    return CredentialSource(
      passphraseFile: variable("KLUIS_PASSPHRASE_FILE"), keyFile: variable("KLUIS_KEY_FILE"))
  }

  /// To be called before ``hideMemory()``: a process that hides its memory from its user cannot
  /// open what a shell passes it as `<(command)`.
  ///
  /// - Throws: ``SecretFileError``; `ValidationError` where both are named.
  func read() throws -> Credential? {
    if passphraseFile == nil, keyFile == nil { return nil }
    guard passphraseFile == nil || keyFile == nil else {
      throw ValidationError("a passphrase file and a key file are named: give one of them")
    }
    if let passphraseFile { return try .passphrase(inFile: FilePath(passphraseFile)) }
    return try .key(inFile: FilePath(keyFile!))
  }
}

/// The key that seals machines' secrets in a vault that is not encrypted.
struct SecretsKeyOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "In a vault that is not encrypted: the key file that seals secrets (or "
        + "KLUIS_SECRETS_KEY_FILE).", valueName: "file"),
    completion: .file())
  var secretsKeyFile: String?

  /// - Throws: ``SecretFileError`` where it is no key file; ``VaultError`` where the vault seals
  ///   secrets with its own key.
  func read(for vault: Vault) throws -> Secret? {
    let isEncrypted = vault.descriptor.encryption != nil
    if isEncrypted, secretsKeyFile != nil {
      throw ValidationError("--secrets-key-file is for a vault that is not encrypted")
    }
    let named = secretsKeyFile ?? ProcessInfo.processInfo.environment["KLUIS_SECRETS_KEY_FILE"]
    guard let named, !named.isEmpty, !isEncrypted else { return nil }
    guard case .keyFile(let key) = try Credential.key(inFile: FilePath(named)) else { return nil }
    hideMemory()
    return key
  }
}

/// Keeps what is in memory from now on out of core files and from other processes.
func hideMemory() { linux_hide_memory() }

/// Asks for a passphrase on the terminal, which shows nothing of it.
struct PassphrasePrompt {
  let cancellation: Cancellation

  /// - Returns: nil where there is no terminal.
  /// - Throws: ``Cancelled`` after Ctrl-C.
  func ask(_ question: String) throws -> Secret? {
    guard let terminal = try? FileDescriptor.open("/dev/tty", .readWrite) else { return nil }
    hideMemory()
    return try terminal.closeAfter {
      try terminal.writeAll(Array("\(question): ".utf8))
      linux_set_echo(terminal.rawValue, 0)
      defer {
        linux_set_echo(terminal.rawValue, 1)
        _ = try? terminal.writeAll([UInt8(ascii: "\n")])
      }
      return try line(from: terminal)
    }
  }

  /// Asks for a new passphrase, twice.
  ///
  /// - Throws: `ValidationError` where the two differ or nothing is typed; ``Cancelled``.
  func askForNew(_ question: String) throws -> Credential? {
    guard let first = try ask(question) else { return nil }
    if first.byteCount == 0 { throw ValidationError("no passphrase was typed") }
    guard let second = try ask("\(question), once more") else { return nil }
    guard first.isEqual(to: second) else { throw ValidationError("the two passphrases differ") }
    return .passphrase(first)
  }

  private func line(from terminal: FileDescriptor) throws -> Secret {
    var failure: (any Error)?
    var count = 0
    let all = Secret(byteCount: 4096) { target in
      target.withUnsafeMutableBytes { bytes in
        do {
          while count < bytes.count {
            try cancellation.check()
            guard linux_wait_for_input(terminal.rawValue, 100) else { continue }
            let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[count...])
            let read = try terminal.read(into: rest)
            if read == 0 { break }
            count += read
            if bytes[count - 1] == UInt8(ascii: "\n") { break }
          }
        } catch { failure = error }
      }
    }
    if let failure { throw failure }
    return all.prefix(count).withoutLineEnd
  }
}

/// Options that name a new credential.
struct NewKeyOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The new passphrase: the file's first line. Asked for without either.", valueName: "file"),
    completion: .file())
  var newPassphraseFile: String?

  @Option(
    help: ArgumentHelp("The new key file, from `kluis key generate`.", valueName: "file"),
    completion: .file())
  var newKeyFile: String?

  @Option(help: ArgumentHelp("What the slot is called; readable without a key.", valueName: "text"))
  var label: String?

  /// What is named; to be read before the vault is opened.
  func named() throws -> Credential? {
    try CredentialSource(passphraseFile: newPassphraseFile, keyFile: newKeyFile).read()
  }

  func ask(_ session: Session) throws -> Credential {
    let prompt = PassphrasePrompt(cancellation: session.cancellation)
    if let credential = try prompt.askForNew("new passphrase") { return credential }
    throw ValidationError("name the new key: --new-passphrase-file FILE or --new-key-file FILE")
  }
}
