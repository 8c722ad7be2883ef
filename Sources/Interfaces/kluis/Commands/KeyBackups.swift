import ArgumentParser
import Bytes
import Encryption
import SystemPackage
import Vaults

struct KeyGenerate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Make a key file of 32 random bytes.",
    discussion: """
      Keep a copy of it in another place than the vault: without it, and without another key slot, \
      nobody can read what is in the vault.

      EXAMPLES:
        kluis key generate /root/backup.key
      """)

  @ParentCommand var key: KeyCommand
  @OptionGroup var shared: SharedOptions

  @Argument(help: "The file; must not exist.", completion: .file())
  var file: String

  func run() throws {
    try Session.run([shared], harmless: "No key file was made.") { session in
      hideMemory()
      try writePrivately(.random(byteCount: Secret.keyByteCount), to: FilePath(file))
      session.say("made key file \(file): keep a copy of it away from the vault")
    }
  }
}

struct KeyExport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Print a recovery sheet: the master key on paper.",
    discussion: """
      For the day when every passphrase and key file is lost. Whoever has the sheet and a store of \
      the vault can read everything.

      EXAMPLES:
        kluis key export | lp
        kluis key export --to sheet.txt
      """)

  @ParentCommand var key: KeyCommand
  @OptionGroup var shared: SharedOptions

  @Option(
    help: ArgumentHelp("A file that must not exist; printed without it.", valueName: "file"),
    completion: .file())
  var to: String?

  func run() throws {
    try Session.run([shared], harmless: "Nothing was changed.") { session in
      let vault = try session.openVault()
      let sheet = RecoverySheet.text(
        master: try vault.requireKeys().master, vault: vault.descriptor.id,
        made: Timestamp.now.description)
      guard let to else { return print(sheet, terminator: "") }
      let bytes = Array(sheet.utf8)
      try writePrivately(Secret(copying: bytes.span.bytes), to: FilePath(to))
      session.say("wrote \(to): print it, and delete the file")
    }
  }
}

struct KeyImport: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Make a new key slot with a recovery sheet.",
    discussion: """
      Reads the four lines of a sheet that was typed in, and says which line is mistyped. The \
      other slots stay.

      EXAMPLES:
        kluis key import sheet.txt --new-passphrase-file new.txt
      """)

  @ParentCommand var key: KeyCommand
  @OptionGroup var shared: SharedOptions
  @OptionGroup var new: NewKeyOptions

  @Argument(help: "A file with the lines of the sheet.", completion: .file())
  var sheet: String

  func run() throws {
    try Session.run([shared], harmless: "The vault's keys are as they were.") { session in
      let named = try new.named()
      let locked = try session.openVault(.none)
      guard locked.descriptor.encryption != nil else {
        throw ValidationError("the vault is not encrypted, so there is no key to import")
      }
      let text = try readSecret(from: FilePath(sheet), limit: 64 << 10)
        .withBytes { String(decoding: [UInt8]($0), as: UTF8.self) }
      let master = try RecoverySheet.masterKey(in: text, vault: locked.descriptor.id)
      let vault = try session.openVault(unlocking: .master(master))
      let slot = try vault.addKey(
        try named ?? new.ask(session), label: new.label, now: .now, notices: session.notices)
      if session.options.json { return try printJSON(SlotReport(slot)) }
      session.say("added key slot \(slot.id) (\(slot.kind.rawValue))")
    }
  }
}
