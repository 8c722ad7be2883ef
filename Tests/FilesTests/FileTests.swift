import Bytes
import Files
import SystemPackage
import TestSupport
import Testing

@Suite struct FileTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test("a read at the end of a file gives fewer bytes, and beyond it none")
  func shortReads() throws {
    let path = directory.appending("file")
    try writeFile([1, 2, 3, 4, 5], to: path)
    let file = try File.openForReading(path)
    #expect(try read(file, 3, 10) == [4, 5])
    #expect(try read(file, 5, 1) == [])
    #expect(try read(file, 1 << 40, 1) == [])
  }

  @Test("a file that exists is not created again, and one that does not is not opened")
  func creation() throws {
    let path = directory.appending("file")
    expectCause(.noSuchFileOrDirectory) { _ = try File.openForReading(path) }
    expectCause(.noSuchFileOrDirectory) { _ = try File.openForWriting(path) }
    _ = try File.create(path)
    expectCause(.fileExists) { _ = try File.create(path) }
  }

  @Test("an error says what was tried, where, and why")
  func message() {
    let path = directory.appending("nothing")
    do {
      _ = try File.openForReading(path)
      Issue.record("opened what is not there")
    } catch { #expect(error.description == "cannot open \(path): no such file or directory") }
  }

  @Test("data and holes are found, and a hole at the end has no data after it")
  func holes() throws {
    let path = directory.appending("sparse")
    let file = try File.create(path)
    try file.setByteCount(1 << 20)
    #expect(try file.nextData(from: 0, end: 1 << 20) == nil)
    let block = [UInt8](repeating: 1, count: 4096)
    try file.write(block.span.bytes, at: 512 << 10)
    let found = try #require(try file.nextData(from: 0, end: 1 << 20))
    #expect(found.contains(512 << 10) && found.contains((512 << 10) + 4095))
    #expect(try file.nextData(from: found.upperBound, end: 1 << 20) == nil)
    #expect(try file.nextData(from: 1 << 20, end: 1 << 20) == nil)
    let cut = try #require(try file.nextData(from: 0, end: (512 << 10) + 100))
    #expect(cut.upperBound == (512 << 10) + 100)
  }

  @Test("a punched hole reads as zeros and keeps the size")
  func punching() throws {
    let path = directory.appending("full")
    try writeFile([UInt8](repeating: 9, count: 16_384), to: path, sparse: false)
    guard try File.openForWriting(path).punchHole(4096..<8192) else { return }
    var expected = [UInt8](repeating: 9, count: 16_384)
    for offset in 4096..<8192 { expected[offset] = 0 }
    #expect(try readFile(path) == expected)
  }

  @Test("a mapped file shows its bytes, also after it was removed")
  func mapping() throws {
    let path = directory.appending("mapped")
    try writeFile([3, 1, 4, 1, 5], to: path)
    let mapped = try File.openForReading(path).map(byteCount: 5)
    try removeFile(path)
    #expect([UInt8](mapped.bytes) == [3, 1, 4, 1, 5])
  }

  private func read(_ file: borrowing File, _ offset: UInt64, _ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var span = bytes.mutableSpan
    var raw = span.mutableBytes
    let done = try file.read(at: offset, into: &raw)
    return Array(bytes.prefix(done))
  }

  private func expectCause(_ cause: Errno, _ body: () throws -> Void) {
    do {
      try body()
      Issue.record("nothing was thrown")
    } catch { #expect((error as? FileError)?.cause == cause) }
  }
}

@Suite struct DirectoryTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test("a directory is made with all above it, and made again without an error")
  func making() throws {
    let deep = directory.appending("a").appending("b").appending("c")
    try makeDirectory(deep)
    try makeDirectory(deep)
    #expect(try fileStatus(deep)?.kind == .directory)
    try writeFile([1], to: deep.appending("file"))
    #expect(throws: FileError.self) { try makeDirectory(deep.appending("file")) }
    #expect(throws: FileError.self) { try makeDirectory(deep.appending("file/below")) }
  }

  @Test("a listing is in byte order, without dot and dot-dot, and nil where nothing is")
  func listing() throws {
    for name in ["b", "a", ".hidden", "Z"] { try writeFile([], to: directory.appending(name)) }
    #expect(try directoryEntries(directory.path) == [".hidden", "Z", "a", "b"])
    #expect(try directoryEntries(directory.appending("none")) == nil)
  }

  @Test("renaming without replacing keeps what is there")
  func renaming() throws {
    let (old, new) = (directory.appending("old"), directory.appending("new"))
    try writeFile([1], to: old)
    try writeFile([2], to: new)
    #expect(throws: FileError.self) { try renameFile(old, to: new, replacing: false) }
    #expect(try readFile(new) == [2])
    try renameFile(old, to: new, replacing: true)
    #expect(try readFile(new) == [1] && fileStatus(old) == nil)
    try removeFile(new)
    try removeFile(new)
    #expect(try fileStatus(new) == nil)
  }

  @Test(
    "an absolute path has no dots left",
    arguments: [("/a/../b/./c", "/b/c"), ("/", "/"), ("/a//b/", "/a/b")])
  func absolute(path: String, expected: String) throws {
    #expect(try absolutePath(FilePath(path)) == FilePath(expected))
  }

  @Test("a relative path begins where the process is")
  func relative() throws {
    let path = try absolutePath(FilePath("x/../y"))
    #expect(path.isAbsolute && path.lastComponent?.string == "y")
    #expect(try absolutePath(FilePath(".")).appending("y") == path)
    #expect(parent(of: FilePath("bare")) == FilePath("."))
    #expect(parent(of: FilePath("/a/b")) == FilePath("/a"))
  }

  @Test("two names of one file have the same device and inode")
  func identity() throws {
    let path = directory.appending("file")
    try writeFile([1, 2], to: path)
    let (a, b) = (try fileStatus(path), try File.openForReading(path).status())
    #expect(a?.inode == b.inode && a?.device == b.device && a?.byteCount == 2)
    #expect(try fileStatus(directory.path)?.inode != b.inode)
  }
}
