import Files
import Stores
import SystemPackage
import TestSupport
import Testing
import Tiers

@testable import Vaults

@Suite struct StorePlacesTests {
  private let directory: TemporaryDirectory
  private let id: String

  /// A vault with all tiers: the copies and the snapshots in `home`, the secondary in `region`.
  init() throws {
    directory = try TemporaryDirectory()
    var plan = Vault.Plan(path: directory.appending("home/v"))
    plan.redundancy = .grs
    plan.snapshots = directory.appending("home/snapshots")
    plan.secondaries = [directory.appending("region/s")]
    id = try Vault.create(plan, now: Timestamp(secondsSince1970: 1_000_000)).descriptor.id
  }

  private let stores = [
    "home/snapshots", "home/v/copy-1", "home/v/copy-2", "home/v/copy-3", "region/s",
  ]

  /// The stores that are found from `path`, and those that are not, below the test's directory.
  private func found(from path: String, _ notices: Notices = Notices()) throws -> Set<String> {
    let vault = try Vault.open(directory.appending(path), notices: notices)
    #expect(vault.descriptor.id == id)
    let names = vault.tiers.flatMap(\.stores).map(\.name)
    return Set(names.map { String($0.dropFirst(directory.path.string.count + 1)) })
  }

  private func move(_ old: String, to new: String) throws {
    try makeDirectory(parent(of: directory.appending(new)))
    try renameFile(directory.appending(old), to: directory.appending(new), replacing: false)
  }

  private func copy(_ old: String, to new: String) throws {
    try run("/bin/cp", ["-r", directory.appending(old).string, directory.appending(new).string])
  }

  @Test("every store, and every directory that holds or tells of stores, opens the whole vault")
  func inPlace() throws {
    for path in stores + ["home/v", "home", "region"] {
      let notices = Notices()
      #expect(try found(from: path, notices) == Set(stores), "\(path)")
      #expect(notices.all.isEmpty, "\(path)")
    }
  }

  @Test("a vault that was moved as a whole is found from each of its stores")
  func movedWhole() throws {
    try move("home", to: "new/home")
    try move("region", to: "new/region")
    for path in stores + ["home/v"] {
      #expect(try found(from: "new/\(path)") == Set(stores.map { "new/\($0)" }), "\(path)")
    }
  }

  @Test("where one store was moved, the others are found where they were")
  func movedOne() throws {
    try move("home/v/copy-2", to: "elsewhere/disk")
    let expected = Set(stores.map { $0 == "home/v/copy-2" ? "elsewhere/disk" : $0 })
    #expect(try found(from: "elsewhere/disk") == expected)
    // From the others it is simply not there.
    let notices = Notices()
    #expect(
      try found(from: "home/snapshots", notices) == Set(stores).subtracting(["home/v/copy-2"]))
    #expect(notices.all.contains { $0.contains("copy-2") && $0.contains("cannot be used") })
  }

  @Test("the copies' directory moved without the snapshots and the secondary is found as a whole")
  func movedPart() throws {
    try move("home/v", to: "moved/v")
    let expected = Set(stores.map { $0.hasPrefix("home/v") ? "moved" + $0.dropFirst(4) : $0 })
    for path in ["moved/v/copy-1", "moved/v/copy-3"] {
      #expect(try found(from: path) == expected, "\(path)")
    }
  }

  @Test("the copy of a vault opens as itself, and the original as itself, side by side")
  func copied() throws {
    try copy("home", to: "copy")
    try copy("region", to: "region-copy")
    for path in ["home/v/copy-2", "home/v", "home/snapshots"] {
      #expect(try found(from: path) == Set(stores), "\(path)")
    }
    let own = Set(stores.map { $0.hasPrefix("home/") ? "copy" + $0.dropFirst(4) : $0 })
    for path in ["copy/v/copy-1", "copy/v/copy-2", "copy/v/copy-3", "copy/snapshots", "copy/v"] {
      #expect(try found(from: path) == own, "\(path)")
    }
  }

  @Test("a lone secondary store, carried elsewhere, opens with the region's outage noted")
  func loneSecondary() throws {
    try move("region/s", to: "carried/disk")
    try removeTree(directory.appending("home"))
    let notices = Notices()
    #expect(try found(from: "carried/disk", notices) == ["carried/disk"])
    #expect(notices.all.filter { $0.contains("cannot be used") }.count == 4)
    let vault = try Vault.open(directory.appending("carried/disk"))
    #expect(vault.tiers.map(\.name) == [.snapshot, .vault, .secondary])
    #expect(vault.tier(.vault)?.absent.count == 3 && vault.tier(.secondary)?.absent.count == 0)
  }

  @Test("a lone copy of three, carried elsewhere, is itself whichever it was", arguments: 1...3)
  func loneCopy(number: Int) throws {
    try move("home/v/copy-\(number)", to: "carried/disk")
    try removeTree(directory.appending("home"))
    try removeTree(directory.appending("region"))
    #expect(try found(from: "carried/disk") == ["carried/disk"])
  }

  @Test("the directory that only tells of the stores, moved with them, finds them")
  func movedHome() throws {
    try move("home", to: "new")
    let expected = Set(stores.map { $0.hasPrefix("home/") ? "new" + $0.dropFirst(4) : $0 })
    #expect(try found(from: "new/v") == expected)
  }

  @Test("a store that was let go tells of those that hold the vault now")
  func released() throws {
    let vault = try Vault.open(directory.appending("home/v"))
    let kept = vault.currentStores.filter { !$0.path.hasSuffix("copy-3") }
    _ = try vault.restructure(.grs, stores: kept, notices: Notices())
    let expected = Set(stores).subtracting(["home/v/copy-3"])
    #expect(try found(from: "home/v/copy-3") == expected)
    try move("home/v/copy-3", to: "drawer/disk")
    #expect(try found(from: "drawer/disk") == expected)
  }
}
