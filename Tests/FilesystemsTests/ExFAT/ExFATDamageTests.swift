import BlockDevices
import Filesystems
import Testing

/// exFAT volumes with something wrong or seldom seen.
@Suite struct ExFATDamageTests {
  private let bytes: [UInt8]
  private let expected: WholeTree

  init() throws {
    bytes = try StoredImage.exFAT.bytes()
    expected = try StoredImage.exFAT.tree()
  }

  private func place(_ path: String) throws -> Int {
    Int(try openImage(bytes).item(path).number & ~31)
  }

  /// Where cluster 2 lies, and how long a cluster is.
  private var heapStart: Int { Int(bytes.number(at: 88, as: UInt32.self)) * 512 }
  private var tableStart: Int { Int(bytes.number(at: 80, as: UInt32.self)) * 512 }

  @Test(arguments: [0..<512, 0..<3, 64..<72, 510..<512, 512 * 3..<512 * 4, 512 * 11..<512 * 12])
  func `a damaged boot region is replaced by its copy`(damaged: Range<Int>) throws {
    var bytes = bytes
    bytes.fill(damaged, with: 0x5A)
    let fileSystem = try openImage(bytes)
    #expect(fileSystem.state.warnings == ["its boot region is damaged, and the copy is used"])
    #expect(WholeTree(fileSystem).differences(from: expected) == [])
    bytes.fill(512 * 12 + 100..<512 * 12 + 101, with: 0x5A)
    if damaged == 0..<512 {
      #expect(try openFileSystem(on: MemoryDevice(bytes)) == nil)
    } else {
      #expect(
        complaint { _ = try openFileSystem(on: MemoryDevice(bytes)) }
          == "exfat: the boot region: neither it nor its copy fits its checksum")
    }
  }

  @Test func `a copy of a boot region is not believed under another signed sector`() throws {
    var bytes = bytes
    bytes.fill(0..<510, with: 0)
    #expect(try openFileSystem(on: MemoryDevice(bytes)) == nil)
  }

  @Test func `how it was left is told`() throws {
    var bytes = bytes
    bytes.put(6 as UInt16, at: 106)
    #expect(
      try openImage(bytes).state.warnings
        == ["it was not unmounted", "errors were met when it was in use"])
  }

  @Test func `a damaged table of upper-case letters is told, and names are found all the same`()
    throws
  {
    var bytes = bytes
    let root = heapStart + (Int(bytes.number(at: 96, as: UInt32.self)) - 2) * 512
    let record = try #require(
      stride(from: root, to: root + 512, by: 32).first { bytes[$0] == 0x82 })
    let table = heapStart + (Int(bytes.number(at: record + 20, as: UInt32.self)) - 2) * 512
    bytes[table + 0x62 * 2] = 0x5A
    let fileSystem = try openImage(bytes)
    #expect(
      fileSystem.state.warnings
        == ["its table of upper-case letters is damaged, and Unicode's is used"])
    #expect(try fileSystem.names(in: fileSystem.item("/DIR WITH spaces")).count > 10)
    // As the volume says it, where its checksum says so too: b is the upper case of b.
    var sum: UInt32 = 0
    let count = Int(bytes.number(at: record + 24, as: UInt64.self))
    for byte in bytes[table..<table + count] { sum = (sum << 31 | sum >> 1) &+ UInt32(byte) }
    bytes.put(sum, at: record + 4)
    let changed = try openImage(bytes)
    #expect(changed.state == FileSystemState())
    #expect(try changed.entry(named: "FRAG1.bin", in: changed.root) != nil)
    #expect(try changed.entry(named: "FRAG1.BIN", in: changed.root) == nil)
  }

  @Test func `an item whose records do not fit their checksum is told after the others`() throws {
    var bytes = bytes
    let item = try openImage(bytes).item("/frag1.bin")
    bytes[try place("/frag1.bin") + 32 + 24] ^= 1
    let fileSystem = try openImage(bytes)
    let tree = WholeTree(fileSystem)
    #expect(tree.items["/frag1.bin"] == nil)
    #expect(tree.items.count == expected.items.count - 1)
    #expect(tree.errors.count == 1)
    #expect(tree.errors[""]?.hasSuffix("the checksum of its records is not that in them") == true)
    #expect(throws: FileSystemError.self) { try fileSystem.attributes(of: item) }
  }

  @Test func `records without their first are told after the others`() throws {
    var bytes = bytes
    bytes[try place("/frag1.bin")] = 0xA5
    // Records that may be ignored take those behind them along; a free one does not.
    #expect(WholeTree(try openImage(bytes)).errors == [:])
    bytes[try place("/frag1.bin")] = 0x05
    let tree = WholeTree(try openImage(bytes))
    #expect(tree.items.count == expected.items.count - 1)
    #expect(tree.errors[""]?.hasSuffix("it belongs to nothing") == true)
  }

  @Test(arguments: [0, 1, 4999, 5000])
  func `bytes that were never written are zeros`(written: Int) throws {
    var bytes = bytes
    let whole = try openImage(bytes).bytes("/frag1.bin")
    let record = try place("/frag1.bin")
    bytes.put(UInt64(written), at: record + 40)
    sealRecords(&bytes, record)
    let fileSystem = try openImage(bytes)
    let content = try fileSystem.content(of: fileSystem.item("/frag1.bin"))
    #expect(
      try content.bytes(limit: 1 << 20)
        == whole[..<written] + [UInt8](repeating: 0, count: whole.count - written))
    #expect(
      try content.extent(at: UInt64(written))
        == FileExtent(byteCount: UInt64(whole.count - written), storage: .zeros))
    bytes.put(UInt64(whole.count + 1), at: record + 40)
    sealRecords(&bytes, record)
    #expect(throws: FileSystemError.self) { try openImage(bytes).names(in: ItemID(0)) }
  }

  @Test(
    arguments: [
      (0x80, 0), (0x84, -3600), (0xFC, 3600), (0xE0, 8 * 3600), (0x04, 0), (0x7C, 0),
      (0xB7, -49_500),
    ] as [(UInt8, Int64)])
  func `a time is told in UTC by the zone that is with it`(zone: UInt8, shift: Int64) throws {
    var bytes = bytes
    let record = try place("/README.TXT")
    bytes.put(0x2A43_20A3 as UInt32, at: record + 12)  // 2001-02-03 04:05:06
    bytes[record + 23] = zone
    bytes[record + 21] = 137
    sealRecords(&bytes, record)
    let fileSystem = try openImage(bytes)
    #expect(
      try fileSystem.attributes(of: fileSystem.item("/README.TXT")).modified
        == FileTime(secondsSince1970: 981_173_107 + shift, nanoseconds: 370_000_000))
  }

  @Test func `a record that nobody has to know is skipped, and one that one must know is not`()
    throws
  {
    var bytes = bytes
    // Of 42 units in three records; now of 30 in two, and the third is another one.
    let path = "/Dir With Spaces/file number 1 of many with a long name.bin"
    let record = try place(path)
    #expect(bytes[record + 1] == 4)
    #expect(bytes[record + 35] == 42)
    bytes[record + 35] = 30
    bytes[record + 128] = 0xE1
    sealRecords(&bytes, record)
    #expect(try openImage(bytes).bytes(String(path.prefix(47))).count == 12)
    bytes[record + 128] = 0xC2
    sealRecords(&bytes, record)
    let said = complaint {
      let fileSystem = try openImage(bytes)
      _ = try fileSystem.names(in: fileSystem.item("/Dir With Spaces"))
    }
    #expect(said.hasSuffix("it has a record of type 194, for which no reader is known"), "\(said)")
  }

  @Test func `a chain that comes back to itself is told, not followed`() throws {
    var bytes = bytes
    let first = bytes.number(at: try place("/frag1.bin") + 52, as: UInt32.self)
    bytes.put(first, at: tableStart + Int(first) * 4)
    let tree = WholeTree(try openImage(bytes))
    #expect(tree.errors.count == 1)
    #expect(tree.errors["/frag1.bin"]?.hasSuffix("its chain of clusters is a circle") == true)
  }

  @Test func `a file of neighbours ends where the clusters do`() throws {
    var bytes = bytes
    let record = try place("/README.TXT")
    #expect(bytes[record + 33] == 3)
    let last = bytes.number(at: 92, as: UInt32.self) + 1
    bytes.put(last, at: record + 52)
    bytes.put(2000 as UInt64, at: record + 40)
    bytes.put(2000 as UInt64, at: record + 56)
    sealRecords(&bytes, record)
    let fileSystem = try openImage(bytes)
    let content = try fileSystem.content(of: fileSystem.item("/README.TXT"))
    #expect(try content.extent(at: 0).byteCount == 512)
    let said = complaint { _ = try content.extent(at: 512) }
    #expect(said.contains("only 1 of 4 clusters can be found"), "\(said)")
  }

  @Test func `a number that is no item's is refused`() throws {
    let fileSystem = try openImage(bytes)
    let file = try fileSystem.item("/README.TXT").number
    for number in [1, file + 32, file + 64, 512, 1 << 40, .max, .max - 31] {
      #expect(throws: FileSystemError.self) { try fileSystem.attributes(of: ItemID(number)) }
      #expect(throws: FileSystemError.self) { try fileSystem.content(of: ItemID(number)) }
      #expect(throws: FileSystemError.self) { try fileSystem.names(in: ItemID(number)) }
    }
    #expect(throws: FileSystemError.self) { try fileSystem.names(in: ItemID(file)) }
  }
}

/// Makes the checksum of an item's records fit again.
func sealRecords(_ bytes: inout [UInt8], _ record: Int) {
  var sum: UInt16 = 0
  let end = min(record + 32 * (1 + Int(bytes[record + 1])), bytes.count)
  for index in record..<end where index != record + 2 && index != record + 3 {
    sum = (sum << 15 | sum >> 1) &+ UInt16(bytes[index])
  }
  bytes.put(sum, at: record + 2)
}
