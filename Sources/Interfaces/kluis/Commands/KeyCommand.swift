import ArgumentParser
import Bytes
import Encryption
import Files
import SystemPackage
import Vaults

struct KeyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key",
    abstract: "Manage who can open an encrypted vault.",
    discussion: """
      The vault's master key lies in vault.json once for each key slot, wrapped under a passphrase
      or a key file. Slots are added, removed and rotated without rewriting what is stored.

      EXAMPLES:
        kluis key list
        kluis key generate /root/backup.key
        kluis key add --new-key-file /root/backup.key --label "backup server"
        kluis key export --to recovery-sheet.txt
      """,
    subcommands: [
      KeyList.self, KeyAdd.self, KeyRemove.self, KeyRotate.self, KeyCheck.self, KeyGenerate.self,
      KeyExport.self, KeyImport.self,
    ])
}

struct KeyList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the key slots; needs no key.")

  @ParentCommand var key: KeyCommand
  @OptionGroup var shared: SharedOptions

  func run() throws {
    try Session.run([shared], harmless: "Nothing was changed.") { session in
      let vault = try session.openVault(.ifGiven)
      if session.options.json { return try printJSON(vault.keySlots.map(SlotReport.init)) }
      if vault.keySlots.isEmpty { return print("the vault is not encrypted") }
      var table = Table(["slot", "kind", "created", "work", "label"])
      for slot in vault.keySlots {
        table.add([
          slot.id, slot.kind.rawValue, slot.created.description,
          slot.cost.map { "scrypt, \(Text.size(UInt64($0.memoryByteCount)))" } ?? "",
          slot.label ?? "",
        ])
      }
      print(table.text)
    }
  }
}

struct KeyAdd: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "add",
    abstract: "Let another passphrase or key file open the vault as well.",
    discussion: """
      EXAMPLES:
        kluis key add --new-passphrase-file new.txt --label laptop
        kluis key add --passphrase-file old.txt --new-key-file /root/backup.key
      """)

  @ParentCommand var key: KeyCommand
  @OptionGroup var shared: SharedOptions
  @OptionGroup var new: NewKeyOptions

  func run() throws {
    try Session.run([shared], harmless: "The vault's keys are as they were.") { session in
      let named = try new.named()
      let vault = try session.openVault()
      _ = try vault.requireKeys()
      let slot = try vault.addKey(
        try named ?? new.ask(session), label: new.label, now: .now, notices: session.notices)
      if session.options.json { return try printJSON(SlotReport(slot)) }
      session.say("added key slot \(slot.id) (\(slot.kind.rawValue))")
    }
  }
}

struct KeyRemove: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove",
    abstract: "Let a passphrase or key file open the vault no longer.",
    discussion: """
      The last slot cannot be removed. Whoever has opened the vault before may have kept its master
      key, or a copy of vault.json: to lock him out of what comes, copy the points into a new vault
      with `kluis copy`.

      EXAMPLES:
        kluis key remove 1f2e3d4c
      """)

  @ParentCommand var key: KeyCommand
  @OptionGroup var shared: SharedOptions

  @Argument(help: "The slot, as `kluis key list` prints it.")
  var slot: String

  func run() throws {
    try Session.run([shared], harmless: "The vault's keys are as they were.") { session in
      try session.openVault().removeKey(slot, notices: session.notices)
      session.say("removed key slot \(slot)")
    }
  }
}

struct KeyRotate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate",
    abstract: "Give a key slot another passphrase or key file.",
    discussion: """
      Wraps the master key anew; nothing that is stored is rewritten. Without SLOT it is the one
      that the key which is given opens.

      EXAMPLES:
        kluis key rotate --passphrase-file old.txt --new-passphrase-file new.txt
        kluis key rotate 1f2e3d4c --new-key-file /root/new.key
      """)

  @ParentCommand var key: KeyCommand
  @OptionGroup var shared: SharedOptions
  @OptionGroup var new: NewKeyOptions

  @Argument(help: "The slot, as `kluis key list` prints it.")
  var slot: String?

  func run() throws {
    try Session.run([shared], harmless: "The vault's keys are as they were.") { session in
      let named = try new.named()
      let (vault, credential) = try session.unlockVault()
      _ = try vault.requireKeys()
      let id = try slot ?? vault.slots(openedBy: credential)[0].id
      let renewed = try vault.rotateKey(
        id, to: try named ?? new.ask(session), label: new.label, now: .now,
        notices: session.notices)
      if session.options.json { return try printJSON(SlotReport(renewed)) }
      session.say(
        "key slot \(id) has a new \(renewed.kind.rawValue) now; the old one opens nothing")
    }
  }
}

struct KeyCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Say which slots a passphrase or key file opens.",
    discussion: """
      Opens the vault, checks that vault.json is authentic in every store, and fails where the key
      opens nothing.

      EXAMPLES:
        kluis key check --passphrase-file pass.txt
      """)

  @ParentCommand var key: KeyCommand
  @OptionGroup var shared: SharedOptions

  func run() throws {
    try Session.run([shared], harmless: "Nothing was changed.") { session in
      let (vault, credential) = try session.unlockVault()
      _ = try vault.requireKeys()
      let opened = try vault.slots(openedBy: credential)
      if session.options.json { return try printJSON(opened.map(SlotReport.init)) }
      for slot in opened {
        session.say(
          "opens key slot \(slot.id) (\(slot.kind.rawValue)\(slot.label.map { ", \($0)" } ?? ""))")
      }
    }
  }
}

struct KeyGenerate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Make a key file of 32 random bytes.",
    discussion: """
      Keep a copy of it in another place than the vault: without it, and without another key slot,
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
      For the day when every passphrase and key file is lost. Whoever has the sheet and a store of
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
      Reads the four lines of a sheet that was typed in, and says which line is mistyped. The other
      slots stay.

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

/// Writes a file that only its owner can read.
///
/// - Throws: `Errno`; ``TargetExists`` where there is a file of that name.
func writePrivately(_ secret: Secret, to path: FilePath) throws {
  let file: FileDescriptor
  do {
    file = try FileDescriptor.open(
      path, .writeOnly, options: [.create, .exclusiveCreate], permissions: [.ownerReadWrite])
  } catch Errno.fileExists {
    throw PrivateFileError.exists(path)
  } catch { throw PrivateFileError(path: path, reason: "\(error)") }
  try file.closeAfter {
    try secret.withBytes { bytes in
      _ = try bytes.withUnsafeBytes { try file.writeAll($0) }
    }
  }
}

struct PrivateFileError: Error, CustomStringConvertible {
  let path: FilePath
  let reason: String

  static func exists(_ path: FilePath) -> PrivateFileError {
    PrivateFileError(path: path, reason: "it exists already: choose another name")
  }

  var description: String { "\(path) cannot be written: \(reason)" }
}

/// A key slot as `--json` shows it.
private struct SlotReport: Encodable {
  let id: String
  let kind: KeySlot.Kind
  let label: String?
  let created: Timestamp
  let scrypt: PassphraseCost?

  init(_ slot: KeySlot) {
    id = slot.id
    kind = slot.kind
    label = slot.label
    created = slot.created
    scrypt = slot.cost
  }
}
