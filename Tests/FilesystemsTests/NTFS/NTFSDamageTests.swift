import BlockDevices
import Filesystems
import TestSupport
import Testing

/// What is damaged is replaced by its copy or named in an error, and hides nothing else.
@Suite struct NTFSDamageTests {
  private static let image = Result {
    let bytes = try StoredImage.ntfs[0].bytes()
    return (
      bytes: bytes, blocks: NTFSBlocks(bytes), tree: TreeListing(try openImage(bytes)).lines
    )
  }
  private let bytes: [UInt8]
  private let blocks: NTFSBlocks
  private let tree: [String: String]

  init() throws { (bytes, blocks, tree) = try Self.image.get() }

  private func place(_ path: String) throws -> Int {
    blocks.record(try openImage(bytes).item(path).number)
  }

  /// The image with some bytes changed, and the ends of sectors made to fit.
  private func opened(
    changing changes: (place: Int, to: [UInt8])..., sealed: Bool = true
  ) throws -> NTFSFileSystem {
    var image = PatchedImage(bytes)
    for change in changes { image.put(change.to, at: change.place) }
    if sealed { blocks.apply(to: &image) }
    return try #require(try NTFSFileSystem.open(PatchedDevice(image)))
  }

  @Test(arguments: [(11, [0, 0]), (13, [3]), (48, [0xFF, 0xFF, 0xFF]), (64, [9])])
  func `a damaged boot sector is replaced by its copy`(place: Int, to: [UInt8]) throws {
    let fileSystem = try opened(changing: (place, to))
    #expect(
      fileSystem.state.warnings == [
        "its boot sector is damaged, and the copy behind its end is used"
      ])
    #expect(differences(TreeListing(fileSystem).lines, tree).isEmpty)
    var both = bytes
    for start in [0, both.count - 512] {
      for (index, byte) in to.enumerated() { both[start + place + index] = byte }
    }
    let said = complaint { _ = try openFileSystem(on: MemoryDevice(both)) }
    #expect(said.hasPrefix("ntfs: "), "\(said)")
  }

  @Test func `a boot sector that is gone is replaced by its copy only when asked to`() throws {
    var image = PatchedImage(bytes)
    image.put([UInt8](repeating: 0, count: 4096), at: 0)
    #expect(try NTFSFileSystem.open(PatchedDevice(image)) == nil)
    let found = try #require(try NTFSFileSystem.openByCopies(PatchedDevice(image)))
    #expect(differences(TreeListing(found).lines, tree).isEmpty)
    let empty = PatchedDevice(PatchedImage([UInt8](repeating: 0, count: 1 << 20)))
    #expect(try NTFSFileSystem.openByCopies(empty) == nil)
  }

  @Test(arguments: [0, 1, 2, 3] as [UInt64])
  func `a damaged record of the first four is replaced by its copy`(number: UInt64) throws {
    let place = blocks.record(number)
    let fileSystem = try opened(changing: (place, [0x42]))
    #expect(
      fileSystem.state.warnings
        == (number == 1 ? [] : ["record \(number) is damaged, and the copy in $MFTMirr is used"]))
    #expect(differences(TreeListing(fileSystem).lines, tree).isEmpty)
  }

  @Test func `a table without its first record and the copy of that is refused`() {
    expectError(.damaged, naming: "record 0") {
      _ = try opened(changing: (blocks.record(0), [0x42]), (blocks.mirrorStart, [0x42]))
    }
  }

  @Test func `a record that was written in part is told with its cluster`() throws {
    let place = try place("f700")
    let fileSystem = try opened(changing: (place + 510, [0xEE, 0xEE]), sealed: false)
    let item = try fileSystem.item("f700")
    expectError(.damaged, naming: "in block \(place / 4096): it was not written to its end") {
      _ = try fileSystem.attributes(of: item)
    }
    let listing = TreeListing(fileSystem)
    #expect(Array(listing.errors.keys) == ["/f700"])
    #expect(listing.lines.count == tree.count)
  }

  @Test(
    arguments: [
      (22, [0, 0], "belongs to no file"), (16, [0x77], "is named as use"),
      (44, [0x77], "says that it is record"), (24, [0xFF, 0xFF], "longer than a record"),
      (32, [0x40], "is a part of record 64"), (20, [0, 4], "do not end"),
      (0, [0x42, 0x41, 0x41, 0x44], "damaged by the machine"), (4, [1], "how its sectors end"),
    ] as [(Int, [UInt8], String)])
  func `a record that is not what names it is refused`(
    offset: Int, to: [UInt8], reason: String
  ) throws {
    let fileSystem = try opened(changing: (try place("f700") + offset, to))
    let item = try fileSystem.item("f700")
    expectError(.damaged, naming: reason) { _ = try fileSystem.content(of: item) }
    expectError(.damaged, naming: reason) { _ = try fileSystem.attributes(of: item) }
  }

  @Test func `a damaged block of a directory hides no other`() throws {
    let item = try openImage(bytes).item("many")
    let recorder = RecordingDevice(bytes)
    let fileSystem = try #require(try NTFSFileSystem.open(recorder))
    let before = try fileSystem.names(in: item).count
    let block = try #require(
      blocks.indexBlocks.first { start in
        bytes[start..<start + 4096].indices.contains { place in
          bytes[place...].starts(with: Array("many number 77".utf16).flatMap { [UInt8($0), 0] })
        }
      })
    for (place, to) in [(0, [0x42]), (510, [0xEE, 0xEE]), (16, [0x77])] as [(Int, [UInt8])] {
      let changed = try opened(changing: (block + place, to), sealed: false)
      var names = 0
      expectError(.damaged, naming: "of the directory in record") {
        try changed.forEachEntry(of: item) { _ in
          names += 1
          return true
        }
      }
      #expect((before / 2..<before).contains(names))
    }
  }

  @Test func `a directory that does not reach all its blocks is told`() throws {
    let record = try place("many")
    let bitmap = try #require(bytes.ntfsValue(0xB0, inRecordAt: record))
    let item = try openImage(bytes).item("many")
    let more = try opened(changing: (bitmap + 6, [0x0F]))
    expectError(.damaged, naming: "blocks in use, of which") {
      try more.forEachEntry(of: item) { _ in true }
    }
  }

  @Test func `runs that lie outside the volume or do not end are refused`() throws {
    let record = try place("f70000")
    let data = try #require(bytes.ntfsAttribute(0x80, inRecordAt: record))
    let runs = data + Int(bytes.number(at: data + 32, as: UInt16.self))
    for (to, reason) in [
      ([0x21, 0x12, 0xFF, 0x7F], "outside the volume"), ([0x21, 0x12, 0x00, 0x80], "outside"),
      ([0], "its runs end after 0 of 18"), ([0x21, 0], "a run of 0"),
      ([0x21, 0x13], "a run of 19"),
      ([0x19], "its runs end"), ([0xF1, 0x12], "its runs end"),
    ] as [([UInt8], String)] {
      let fileSystem = try opened(changing: (runs, to))
      expectError(.damaged, naming: reason) { _ = try fileSystem.bytes("f70000") }
      #expect(try fileSystem.attributes(of: fileSystem.item("f70000")).byteCount == 70_000)
    }
  }

  @Test func `a file of which a record is missing is refused, but not its neighbours`() throws {
    let record = try place("streams")
    let list = try #require(bytes.ntfsAttribute(0x20, inRecordAt: record))
    #expect(bytes[list + 8] == 1, "a list that lies outside the record")
    let whole = try openImage(bytes)
    // Some record that belongs to it.
    let part = try #require(
      (24..<2000 as Range<UInt64>).first { number in
        let place = blocks.record(number)
        return bytes[place..<place + 4].elementsEqual("FILE".utf8)
          && bytes.number(at: place + 32, as: UInt32.self)
            == UInt32((record - blocks.tableStart) / 1024)
      })
    for (offset, reason) in [(0, "record \(part)"), (22, "is no part"), (38, "is no part")] {
      let fileSystem = try opened(changing: (blocks.record(part) + offset, [0]))
      let item = try fileSystem.item("streams")
      expectError(.damaged, naming: reason) { _ = try fileSystem.namedStreams(of: item) }
      #expect(try fileSystem.names(in: fileSystem.root) == whole.names(in: whole.root))
    }
  }

  @Test func `a device that ends early says so, and reads what it has`() throws {
    let device = MemoryDevice(Array(bytes.prefix(14 << 20)))
    let fileSystem = try #require(try NTFSFileSystem.open(device))
    #expect(fileSystem.state.sentence.contains("of which 14680064 are here"))
    for (path, reason) in TreeListing(fileSystem).errors {
      #expect(reason.contains("the device ends"), "\(path): \(reason)")
    }
  }

  @Test func `a number that is no item's is refused`() throws {
    let fileSystem = try openImage(bytes)
    let file = try fileSystem.item("f700").number
    for number in [file + 1 << 48, 1 << 40, .max, 0xFFFF_FFFF_FFFF, file & 0xFFFF_FFFF | 99 << 48] {
      #expect(throws: FileSystemError.self) { try fileSystem.attributes(of: ItemID(number)) }
      #expect(throws: FileSystemError.self) { try fileSystem.content(of: ItemID(number)) }
      #expect(throws: FileSystemError.self) { try fileSystem.names(in: ItemID(number)) }
    }
    expectError(.wrongKind, naming: "not a directory") {
      _ = try fileSystem.names(in: ItemID(file))
    }
  }
}
