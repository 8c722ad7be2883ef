import Encryption
import Files
import Stores
import SystemPackage
import TestSupport
import Testing
import Tiers

@testable import Vaults

/// An encrypted vault of three stores on disk, and what somebody who holds a store can do to it.
struct EncryptedVault {
  let directory: TemporaryDirectory
  let made: Vault
  let key = keyFile(1)

  init(_ redundancy: Redundancy = .lrs, in parent: TemporaryDirectory? = nil) throws {
    directory = try parent ?? TemporaryDirectory()
    var plan = Vault.Plan(path: directory.appending("v"))
    plan.redundancy = redundancy
    plan.copies = ["v/copy-1", "v/copy-2", "v/copy-3"].map(directory.appending)
    plan.credential = key
    plan.keyLabel = "first"
    made = try Vault.create(plan, now: Timestamp(secondsSince1970: 1_795_359_845))
  }

  func store(_ number: Int) -> FilePath { directory.appending("v/copy-\(number)") }

  func open(
    _ number: Int = 1, _ credential: Credential?, notices: Notices = Notices()
  ) throws -> Vault {
    try Vault.open(store(number), notices: notices, unlocking: credential)
  }

  /// What the store says of the vault, in both places.
  func descriptor(_ number: Int) throws -> VaultDescriptor {
    let documents = try names.map { try readFile(store(number).appending($0)) }
    #expect(documents[0] == documents[1])
    return try CheckedDocument.decode(VaultDescriptor.self, from: documents[0])
  }

  /// Writes a descriptor as somebody without the key would: with the digest that it should have.
  func forge(_ descriptor: VaultDescriptor, in numbers: [Int]) throws {
    for number in numbers {
      for name in names {
        try overwriteFile(
          store(number).appending(name), with: CheckedDocument.encode(descriptor))
      }
    }
  }

  func forge(in numbers: [Int], _ change: (inout VaultDescriptor) -> Void) throws {
    for number in numbers {
      var descriptor = try descriptor(number)
      change(&descriptor)
      try forge(descriptor, in: [number])
    }
  }

  private var names: [String] { ["vault.json", "vault.copy.json"] }
}

func expectKeyError(
  _ expected: KeyError, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
  #expect(throws: expected, sourceLocation: sourceLocation) { try body() }
}
