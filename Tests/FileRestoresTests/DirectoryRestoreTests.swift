import FileRestores
import Files
import Filesystems
import Glibc
import Guests
import SystemPackage
import TestSupport
import Testing
import Workers

@Suite struct DirectoryRestoreTests {
  private let memory = MemoryFileSystem()
  private let place: TemporaryDirectory

  init() throws { place = try TemporaryDirectory() }

  private var target: FilePath { place.appending("out") }

  @discardableResult
  private func restore(
    _ paths: [String] = ["/"], cancellation: Cancellation = Cancellation(),
    _ change: (inout DirectoryRestore) -> Void = { _ in }
  ) throws -> FileRestoreReport {
    let selection = try Selection(paths.map { PathPattern($0) }, in: MountTree(root: memory))
    let plan = try RestorePlan(selection) {}
    var restore = DirectoryRestore(plan, to: target)
    change(&restore)
    return try restore.run(progress: Progress(), cancellation: cancellation)
  }

  private func text(_ path: String) -> String? {
    guard let bytes = try? readSmallFile(target.pushing(FilePath(path)), limit: 1 << 20) else {
      return nil
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private func status(_ path: String) -> stat {
    var status = stat()
    lstat(target.pushing(FilePath(path)).string, &status)
    return status
  }

  private func names(_ path: String = ".") throws -> [String]? {
    try directoryEntries(target.pushing(FilePath(path)))
  }

  @Test func `paths keep their places, and what is above them is made`() throws {
    let etc = memory.directory("etc", permissions: 0o750)
    memory.file("hosts", "hosts", in: etc)
    memory.file("other", "other", in: etc)
    let report = try restore(["/etc/hosts"])
    #expect(text("etc/hosts") == "hosts")
    #expect(try names("etc") == ["hosts"])
    #expect(status("etc").st_mode & 0o777 == 0o750)
    #expect(report.files == 1 && report.problemCount == 0)
  }

  @Test func `times, also of directories, and modes are restored`() throws {
    let directory = memory.directory("d", permissions: 0o555)
    memory.file("f", [.bytes([1])], in: directory, permissions: 0o400)
    try restore()
    for path in ["d", "d/f"] {
      let status = status(path)
      #expect(status.st_mtim.tv_sec == 1_700_000_000, "\(path)")
      #expect(status.st_mtim.tv_nsec == 123_456_789, "\(path)")
    }
    #expect(status("d").st_mode & 0o7777 == 0o555)
    #expect(status("d/f").st_mode & 0o7777 == 0o400)
    chmod(target.appending("d").string, 0o755)
  }

  @Test func `holes stay holes, also at the end, and bytes are where they were`() throws {
    let data = [UInt8](repeating: 7, count: 5000)
    memory.file("sparse", [.hole(10 << 20), .bytes(data), .hole(20 << 20)])
    let report = try restore()
    let status = status("sparse")
    #expect(status.st_size == (30 << 20) + 5000)
    #expect(status.st_blocks < 100)
    #expect(report.byteCount == UInt64((30 << 20) + 5000))
    let file = try File.openForReading(target.appending("sparse"))
    var bytes = [UInt8](repeating: 0, count: 5002)
    var span = bytes.mutableSpan
    var part = span.mutableBytes
    _ = try file.read(at: (10 << 20) - 1, into: &part)
    #expect(bytes == [0] + data + [0])
  }

  @Test func `a large file is written by several threads, whole`() throws {
    var random = Seed.ofThisRun.random
    let bytes = random.bytes(11 << 20)
    memory.file("large", [.bytes(Array(bytes[..<(5 << 20)])), .bytes(Array(bytes[(5 << 20)...]))])
    try restore { $0.workerCount = 4 }
    expectSame(try readSmallFile(target.appending("large"), limit: 12 << 20), bytes)
  }

  @Test func `hard links are one file again, whichever name comes first`() throws {
    let a = memory.directory("a")
    let file = memory.file("z", [.bytes([1, 2])], in: a, links: 3)
    memory.name(file, "one")
    memory.name(file, "two")
    let report = try restore()
    #expect(status("one").st_ino == status("two").st_ino)
    #expect(status("one").st_ino == status("a/z").st_ino)
    #expect(status("one").st_nlink == 3)
    #expect(report.files == 1 && report.hardLinks == 2)
    try restore { $0.replacing = true }
    #expect(status("one").st_nlink == 3)
    #expect(try names() == ["a", "one", "two"])
  }

  @Test func `links are restored as they are, and none is followed`() throws {
    memory.link("absolute", to: "/etc/passwd")
    let directory = memory.directory("real")
    memory.file("f", "f", in: directory)
    memory.link("dangling", to: "../../nowhere")
    try restore()
    var buffer = [CChar](repeating: 0, count: 100)
    #expect(readlink(target.appending("absolute").string, &buffer, 99) == 11)
    // A link where a directory should be: what lies behind it is not touched.
    let outside = place.appending("outside")
    try makeDirectory(outside)
    unlink(target.appending("real").appending("f").string)
    rmdir(target.appending("real").string)
    symlink(outside.string, target.appending("real").string)
    #expect(throws: FilesExist.self) { try restore() }
    let report = try restore { $0.replacing = true }
    #expect(try directoryEntries(outside) == [])
    #expect(report.problems.map(\.path.description) == ["/real"])
  }

  @Test func `names that no file can have are refused, and nothing is made outside`() throws {
    for name in ["..", ".", "", "a/b", "../x", "a\0b", "/etc/x"] {
      memory.file(FileName(name), "evil")
    }
    let evil = memory.directory("..")
    memory.file("pwned", "evil", in: evil)
    memory.file(FileName([UInt8](repeating: 0x61, count: 300)), "long")
    memory.file("good", "good")
    let report = try restore()
    #expect(try names() == ["good"])
    #expect(try directoryEntries(place.path) == ["out"])
    #expect(report.problemCount == 9)
  }

  @Test func `a name that a directory has twice is taken once`() throws {
    memory.file("twice", "first")
    memory.file("twice", "second")
    let report = try restore { $0.replacing = true }
    #expect(report.files == 1 && report.problemCount == 1)
    #expect(text("twice") == "first" || text("twice") == "second")
  }

  @Test func `a directory that contains itself has an end`() throws {
    let loop = memory.directory("loop")
    memory.name(loop, "again", in: loop)
    memory.name(memory.root, "top", in: loop)
    memory.file("f", "f", in: loop)
    let report = try restore()
    #expect(text("loop/f") == "f")
    #expect(report.problemCount == 2)
  }

  @Test func `a file that cannot be read leaves nothing behind, and the rest goes on`() throws {
    memory.file("bad", [.bytes([1]), .damaged(10), .bytes([2])])
    memory.file(
      "large-bad", [.bytes([UInt8](repeating: 1, count: 9 << 20)), .damaged(1)])
    memory.file("good", "good")
    let report = try restore()
    #expect(try names() == ["good"])
    #expect(Set(report.problems.map(\.path.description)) == ["/bad", "/large-bad"])
    #expect(report.problems.allSatisfy { $0.reason.contains("its bytes are gone") })
  }

  @Test func `what is there is not replaced, and then nothing is written`() throws {
    memory.file("a", "new")
    memory.file("b", "new")
    let directory = memory.directory("d")
    memory.file("c", "new", in: directory)
    try makeDirectory(target.appending("d"))
    _ = try File.create(target.appending("d").appending("c"))
    #expect {
      try restore()
    } throws: { error in
      "\(error)".contains("/d/c") && "\(error)".contains("--overwrite")
    }
    #expect(try names() == ["d"])
    let report = try restore { $0.replacing = true }
    #expect(text("d/c") == "new" && text("a") == "new")
    #expect(report.problemCount == 0)
  }

  @Test func `a directory is never replaced by a file`() throws {
    memory.file("x", "file")
    memory.file("y", "file")
    try makeDirectory(target.appending("x"))
    let report = try restore { $0.replacing = true }
    #expect(report.problems.map(\.path.description) == ["/x"])
    #expect(text("y") == "file")
  }

  @Test func `set-id bits are dropped and counted, and devices left out`() throws {
    memory.file("su", [.bytes([1])], permissions: 0o4755)
    var device = MemoryFileSystem.Item(
      FileAttributes(
        kind: .characterDevice, permissions: 0o666, byteCount: 0, allocatedByteCount: 0,
        modified: FileTime(secondsSince1970: 1), device: DeviceNumber(major: 1, minor: 3)))
    device.attributes.owner = 0
    memory.name(memory.make(device), "null")
    let report = try restore()
    #expect(status("su").st_mode & 0o7777 == 0o755)
    #expect(report.setIDsDropped == 1 && report.nodesLeft == 1)
    #expect(try names() == ["su"])
  }

  @Test func `extended attributes are set, and those that are refused are told`() throws {
    let file = memory.file("f", "x")
    memory.change(file) {
      $0.extendedAttributes = [
        ExtendedAttribute(name: "user.mime", value: Array("text".utf8)),
        ExtendedAttribute(name: "nonsense", value: [1]),
      ]
    }
    let report = try restore()
    #expect(report.files == 1)
    #expect(report.problems.count == 1)
    #expect(report.problems[0].reason.contains("nonsense"))
  }

  @Test func `work that is stopped leaves no half file and no temporary name`() throws {
    for number in 0..<50 {
      memory.file(FileName("f\(number)"), [.bytes([UInt8](repeating: 1, count: 1 << 20))])
    }
    memory.file("large", [.bytes([UInt8](repeating: 1, count: 30 << 20))])
    let cancellation = Cancellation()
    let stopper = WorkerThread {
      usleep(15_000)
      cancellation.request()
    }
    defer { stopper.wait() }
    do { try restore(cancellation: cancellation) } catch is Cancelled {}
    for name in try names() ?? [] {
      #expect(!name.hasPrefix(".kluis"), "\(name)")
      #expect(status(name).st_size == (name == "large" ? 30 << 20 : 1 << 20), "\(name)")
    }
  }
}
