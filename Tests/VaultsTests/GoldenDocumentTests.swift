import Chunking
import Compression
import Hashing
import Maps
import TestSupport
import Testing
import Tiers

@testable import Vaults

@Suite struct GoldenDocumentTests {
  private let time = Timestamp(secondsSince1970: 1_795_359_845)

  private var point: RecoveryPoint {
    var point = RecoveryPoint(
      machine: "web01", time: time, consistency: .crash,
      tags: ["why": "before the \"upgrade\"", "by": "a/b"],
      disks: [
        RecoveryPoint.Disk(
          name: "root", source: "/images/web01.img", size: 10 << 30, root: ContentID(digest(1)),
          dataBytes: 3 << 30, newChunks: 12, newBytes: 786_432, storedBytes: 300_123,
          seconds: 1.25),
        RecoveryPoint.Disk(
          name: "data", source: "/dev/vg0/data", size: 5_000_000_000_001, root: .zeros,
          dataBytes: 0, newChunks: 0, newBytes: 0, storedBytes: 0, seconds: 0),
      ])
    point.id = "web01@2026-11-22T15:04:05Z-7f3a"
    return point
  }

  private var descriptor: VaultDescriptor {
    var descriptor = VaultDescriptor(
      redundancy: .single, sizes: .standard, compression: .standard,
      stores: [
        .init(tier: .snapshot, path: "/backup/snapshots"), .init(tier: .vault, path: "/backup/v"),
      ], created: time)
    descriptor.id = "00112233445566778899aabbccddeeff"
    descriptor.chunking.seed = digest(2).description
    descriptor.home = "/backup/v"
    descriptor.tier = .vault
    return descriptor
  }

  @Test("a recovery point is written and read as ever, byte for byte")
  func points() throws {
    try expectFixture("point.json", holds: CheckedDocument.encode(point))
    let found = try CheckedDocument.decode(RecoveryPoint.self, from: fixture("point.json"))
    #expect(found == point && found.isSound)
    #expect(found.fileName == "2026-11-22T15:04:05Z-7f3a")
  }

  @Test("a vault's descriptor is written and read as ever, byte for byte")
  func descriptors() throws {
    try expectFixture("vault.json", holds: CheckedDocument.encode(descriptor))
    let found = try CheckedDocument.decode(VaultDescriptor.self, from: fixture("vault.json"))
    #expect(found == descriptor && found.chunker() != nil)
  }

  @Test("a descriptor of format 1 is read as the same vault")
  func firstFormat() throws {
    let found = try CheckedDocument.decode(VaultDescriptor.self, from: fixture("vault-1.json"))
    var expected = descriptor
    expected.revision = 0
    expected.home = nil
    #expect(found == expected)
  }

  @Test("a machine is written and read as ever, byte for byte")
  func machines() throws {
    let machine = Machine(name: "web01", disks: [.init(name: "root", source: "/images/web01.img")])
    try expectFixture("machine.json", holds: CheckedDocument.encode(machine))
    #expect(try CheckedDocument.decode(Machine.self, from: fixture("machine.json")) == machine)
  }
}
