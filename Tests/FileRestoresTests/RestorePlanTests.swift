import Filesystems
import Guests
import TestSupport
import Testing

@testable import FileRestores

@Suite struct RestorePlanTests {
  private let memory = MemoryFileSystem()

  private func plan(
    _ paths: [String] = ["/"], excluding exclusions: [String] = []
  ) throws -> RestorePlan {
    let selection = try Selection(paths.map { PathPattern($0) }, in: MountTree(root: memory))
    return try RestorePlan(selection, excluding: exclusions.map { PathPattern($0) }) {}
  }

  @Test func `an item keeps what is restored of it`() throws {
    var random = Seed.ofThisRun.random
    var all: [String: FileAttributes] = [:]
    let kinds: [FileKind] = [
      .regular, .symbolicLink, .characterDevice, .blockDevice, .pipe, .socket, .directory,
    ]
    for number in 0..<200 {
      let kind = kinds[number % kinds.count]
      var attributes = FileAttributes(
        kind: kind, permissions: UInt16(random.below(0o10000)), owner: UInt32(random.next() >> 32),
        group: UInt32(random.next() >> 32), byteCount: random.next(), allocatedByteCount: 0,
        modified: time(&random))
      if random.below(2) == 0 { attributes.accessed = time(&random) }
      if random.below(2) == 0 { attributes.changed = time(&random) }
      if kind == .characterDevice || kind == .blockDevice {
        attributes.device = DeviceNumber(
          major: UInt32(random.next() >> 32), minor: UInt32(random.next() >> 32))
      }
      all["item\(number)"] = attributes
      let item = memory.make(MemoryFileSystem.Item(attributes))
      memory.name(item, FileName("item\(number)"))
    }
    let plan = try plan()
    #expect(plan.items.count == all.count)
    for item in plan.items {
      let expected = try #require(all["\(item.name)"])
      #expect(try item.attributes() == expected, "\(item.name) \(Seed.ofThisRun)")
      #expect(item.kind == expected.kind && item.dataByteCount == expected.dataByteCount)
      #expect(item.parent == nil && item.linkTo == nil && !item.isOnTheWay)
    }
  }

  private func time(_ random: inout SeededRandom) -> FileTime {
    FileTime(
      secondsSince1970: Int64(bitPattern: random.next()),
      nanoseconds: UInt32(random.below(1_000_000_000)))
  }

  @Test func `an item takes 40 bytes and its name, since there may be millions`() {
    #expect(MemoryLayout<PlanTable.Row>.stride == 40)
  }

  @Test func `a plan of more items than a block of its table holds has them all, in order`() throws
  {
    let count = 20_000
    for number in 0..<count { memory.file(FileName("\(number)"), "x") }
    let names = try plan().items.map { "\($0.name)" }
    #expect(names == (0..<count).map { "\($0)" }.sorted())
  }

  @Test func `directories come before what is in them, and those on the way are marked`() throws {
    let a = memory.directory("a")
    let b = memory.directory("b", in: a)
    memory.file("f", "x", in: b)
    memory.file("g", "x", in: b)
    let plan = try plan(["/a/b/f", "/a/b/g"])
    #expect(plan.items.map { "\($0.name)" } == ["a", "b", "f", "g"])
    #expect(plan.items.map(\.parent) == [nil, 0, 1, 1])
    #expect(plan.items.map(\.isOnTheWay) == [true, true, false, false])
    #expect(plan.path(of: 3).description == "/a/b/g")
  }

  @Test func `what is excluded is left out with all below it`() throws {
    let a = memory.directory("a")
    memory.file("f.log", "x", in: a)
    memory.file("f.txt", "x", in: a)
    let b = memory.directory("b", in: a)
    memory.file("g.txt", "x", in: b)
    #expect(try plan(excluding: ["/a/b"]).items.map { "\($0.name)" } == ["a", "f.log", "f.txt"])
    #expect(try plan(excluding: ["/**/*.txt"]).items.map { "\($0.name)" } == ["a", "b", "f.log"])
  }

  @Test func `sizes that no disk has do not overflow the sum`() throws {
    for number in 0..<3 {
      var attributes = FileAttributes(
        kind: .regular, permissions: 0, byteCount: .max, allocatedByteCount: .max,
        modified: FileTime(secondsSince1970: 0))
      attributes.linkCount = 1
      memory.name(memory.make(MemoryFileSystem.Item(attributes)), FileName("f\(number)"))
    }
    #expect(try plan().dataByteCount == 1 << 60)
  }
}
