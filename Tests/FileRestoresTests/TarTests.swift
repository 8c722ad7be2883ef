import Bytes
import FileRestores
import Files
import Filesystems
import Glibc
import Guests
import SystemPackage
import TestSupport
import Testing
import Workers

/// Archives, judged by GNU tar and bsdtar.
@Suite struct TarTests {
  private let memory = MemoryFileSystem()
  private let place: TemporaryDirectory

  init() throws { place = try TemporaryDirectory() }

  /// Makes an archive of everything and unpacks it with a tool.
  private func unpack(
    with tool: String, _ change: (FileRestoreReport) -> Void = { _ in }
  ) throws -> FilePath {
    let archive = place.appending("\(tool).tar")
    let file = try File.create(archive)
    let plan = try RestorePlan(
      try Selection([PathPattern("/")], in: MountTree(root: memory))
    ) {}
    var position: UInt64 = 0
    change(
      try TarRestore(plan).run(progress: Progress(), cancellation: Cancellation()) { bytes in
        try file.write(bytes, at: position)
        position += UInt64(bytes.byteCount)
      })
    #expect(position % 10_240 == 0)
    let target = place.appending(tool)
    try makeDirectory(target)
    let options =
      tool == "tar" ? ["--xattrs", "--acls"] : ["--xattrs", "--acls", "--no-same-owner"]
    try output(
      of: tool, arguments: ["-C", target.string] + options + ["-xpf", archive.string])
    return target
  }

  private static let tools = ["tar", "bsdtar"].filter { areInstalled($0) }

  private func status(_ path: FilePath) -> stat {
    var status = stat()
    _ = path.withPlatformString { lstat($0, &status) }
    return status
  }

  @Test(arguments: tools)
  func `names of any length and bytes, links and times come back`(tool: String) throws {
    let long = FileName(String(repeating: "d", count: 200))
    let directory = memory.directory(long, permissions: 0o750)
    let names: [FileName] = [
      FileName(String(repeating: "n", count: 255)), FileName("ünïcödé"), FileName("new\nline"),
      FileName([0x62, 0xFF]), FileName([UInt8](repeating: 0xFE, count: 120)), FileName("sp ace"),
    ]
    for name in names { memory.file(name, "text of \(name)", in: directory) }
    let linked = memory.file("linked", [.bytes([1, 2, 3])], in: directory, links: 2)
    memory.name(linked, "also")
    memory.link("link", to: FileName(String(repeating: "t", count: 150)))
    memory.file("empty", [])
    let target = try unpack(with: tool) { report in
      #expect(report.problemCount == 0)
      #expect(report.files == names.count + 2 && report.hardLinks == 1)
    }
    for name in names {
      let text = (target.string + "/\(String(repeating: "d", count: 200))/").utf8 + name.bytes + [0]
      let path = FilePath(platformString: text.map { CChar(bitPattern: $0) })
      let bytes = try readSmallFile(path, limit: 1000)
      #expect(String(decoding: bytes, as: UTF8.self) == "text of \(name)")
      #expect(status(path).st_mtim.tv_nsec == 123_456_789)
    }
    let one = target.pushing(FilePath("\(String(repeating: "d", count: 200))/linked"))
    #expect(status(one).st_ino == status(target.appending("also")).st_ino)
    var buffer = [CChar](repeating: 0, count: 200)
    #expect(readlink(target.appending("link").string, &buffer, 199) == 150)
    #expect(status(one.removingLastComponent()).st_mode & 0o777 == 0o750)
  }

  @Test(arguments: tools)
  func `holes stay holes and bytes are where they were`(tool: String) throws {
    var random = Seed.ofThisRun.random
    let data = random.bytes(3 << 20)
    memory.file("middle", [.hole(5 << 20), .bytes(data), .hole(1 << 20), .bytes([9])])
    memory.file("end", [.bytes([1, 2, 3]), .hole(8 << 20)])
    memory.file("all", [.hole(4 << 20)])
    memory.file(FileName(String(repeating: "s", count: 130)), [.hole(1 << 20), .bytes([5])])
    let target = try unpack(with: tool)
    for (name, size) in [("middle", (9 << 20) + 1), ("end", (8 << 20) + 3), ("all", 4 << 20)] {
      #expect(status(target.appending(name)).st_size == size, "\(name)")
    }
    let middle = try readSmallFile(target.appending("middle"), limit: 10 << 20)
    expectSame(Array(middle[(5 << 20)..<(8 << 20)]), data, "\(Seed.ofThisRun)")
    #expect(middle.last == 9 && middle[..<(5 << 20)].allSatisfy { $0 == 0 })
    #expect(try readSmallFile(target.appending("end"), limit: 9 << 20).prefix(4) == [1, 2, 3, 0])
    #expect(status(target.appending("all")).st_blocks < 64)
  }

  @Test(arguments: tools)
  func `sizes about those of blocks and pieces come back`(tool: String) throws {
    var random = Seed.ofThisRun.random
    let sizes = [1, 511, 512, 513, 4096, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, (5 << 20) + 7]
    let contents = sizes.map { random.bytes($0) }
    for (size, bytes) in zip(sizes, contents) { memory.file(FileName("f\(size)"), [.bytes(bytes)]) }
    let target = try unpack(with: tool)
    for (size, bytes) in zip(sizes, contents) {
      expectSame(try readSmallFile(target.appending("f\(size)"), limit: 6 << 20), bytes)
    }
  }

  @Test(arguments: tools)
  func `a file of which nothing can be read is left out with its other names`(tool: String) throws {
    let bad = memory.file("bad", [.damaged(100)], links: 2)
    memory.name(bad, "worse")
    memory.file("good", "good")
    let target = try unpack(with: tool) { report in
      #expect(report.problems.map(\.path.description) == ["/bad", "/worse"])
      #expect(report.files == 1 && report.hardLinks == 0)
    }
    #expect(try directoryEntries(target) == ["good"])
  }

  @Test func `a file that breaks off in its middle ends the archive with an error`() throws {
    memory.file("broken", [.bytes([UInt8](repeating: 1, count: 3 << 20)), .damaged(100)])
    let plan = try RestorePlan(
      try Selection([PathPattern("/")], in: MountTree(root: memory))
    ) {}
    #expect {
      try TarRestore(plan).run(progress: Progress(), cancellation: Cancellation()) { _ in }
    } throws: { error in
      "\(error)".contains("/broken") && "\(error)".contains("--exclude")
    }
  }

  @Test func `access control lists are written as tools read them`() throws {
    let file = memory.file("f", "x")
    // user::rw-, user:1000:r--, group::r--, mask::r--, other::---
    let entries: [(UInt16, UInt16, UInt32)] = [
      (1, 6, .max), (2, 4, 1000), (4, 4, .max), (16, 4, .max), (32, 0, .max),
    ]
    var writer = ByteWriter()
    writer.integer(UInt32(2))
    for (tag, permissions, id) in entries {
      writer.integer(tag)
      writer.integer(permissions)
      writer.integer(id)
    }
    memory.change(file) { [bytes = writer.bytes] in
      $0.extendedAttributes = [ExtendedAttribute(name: "system.posix_acl_access", value: bytes)]
    }
    var archive: [UInt8] = []
    let plan = try RestorePlan(
      try Selection([PathPattern("/f")], in: MountTree(root: memory))
    ) {}
    _ = try TarRestore(plan).run(progress: Progress(), cancellation: Cancellation()) {
      archive += Array($0)
    }
    let text = "SCHILY.acl.access=user::rw-,user:1000:r--,group::r--,mask::r--,other::---\n"
    #expect(String(decoding: archive, as: UTF8.self).contains(text))
  }
}
