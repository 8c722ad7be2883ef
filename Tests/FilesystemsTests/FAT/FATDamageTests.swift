import BlockDevices
import Filesystems
import Testing

/// FAT volumes with something wrong: what is right is read, and what is not is told.
@Suite struct FATDamageTests {
  private let bytes: [UInt8]
  private let expected: WholeTree

  init() throws {
    bytes = try StoredImage.fat12.bytes()
    expected = try StoredImage.fat12.tree()
  }

  /// Where the first copy of the table lies in FAT12's image, and how long it is.
  private var table: Range<Int> {
    let start = Int(bytes.number(at: 14, as: UInt16.self)) * 512
    return start..<start + Int(bytes.number(at: 22, as: UInt16.self)) * 512
  }

  @Test(arguments: [0x00, 0xFF, 0xA5] as [UInt8])
  func `a damaged boot sector of FAT32 is replaced by its copy`(byte: UInt8) throws {
    var bytes = try StoredImage.fat32.bytes()
    bytes.fill(0..<512, with: byte)
    let fileSystem = try openImage(bytes)
    #expect(
      fileSystem.state.warnings == ["its boot sector is damaged, and the copy in sector 6 is used"])
    #expect(try WholeTree(fileSystem).differences(from: StoredImage.fat32.tree()) == [])
  }

  @Test func `a copy of a boot sector is not believed under another signed sector`() throws {
    var bytes = try StoredImage.fat32.bytes()
    bytes.fill(0..<510, with: 0)
    #expect(try openFileSystem(on: MemoryDevice(bytes)) == nil)
  }

  @Test func `links that cannot be are looked up in the second table`() throws {
    var bytes = bytes
    // 0xF66 in each entry but the first two: a cluster that is not there.
    for index in stride(from: table.lowerBound + 3, to: table.upperBound - 2, by: 3) {
      bytes.put(0x66 as UInt8, at: index)
      bytes.put(0x6F as UInt8, at: index + 1)
      bytes.put(0xF6 as UInt8, at: index + 2)
    }
    #expect(try WholeTree(openImage(bytes)).differences(from: expected) == [])
  }

  @Test func `a table that cannot be read is read in its copy`() throws {
    let bytes = try StoredImage.fat32.bytes()
    // Not the first block of the cache, which holds the boot sector too.
    let first = UInt64(bytes.number(at: 14, as: UInt16.self)) * 512
    let device = PartlyUnreadable(bytes, 16384..<first + 100_000)
    let fileSystem = try #require(try openFileSystem(on: device))
    let expected = try StoredImage.fat32.tree()
    #expect(WholeTree(fileSystem).differences(from: expected) == [])
  }

  @Test func `clusters that the table says are free are not read`() throws {
    var bytes = bytes
    bytes.fill(table.lowerBound + 3..<table.upperBound, with: 0)
    let tree = WholeTree(try openImage(bytes))
    #expect(tree.errors["/frag1.bin"]?.contains("is free") == true, "\(tree.errors)")
    #expect(tree.errors.count > 5)
    // What fits into one cluster needs no link.
    #expect(tree.items["/lower.txt"] == expected.items["/lower.txt"])
    for (path, item) in tree.items { #expect(item == expected.items[path]) }
  }

  @Test func `FAT32 says which of its tables counts`() throws {
    var bytes = try StoredImage.fat32.bytes()
    bytes.put(0x81 as UInt16, at: 40)
    let start = Int(bytes.number(at: 14, as: UInt16.self)) * 512
    bytes.fill(start + 8..<start + 100_000, with: 0)
    let fileSystem = try openImage(bytes)
    #expect(try WholeTree(fileSystem).differences(from: StoredImage.fat32.tree()) == [])
  }

  @Test(arguments: ["/frag1.bin", "/sub/deep/deeper"])
  func `a chain that comes back to itself is told, not followed`(path: String) throws {
    var bytes = try StoredImage.fat32.bytes()
    let record = Int(try openImage(bytes).item(path).number)
    let first = UInt32(bytes.number(at: record + 26, as: UInt16.self))
    let start = Int(bytes.number(at: 14, as: UInt16.self)) * 512
    var last = first
    for _ in 0..<3 { last = bytes.number(at: start + Int(last) * 4) }
    for copy in 0..<2 {
      let place = start + copy * Int(bytes.number(at: 36, as: UInt32.self)) * 512
      bytes.put(first, at: place + Int(last) * 4)
    }
    let tree = WholeTree(try openImage(bytes))
    #expect(tree.errors.count == 1)
    #expect(tree.errors[path]?.hasSuffix("its chain of clusters is a circle") == true)
  }

  @Test func `a file that is longer than its chain is read as far as that goes`() throws {
    var bytes = bytes
    let whole = try openImage(bytes).bytes("/frag1.bin")
    let record = Int(try openImage(bytes).item("/frag1.bin").number)
    bytes.put(UInt32(whole.count + 5000), at: record + 28)
    let fileSystem = try openImage(bytes)
    let content = try fileSystem.content(of: fileSystem.item("/frag1.bin"))
    #expect(content.byteCount == UInt64(whole.count + 5000))
    var start = [UInt8](repeating: 0, count: whole.count)
    var span = start.mutableSpan
    var target = span.mutableBytes
    try content.read(at: 0, into: &target)
    #expect(start == whole)
    let said = complaint { _ = try content.extent(at: content.byteCount - 1) }
    #expect(said.hasPrefix("vfat: FRAG1.BIN (record at byte \(record)): its chain ends"), "\(said)")
  }

  @Test func `an image that was cut off shows what is left`() throws {
    let short = Array(bytes[..<300_000])
    let fileSystem = try openImage(short)
    #expect(fileSystem.state.warnings == ["it has 2949120 bytes, of which 300000 are here"])
    let tree = WholeTree(fileSystem)
    #expect(tree.errors.values.contains { $0.contains("behind the end of the volume") })
    for (path, item) in tree.items { #expect(item == expected.items[path]) }
  }

  @Test func `how it was left is told`() throws {
    var bytes = try StoredImage.fat32.bytes()
    let table = Int(bytes.number(at: 14, as: UInt16.self)) * 512
    bytes.put(0x07FF_FFFF as UInt32, at: table + 4)
    #expect(try openImage(bytes).state.warnings == ["it was not unmounted"])
    bytes.put(0x03FF_FFFF as UInt32, at: table + 4)
    #expect(
      try openImage(bytes).state.sentence
        == "clean; it was not unmounted; errors were met when it was in use")
    var small = self.bytes
    small[37] = 1
    #expect(try openImage(small).state.warnings == ["it was not unmounted"])
  }

  @Test func `what only looks like a boot sector is none`() throws {
    var bytes = bytes
    // What a volume need not have to be one: code at its start, and the mark at its end.
    bytes.fill(0..<3, with: 0)
    bytes.fill(510..<512, with: 0)
    #expect(try WholeTree(openImage(bytes)).differences(from: expected) == [])
    for index in 0..<2 { bytes[table.lowerBound + index * table.count] = 0x12 }
    #expect(try openFileSystem(on: MemoryDevice(bytes)) == nil)
    #expect(try openFileSystem(on: MemoryDevice([])) == nil)
    #expect(try openFileSystem(on: MemoryDevice([UInt8](repeating: 0, count: 511))) == nil)
    var ntfs = self.bytes
    ntfs.replaceSubrange(3..<11, with: Array("NTFS    ".utf8))
    #expect(
      complaint { _ = try openFileSystem(on: MemoryDevice(ntfs)) }
        == "ntfs: the boot sector: its numbers are no volume's")
  }

  @Test func `a number that is no item's is refused`() throws {
    let fileSystem = try openImage(bytes)
    let file = try fileSystem.item("/lower.txt").number
    for number in [1, file + 1, file - 32, 512, 1 << 40, .max, .max - 31] {
      #expect(throws: FileSystemError.self) { try fileSystem.attributes(of: ItemID(number)) }
      #expect(throws: FileSystemError.self) { try fileSystem.content(of: ItemID(number)) }
      #expect(throws: FileSystemError.self) { try fileSystem.names(in: ItemID(number)) }
    }
    let said = complaint { _ = try fileSystem.content(of: fileSystem.item("/sub")) }
    #expect(said.hasSuffix("it is a directory, not a file"))
    #expect(throws: FileSystemError.self) { try fileSystem.names(in: ItemID(file)) }
    #expect(throws: FileSystemError.self) { try fileSystem.target(ofSymbolicLink: ItemID(file)) }
  }

  @Test func `a directory that is in itself is told once`() throws {
    var bytes = bytes
    let (outer, inner) = (
      try openImage(bytes).item("/sub").number, try openImage(bytes).item("/sub/deep").number
    )
    bytes.put(bytes.number(at: Int(outer) + 26, as: UInt16.self), at: Int(inner) + 26)
    let tree = WholeTree(try openImage(bytes))
    #expect(tree.items["/sub/deep/deep"] != nil)
    #expect(tree.items["/sub/deep/deep/deep"] == nil)
  }
}
