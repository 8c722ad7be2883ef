import Bytes
import Files
import Hashing
import Stores
import Synchronization
import SystemPackage
import TestSupport
import Testing
import Workers

@Suite struct StoreTests {
  @Test("a directory store does what stores do", arguments: StoreConformance.allCases)
  func directoryStore(behaviour: StoreConformance) throws {
    let directory = try TemporaryDirectory()
    try behaviour.check(DirectoryStore(directory.appending("store")))
  }

  @Test("a memory store does what stores do", arguments: StoreConformance.allCases)
  func memoryStore(behaviour: StoreConformance) throws { try behaviour.check(MemoryStore()) }

  @Test("objects lie where the layout says")
  func layout() {
    let zeros = String(repeating: "0", count: 64)
    #expect(ObjectPath.pack(PackID(.zero)).description == "packs/00/\(zeros).pack")
    #expect(ObjectPath.segment(.zero).description == "index/\(zeros).index")
    #expect(ObjectPath.point(machine: "a", name: "b").description == "points/a/b.json")
    #expect(ObjectPath.machine("a").description == "machines/a.json")
    #expect(ObjectPath.descriptor.description == "vault.json")
    #expect(ObjectPath.machine("a").name(without: ".json") == "a")
    #expect(ObjectPath.machine("a").name(without: ".pack") == nil)
  }

  @Test("what is not finished is not listed, and a put leaves nothing unfinished behind")
  func unfinished() throws {
    let directory = try TemporaryDirectory()
    let store = DirectoryStore(directory.path)
    let bytes: [UInt8] = [1, 2, 3]
    try store.put(bytes.span.bytes, at: .machine("web01"))
    #expect(try directoryEntries(directory.appending("machines")) == ["web01.json"])
    try writeFile([1], to: directory.appending("machines").appending(".new-1-1"))
    #expect(try store.list(.machines).map(\.path) == [.machine("web01")])
  }

  @Test("a put that is refused leaves what was there, and nothing else")
  func refusedPut() throws {
    let directory = try TemporaryDirectory()
    let store = DirectoryStore(directory.path)
    let target = directory.appending("machines").appending("web01.json")
    try makeDirectory(target)
    let bytes: [UInt8] = [1]
    #expect(throws: StoreError.self) { try store.put(bytes.span.bytes, at: .machine("web01")) }
    #expect(try directoryEntries(directory.appending("machines")) == ["web01.json"])
    #expect(try fileStatus(target)?.kind == .directory)
  }

  @Test("an object that another program replaces is read whole, as it was or as it is")
  func replacedMeanwhile() throws {
    let directory = try TemporaryDirectory()
    let (reader, writer) = (DirectoryStore(directory.path), DirectoryStore(directory.path))
    let path = ObjectPath.machine("web01")
    let versions = [100, 30_000, 7].map { [UInt8](repeating: UInt8($0 % 251), count: $0) }
    for version in versions {
      try writer.put(version.span.bytes, at: path)
      #expect(try reader.readAll(path, limit: 1 << 20) == version)
    }
    let isOver = Atomic(false)
    let thread = WorkerThread {
      var round = 0
      while !isOver.load(ordering: .relaxed) {
        let version = versions[round % 3]
        do throws(StoreError) { try writer.put(version.span.bytes, at: path) } catch {
          Issue.record(error)
        }
        round += 1
      }
    }
    for _ in 0..<2000 {
      let bytes = try reader.readAll(path, limit: 1 << 20)
      guard versions.contains(bytes) else {
        Issue.record("\(bytes.count) bytes that nobody wrote")
        break
      }
    }
    isOver.store(true, ordering: .relaxed)
    thread.wait()
  }

  @Test("more files than are kept open are read all the same, and read anew when replaced")
  func openFiles() throws {
    let directory = try TemporaryDirectory()
    let store = DirectoryStore(directory.path)
    for round in 0..<3 {
      for number in 0..<80 {
        let bytes = [UInt8(number), UInt8(round)]
        try store.put(bytes.span.bytes, at: .machine("m\(number)"))
      }
      for number in 0..<80 {
        let bytes = try store.readAll(.machine("m\(number)"), limit: 2)
        #expect(bytes == [UInt8(number), UInt8(round)])
      }
    }
  }

  @Test("the memory store fails when it is told to, and only then")
  func faults() throws {
    let store = MemoryStore()
    let bytes: [UInt8] = [1, 2, 3]
    store.fail(.put, number: 2)
    try store.put(bytes.span.bytes, at: .machine("a"))
    #expect(throws: StoreError.self) { try store.put(bytes.span.bytes, at: .machine("b")) }
    try store.put(bytes.span.bytes, at: .machine("c"))
    #expect(try store.list(.machines).count == 2)
    store.limitCapacity(to: 8)
    do {
      try store.put(bytes.span.bytes, at: .machine("d"))
      Issue.record("there was room")
    } catch { #expect(error.kind == .full) }
    store.losePower(afterPuts: 0)
    #expect(throws: StoreError.self) { try store.put(bytes.span.bytes, at: .machine("a")) }
    #expect(throws: StoreError.self) { try store.list(.machines) }
    store.restorePower()
    store.flipBit(9, of: .machine("a"))
    #expect(try store.readAll(.machine("a"), limit: 3) == [1, 0, 3])
    store.drop(.machine("a"))
    #expect(try store.byteCount(of: .machine("a")) == nil)
  }

  @Test("an error names the object and the store, and what to do about a full one")
  func messages() {
    func text(_ kind: StoreError.Kind) -> String {
      StoreError(kind, .machine("a"), in: "/vault").description
    }
    for kind in [StoreError.Kind.missing, .truncated, .refused("why"), .full] {
      #expect(text(kind).contains("machines/a.json") && text(kind).contains("/vault"))
    }
    #expect(text(.full).contains("free some space"))
    #expect(text(.refused("why")).hasSuffix("why"))
  }
}
