import Bytes
import Encryption
import Stores
import SystemPackage
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@testable import Backups

@Suite struct SecretTests {
  private let store = MemoryStore()
  private let directory: TemporaryDirectory
  private let keys = sampleKeys()

  init() throws {
    directory = try TemporaryDirectory()
    try writeFile(repeated([1, 2, 3], 50_000), to: directory.appending("root.img"))
  }

  private func backUp(_ names: [String], to vault: Vault) throws -> RecoveryPoint {
    var backup = Backup(
      machine: "web01", sources: [.init(name: "root", path: directory.appending("root.img"))])
    backup.secrets = names.map { .init(name: $0, path: directory.appending("\($0).key")) }
    return try backup.run(
      vault: vault, notices: Notices(), progress: Progress(), cancellation: Cancellation())
  }

  private func write(_ bytes: [UInt8], as name: String) throws {
    try writeFile(bytes, to: directory.appending("\(name).key"))
  }

  private func opened(_ point: RecoveryPoint) throws -> [[UInt8]] {
    try (point.secrets ?? []).map { secret in
      try secret.open(of: point.machine, keys).withBytes { [UInt8]($0) }
    }
  }

  @Test("a point keeps the machine's secrets sealed, and the machine where they come from")
  func kept() throws {
    let vault = try memoryVault(store, keys: keys)
    let secrets = [Array("correct horse battery staple\n".utf8), [0, 255]]
    try write(secrets[0], as: "luks")
    try write(secrets[1], as: "tpm")
    let point = try backUp(["luks", "tpm"], to: vault)
    #expect(point.secrets?.map(\.name) == ["luks", "tpm"])
    #expect(try opened(point) == secrets)
    #expect(try vault.point(point.id, notices: Notices()).point == point)
    let machine = try #require(try vault.machine("web01", notices: Notices()))
    #expect(machine.secrets?.map(\.name) == ["luks", "tpm"])
    #expect(machine.secrets?[0].source == directory.appending("luks.key").string)
    #expect(!"\(point)".contains("correct horse"))
  }

  @Test("a later point keeps the secrets as the files are then; one without any keeps none")
  func later() throws {
    let vault = try memoryVault(store, keys: keys)
    try write([1], as: "luks")
    let first = try backUp(["luks"], to: vault)
    try write([2, 2], as: "luks")
    let second = try backUp(["luks"], to: vault)
    let third = try backUp([], to: vault)
    #expect(try opened(first) == [[1]] && opened(second) == [[2, 2]])
    #expect(third.secrets == nil)
    #expect(try vault.machine("web01", notices: Notices())?.secrets == nil)
  }

  @Test("a secret goes into no vault that is not encrypted or not open, and nothing is stored")
  func refused() throws {
    try write([1], as: "luks")
    let plain = try memoryVault(store)
    let error = #expect(throws: VaultError.self) { _ = try backUp(["luks"], to: plain) }
    #expect("\(try #require(error))".contains("is not encrypted"))
    let locked = try memoryVault(store, keys: keys, isLocked: true)
    #expect(throws: LockedError.self) { _ = try backUp(["luks"], to: locked) }
    #expect(store.contents.keys.map(\.description) == ["vault.json"])
  }

  @Test("a file that holds no secret is an error that names it, and there is no point")
  func badFiles() throws {
    let vault = try memoryVault(store, keys: keys)
    let limit = SealedSecret.byteLimit
    try write([], as: "empty")
    try write([UInt8](repeating: 7, count: limit + 1), as: "large")
    for (name, reason) in [("none", "No such file"), ("empty", "empty"), ("large", "\(limit)")] {
      let error = #expect(throws: SecretFileError.self) { _ = try backUp([name], to: vault) }
      let text = "\(try #require(error))"
      #expect(text.contains("\(name).key") && text.contains(reason), "\(text)")
      #expect(store.paths(in: .points).isEmpty && store.paths(in: .packs).isEmpty)
    }
    try write([UInt8](repeating: 7, count: limit), as: "largest")
    let point = try backUp(["largest"], to: vault)
    #expect(try opened(point).map(\.count) == [limit])
  }
}
