import BlockDevices
import FileRestores
import Filesystems
import Guests
import TestSupport
import Testing
import Volumes

@Suite struct ComparisonTests {
  private let old = MemoryFileSystem()
  private let new = MemoryFileSystem()

  private func differences(at path: String = "/") throws -> [String] {
    let guest = Guest(VolumeListing(volumes: [], problems: []))
    var comparison = TreeComparison(
      from: TreeComparison.Side(MountTree(root: old), in: guest),
      to: TreeComparison.Side(MountTree(root: new), in: guest)
    ) {}
    var found: [String] = []
    try comparison.run(at: GuestPath(path)) { difference in
      let details = difference.details.map { " \($0)" }.joined()
      found.append("\(difference.kind.rawValue) \(difference.path)\(details)")
    }
    return found + comparison.problems.map { "problem \($0.path)" }
  }

  /// Does the same to both.
  private func both(_ body: (MemoryFileSystem) -> Void) {
    body(old)
    body(new)
  }

  @Test func `what is equal is not told`() throws {
    both { memory in
      let directory = memory.directory("d")
      memory.file("f", "f", in: directory)
      memory.file("sparse", [.hole(10_000_000), .bytes([1])])
      memory.link("l", to: "f")
    }
    #expect(try differences() == [])
  }

  @Test func `additions, removals and changes are told apart`() throws {
    both { memory in
      memory.file("content", memory === old ? "aaaa" : "aaab")
      memory.file("longer", memory === old ? "a" : "ab")
      let mode = memory.file("mode", "same")
      let owner = memory.file("owner", "same")
      if memory === new {
        memory.change(mode) { $0.attributes.permissions = 0o600 }
        memory.change(owner) { item in
          item.attributes.owner = 1
          item.extendedAttributes = [ExtendedAttribute(name: "user.x", value: [1])]
        }
      }
      memory.link("link", to: memory === old ? "a" : "b")
    }
    let gone = old.directory("gone")
    old.file("below", "x", in: gone)
    new.directory("fresh")
    new.file("a-first", "x")
    #expect(
      try differences() == [
        "added /a-first", "content /content", "added /fresh", "removed /gone",
        "removed /gone/below", "content /link", "content /longer", "metadata /mode mode",
        "metadata /owner owner attributes",
      ])
  }

  @Test func `a directory in the place of a file is of another kind`() throws {
    old.file("x", "file")
    let directory = new.directory("x")
    new.file("below", "f", in: directory)
    both { $0.file("y", "same") }
    #expect(try differences() == ["type /x", "added /x/below"])
  }

  @Test func `only what lies at or below the path is compared`() throws {
    both { memory in
      let directory = memory.directory("d")
      memory.file("f", memory === old ? "1" : "2", in: directory)
      memory.file("other", memory === old ? "1" : "2")
    }
    #expect(try differences(at: "/d") == ["content /d/f"])
    #expect(try differences(at: "/d/f") == ["content /d/f"])
    #expect(throws: PathError.self) { try differences(at: "/no") }
  }

  @Test func `a file that cannot be read is a problem, and the rest is compared`() throws {
    both { memory in
      memory.file("bad", [.damaged(5)])
      memory.file("f", memory === old ? "1" : "2")
    }
    #expect(try differences() == ["content /f", "problem /bad"])
  }
}

/// Files whose bytes lie on a device that knows them by name.
@Suite struct NamedContentTests {
  /// Bytes in blocks of 4 KiB, each with a name, that count how often they are read.
  private final class NamedDevice: BlockDevice {
    let blocks: [UInt64]
    /// Blocks that may be read; others are an error.
    let readable: Set<Int>

    init(_ blocks: [UInt64], readable: Set<Int> = []) {
      self.blocks = blocks
      self.readable = readable
    }

    struct Read: Error {}

    var byteCount: UInt64 { UInt64(blocks.count) * 4096 }

    func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
      for index in 0..<target.byteCount {
        let block = (Int(offset) + index) / 4096
        guard readable.contains(block) else { throw Read() }
        target.storeBytes(
          of: UInt8(truncatingIfNeeded: blocks[block]), toByteOffset: index, as: UInt8.self)
      }
    }

    func nextData(from offset: UInt64) -> Range<UInt64>? { nil }
    func willNeed(_ range: Range<UInt64>) {}

    func contentRun(at offset: UInt64, _ scale: ContentRun.Scale) -> ContentRun? {
      guard scale == .small else { return nil }
      return ContentRun(
        .digest(blocks[Int(offset / 4096)], 0, 0, 0, offset: offset % 4096),
        byteCount: 4096 - offset % 4096)
    }
  }

  private struct Content: FileContent {
    let device: NamedDevice
    let start: UInt64
    let byteCount: UInt64

    func extent(at offset: UInt64) -> FileExtent {
      FileExtent(byteCount: byteCount - offset, storage: .volume(offset: start + offset))
    }

    func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
      try read(at: offset, into: &target, from: device)
    }
  }

  private func areEqual(
    _ a: NamedDevice, at startA: UInt64, _ b: NamedDevice, at startB: UInt64, byteCount: UInt64
  ) throws -> (Bool, read: UInt64) {
    let comparison = ContentComparison()
    let equal = try comparison.areEqual(
      .init(Content(device: a, start: startA, byteCount: byteCount), on: a),
      .init(Content(device: b, start: startB, byteCount: byteCount), on: b)
    ) {}
    return (equal, comparison.readByteCount)
  }

  @Test func `what has equal names is not read, wherever it lies`() throws {
    let a = NamedDevice([9, 1, 2, 3])
    let b = NamedDevice([1, 2, 3, 8])
    #expect(try areEqual(a, at: 4096, b, at: 0, byteCount: 12_000) == (true, 0))
  }

  @Test func `what has other names is read, and only that`() throws {
    // 1 and 257 are other names of equal bytes.
    let a = NamedDevice([5, 1, 6], readable: [1])
    let b = NamedDevice([5, 257, 6], readable: [1])
    #expect(try areEqual(a, at: 0, b, at: 0, byteCount: 12_288) == (true, 4096))
    let c = NamedDevice([5, 2, 6], readable: [1])
    #expect(try areEqual(a, at: 0, c, at: 0, byteCount: 12_288) == (false, 4096))
  }
}
