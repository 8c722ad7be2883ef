import ArgumentParser
import Encryption
import Vaults

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
      The last slot cannot be removed. Whoever has opened the vault before may have kept its \
      master key, or a copy of vault.json: to lock him out of what comes, copy the points into a \
      new vault with `kluis copy`.

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
      Wraps the master key anew; nothing that is stored is rewritten. Without SLOT it is the one \
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
