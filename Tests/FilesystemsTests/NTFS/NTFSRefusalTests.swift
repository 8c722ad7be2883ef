import BlockDevices
import Filesystems
import TestSupport
import Testing

/// Files whose bytes are not on the volume are errors, never zeros; and what the state tells.
@Suite struct NTFSRefusalTests {
  private static let image = Result { try StoredImage.ntfs[0].bytes() }
    .map { (bytes: $0, blocks: NTFSBlocks($0)) }
  private let bytes: [UInt8]
  private let blocks: NTFSBlocks

  init() throws { (bytes, blocks) = try Self.image.get() }

  private func record(_ path: String) throws -> Int {
    blocks.record(try openImage(bytes).item(path).number)
  }

  private func opened(_ changes: (place: Int, to: [UInt8])...) throws -> NTFSFileSystem {
    var image = PatchedImage(bytes)
    for change in changes { image.put(change.to, at: change.place) }
    blocks.apply(to: &image)
    return try #require(try NTFSFileSystem.open(PatchedDevice(image)))
  }

  @Test func `an encrypted file is refused as that`() throws {
    let record = try record("f70000")
    let data = try #require(bytes.ntfsAttribute(0x80, inRecordAt: record))
    let fileSystem = try opened((data + 13, [0x40]))
    expectError(.encrypted, naming: "EFS") { _ = try fileSystem.bytes("f70000") }
    #expect(try fileSystem.attributes(of: fileSystem.item("f70000")).byteCount == 70_000)
  }

  @Test func `an unknown way of compressing is refused`() throws {
    let record = try record("f70000")
    let data = try #require(bytes.ntfsAttribute(0x80, inRecordAt: record))
    expectError(.unsupported, naming: "unknown method 2") {
      _ = try opened((data + 12, [2])).bytes("f70000")
    }
  }

  @Test(
    arguments: [
      (0x8000_0013, "deduplicated"), (0x9000_001A, "provider of storage"),
      (0x9000_F01A, "provider of storage"), (0x8000_0007, "reparse tag 0x80000007"),
      (0x0000_1234, "reparse tag 0x00001234"),
    ] as [(UInt32, String)])
  func `a file whose bytes are elsewhere is refused`(tag: UInt32, reason: String) throws {
    // A file of the overlay filter is a hole with a reparse point.
    let record = try record("overlay/lzx 32768")
    let point = try #require(bytes.ntfsValue(0xC0, inRecordAt: record))
    let word = (0..<4).map { UInt8(truncatingIfNeeded: tag >> (8 * $0)) }
    // One that is not Microsoft's has an owner before its data.
    let length: [UInt8] = tag >> 31 == 0 ? [0, 0] : [16, 0]
    let fileSystem = try opened((point, word), (point + 4, length))
    expectError(.unsupported, naming: reason) { _ = try fileSystem.bytes("overlay/lzx 32768") }
    #expect(try fileSystem.attributes(of: fileSystem.item("overlay/lzx 32768")).kind == .regular)
  }

  @Test(
    arguments: [
      (8 + 4, [1], "in an image of Windows (WIM)"), (8 + 12, [9], "unknown method 9"),
      (8, [2], "provider 2 of version 2"),
    ] as [(Int, [UInt8], String)])
  func `an overlay that is not known is refused`(
    offset: Int, to: [UInt8], reason: String
  ) throws {
    let record = try record("overlay/lzx 32768")
    let point = try #require(bytes.ntfsValue(0xC0, inRecordAt: record))
    expectError(.unsupported, naming: reason) {
      _ = try opened((point + offset, to)).bytes("overlay/lzx 32768")
    }
  }

  @Test func `a chunk that does not expand is named, and so is a table that does not fit`() throws {
    let fileSystem = try openImage(bytes)
    let record = try record("overlay/xpress 4096")
    let data = try #require(bytes.ntfsAttribute(0x80, inRecordAt: record, index: 1))
    #expect(bytes[data + 8] == 1)
    let runs = data + Int(bytes.number(at: data + 32, as: UInt16.self))
    #expect(bytes[runs] == 0x21)
    let start = Int(bytes.number(at: runs + 2, as: UInt16.self)) * 4096
    let count = (try fileSystem.bytes("overlay/xpress 4096").count + 4095) / 4096
    let chunk = start + (count - 1) * 4
    expectError(.damaged, naming: "compressed chunk 0 at byte 0") {
      let bad = [UInt8](repeating: 0xFF, count: 256)
      _ = try opened((chunk, bad)).bytes("overlay/xpress 4096")
    }
    expectError(.damaged, naming: "compressed chunk 1 at byte 4096") {
      _ = try opened((start + 4, [0xFF, 0xFF])).bytes("overlay/xpress 4096")
    }
  }

  @Test func `a unit of compression that does not expand is named`() throws {
    let record = try record("compressed/text 65536")
    let data = try #require(bytes.ntfsAttribute(0x80, inRecordAt: record))
    let runs = data + Int(bytes.number(at: data + 32, as: UInt16.self))
    let place = Int(bytes.number(at: runs + 2, as: UInt16.self)) * 4096
    expectError(.damaged, naming: "unit of compression at byte 0") {
      _ = try opened((place, [0xFF, 0x0F])).bytes("compressed/text 65536")
    }
  }

  @Test(arguments: [0, 1, 4097, 69_999])
  func `bytes that were never written are zeros`(written: Int) throws {
    let record = try record("f70000")
    let whole = try openImage(bytes).bytes("f70000")
    let data = try #require(bytes.ntfsAttribute(0x80, inRecordAt: record))
    let count = (0..<8).map { UInt8(truncatingIfNeeded: written >> (8 * $0)) }
    let fileSystem = try opened((data + 56, count))
    #expect(
      try fileSystem.bytes("f70000")
        == whole[..<written] + [UInt8](repeating: 0, count: whole.count - written))
    let content = try fileSystem.content(of: fileSystem.item("f70000"))
    #expect(
      try content.extent(at: UInt64(written))
        == FileExtent(byteCount: UInt64(whole.count - written), storage: .zeros))
  }

  @Test func `a directory that is sensitive to case takes names as they are`() throws {
    let record = try record("some")
    let information = try #require(bytes.ntfsValue(0x10, inRecordAt: record))
    let fileSystem = try opened((information + 40, [1]))
    let directory = try fileSystem.item("some")
    #expect(try fileSystem.entry(named: "some number 7", in: directory) != nil)
    #expect(try fileSystem.entry(named: "SOME number 7", in: directory) == nil)
  }

  // MARK: state

  @Test func `how the volume was left is told`() throws {
    let flags = try #require(bytes.ntfsValue(0x70, inRecordAt: blocks.record(3))) + 10
    #expect(try opened((flags, [1])).state.sentence == "clean; it was not unmounted")
    #expect(
      try opened((flags, [1, 0x40])).state.warnings
        == ["it was not unmounted", "it was being checked"])
    expectError(.unsupported, naming: "version 4.1") { _ = try opened((flags - 2, [4])) }
  }

  @Test func `a log that is open is told as not replayed`() throws {
    let log = try logStart()
    #expect(try opened((log, page(last: 5, inUse: 0xFFFF))).state.journal == .clean)
    #expect(try opened((log, page(last: 5, inUse: 0, flags: 2))).state.journal == .clean)
    let open = try opened(
      (log, page(last: 9, inUse: 0)), (log + 4096, page(last: 8, inUse: 0xFFFF)))
    #expect(open.state.sentence.hasPrefix("journal not replayed: $LogFile is open"))
    let closed = try opened(
      (log, page(last: 9, inUse: 0)), (log + 4096, page(last: 10, inUse: 0xFFFF)))
    #expect(closed.state.journal == .clean)
    let torn = try opened((log, [0x52, 0x53, 0x54, 0x52, 0, 0]), (log + 4096, [0, 0, 0, 0]))
    #expect(torn.state.sentence.contains("restart pages of $LogFile are damaged"))
  }

  private func logStart() throws -> Int {
    let data = try #require(bytes.ntfsAttribute(0x80, inRecordAt: blocks.record(2)))
    let runs = data + Int(bytes.number(at: data + 32, as: UInt16.self))
    let sizes = (Int(bytes[runs] & 15), Int(bytes[runs] >> 4))
    let place = (0..<sizes.1).reduce(0) { $0 | Int(bytes[runs + 1 + sizes.0 + $1]) << (8 * $1) }
    return place * 4096
  }

  /// A restart page.
  private func page(last: UInt64, inUse: UInt16, flags: UInt16 = 0) -> [UInt8] {
    var page = [UInt8](repeating: 0, count: 4096)
    page.replaceSubrange(0..<4, with: Array("RSTR".utf8))
    page.put(30 as UInt16, at: 4)
    page.put(9 as UInt16, at: 6)
    page.put(48 as UInt16, at: 24)
    page.put(last, at: 48)
    page.put(inUse, at: 60)
    page.put(flags, at: 62)
    page.put(7 as UInt16, at: 30)
    for end in stride(from: 510, to: 4096, by: 512) { page.put(7 as UInt16, at: end) }
    return page
  }
}
