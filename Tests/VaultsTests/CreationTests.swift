import Files
import Stores
import SystemPackage
import TestSupport
import Testing
import Tiers

@testable import Vaults

@Suite struct CreationTests {
  private let directory: TemporaryDirectory
  private let now = Timestamp(secondsSince1970: 1_795_359_845)

  init() throws { directory = try TemporaryDirectory() }

  private func plan(
    _ redundancy: Redundancy, copies: [String] = [], secondaries: [String] = [],
    snapshots: String? = nil
  ) -> Vault.Plan {
    var plan = Vault.Plan(path: directory.appending("v"))
    plan.redundancy = redundancy
    plan.copies = copies.map { directory.appending($0) }
    plan.secondaries = secondaries.map { directory.appending($0) }
    plan.snapshots = snapshots.map { directory.appending($0) }
    return plan
  }

  /// The stores of a tier, below the test's directory.
  private func names(_ vault: Vault, _ tier: Tier.Name) -> [String] {
    (vault.tier(tier)?.stores ?? []).map {
      String($0.name.dropFirst(directory.path.string.count + 1))
    }
  }

  @Test("stores lie where they were named, else under the vault's own directory")
  func places() throws {
    let cases: [(Vault.Plan, [String], [String])] = [
      (plan(.single), ["v"], []),
      (plan(.single, copies: ["a"]), ["a"], []),
      (plan(.lrs), ["v/copy-1", "v/copy-2", "v/copy-3"], []),
      (plan(.zrs, copies: ["a", "b"]), ["v", "a", "b"], []),
      (plan(.lrs, copies: ["a", "b", "c"]), ["a", "b", "c"], []),
      (plan(.lrs, copies: ["v", "v-2", "v-3"]), ["v", "v-2", "v-3"], []),
      (plan(.grs, secondaries: ["s"]), ["v/copy-1", "v/copy-2", "v/copy-3"], ["s"]),
      (
        plan(.grs, secondaries: ["s", "t", "u"], snapshots: "n"),
        ["v/copy-1", "v/copy-2", "v/copy-3"], ["s", "t", "u"]
      ),
    ]
    for (plan, copies, secondaries) in cases {
      let vault = try Vault.create(plan, now: now)
      #expect(names(vault, .vault) == copies && names(vault, .secondary) == secondaries)
      for store in vault.tiers.flatMap(\.stores) {
        let own = try #require(try store.readDescriptor(notices: Notices()))
        #expect(own.id == vault.descriptor.id && own.revision == 1)
        #expect(
          vault.tier(try #require(own.tier))?.stores.contains { $0.name == store.name } == true)
      }
      let home = try Vault.open(plan.path)
      #expect(home.descriptor.id == vault.descriptor.id)
      try removeTree(directory.path)
    }
  }

  @Test("each redundancy has its rule for writing")
  func rules() {
    let table: [(Redundancy, Tier.Name, Int, Tier.WriteRule)] = [
      (.single, .vault, 1, .all), (.lrs, .vault, 3, .all), (.grs, .vault, 3, .all),
      (.zrs, .vault, 3, .atLeast(2)), (.zrs, .snapshot, 1, .all),
      (.grs, .secondary, 1, .atLeast(1)), (.grs, .secondary, 3, .atLeast(2)),
    ]
    for (redundancy, tier, count, rule) in table {
      #expect(redundancy.rule(for: tier, of: count) == rule, "\(redundancy) \(tier)")
    }
  }

  @Test("a plan that cannot be is refused before anything is made, and the error says why")
  func refusals() throws {
    let cases: [(Vault.Plan, String)] = [
      (plan(.grs), "redundancy grs keeps copies in another region: name it with --secondary DIR"),
      (
        plan(.lrs, secondaries: ["s"]),
        "redundancy lrs has no secondary region: choose --redundancy grs"
      ),
      (
        plan(.grs, secondaries: ["s", "t", "u", "w"]),
        "a secondary region has one to three stores"
      ),
      (plan(.lrs, copies: ["a"]), "redundancy lrs keeps 3 copies, and --copy names 1"),
      (plan(.zrs, copies: ["v", "b"]), "redundancy zrs keeps 3 copies, and --copy names 2"),
      (
        plan(.lrs, copies: ["a", "b", "c", "d"]),
        "redundancy lrs keeps 3 copies, and --copy names 4"
      ),
      (plan(.single, copies: ["a", "b"]), "redundancy single keeps 1 copy, and --copy names 2"),
      (plan(.lrs, copies: ["a", "b", "a"]), "a is named as two stores"),
      (plan(.lrs, copies: ["a", "b", "b/../a"]), "a is named as two stores"),
      (plan(.lrs, copies: ["a", "b", "a/c"]), "lie inside one another"),
      (plan(.grs, copies: ["a", "b", "c"], secondaries: ["b"]), "is named as two stores"),
      (plan(.grs, secondaries: ["v/copy-1/s"]), "lie inside one another"),
      (plan(.lrs, copies: ["a", "b", "c"], snapshots: "c/d"), "lie inside one another"),
    ]
    for (plan, text) in cases {
      expectVaultError(text) { _ = try Vault.create(plan, now: now) }
      #expect(try directoryEntries(directory.path) == [], "\(text)")
    }
  }

  @Test("a directory that leads to another store by a link is not a store of its own")
  func links() throws {
    try makeDirectory(directory.appending("a"))
    try run("/bin/ln", ["-s", directory.appending("a").string, directory.appending("b").string])
    expectVaultError("is named as two stores") {
      _ = try Vault.create(plan(.lrs, copies: ["a", "b", "c"]), now: now)
    }
    expectVaultError("lie inside one another") {
      _ = try Vault.create(plan(.lrs, copies: ["a", "b/d", "c"]), now: now)
    }
  }

  @Test("the directory that tells of the stores must not lie in one")
  func homeInStore() throws {
    var plan = plan(.lrs, copies: ["a", "b", "c"])
    plan.path = directory.appending("a/home")
    expectVaultError("a/home lies inside the store") { _ = try Vault.create(plan, now: now) }
  }

  @Test("one directory that is not empty stops it, and the others stay as they were")
  func occupied() throws {
    for place in ["a", "c", "v"] {
      try makeDirectory(directory.appending(place))
      try writeFile([1], to: directory.appending(place).appending("letter"))
      expectVaultError("\(place) exists and is not empty") {
        _ = try Vault.create(plan(.lrs, copies: ["a", "b", "c"]), now: now)
      }
      #expect(try directoryEntries(directory.path) == [place])
      try removeTree(directory.path)
    }
  }

  @Test("a vault that could not be made leaves nothing behind, and can be made afterwards")
  func failure() throws {
    try makeDirectory(directory.appending("b"))
    var failing = plan(.lrs, copies: ["a", "b", "c"])
    failing.copies[2] = "/proc/kluis-nothing/c"
    #expect(throws: FileError.self) { _ = try Vault.create(failing, now: now) }
    #expect(try directoryEntries(directory.path) == ["b"], "what was there stays")
    #expect(try directoryEntries(directory.appending("b")) == [])
    failing = plan(.lrs, secondaries: ["s"])
    failing.redundancy = .grs
    failing.secondaries = ["/proc/kluis-nothing/s"]
    #expect(throws: FileError.self) { _ = try Vault.create(failing, now: now) }
    #expect(try directoryEntries(directory.path) == ["b"])
    _ = try Vault.create(plan(.lrs, copies: ["a", "b", "c"]), now: now)
  }

  @Test("what somebody left who was stopped while making a store is made whole")
  func begun() throws {
    for folder in ["packs", "index"] {
      try makeDirectory(directory.appending("v").appending(folder))
    }
    _ = try Vault.create(plan(.single), now: now)
  }

  @Test("stores that share a file system are told of together")
  func oneFileSystem() throws {
    let vault = try Vault.create(plan(.grs, secondaries: ["s"]), now: now)
    #expect(try vault.storesOnOneFileSystem() == [vault.places])
    try removeTree(directory.appending("v").appending("copy-2"))
    #expect(try vault.storesOnOneFileSystem().map(\.count) == [3])
    let alone = try Vault.create(Vault.Plan(path: directory.appending("alone")), now: now)
    #expect(try alone.storesOnOneFileSystem() == [])
  }
}
