import ArgumentParser
import Encryption
import Vaults

struct KeyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key",
    abstract: "Manage who can open an encrypted vault.",
    discussion: """
      The vault's master key lies in vault.json once for each key slot, wrapped under a passphrase \
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
      let vault = try session.openVault(.none)
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

struct KeyCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Say which slots a passphrase or key file opens.",
    discussion: """
      Opens the vault, checks that vault.json is authentic in every store, and fails where the key \
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

/// A key slot as `--json` shows it.
struct SlotReport: Encodable {
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
