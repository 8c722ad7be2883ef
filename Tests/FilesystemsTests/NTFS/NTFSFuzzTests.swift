import Filesystems
import TestSupport
import Testing

/// Images with a few fields changed, in the places that a reader looks at.
@Suite(.serialized) struct NTFSFuzzTests {
  @Test(arguments: StoredImage.ntfs)
  func `changed images are read to their end or refused`(_ stored: StoredImage) throws {
    let bytes = try stored.bytes()
    let blocks = NTFSBlocks(bytes)
    #expect(blocks.count > 1000)
    ReaderFuzz(
      name: stored.name, base: bytes, places: try places(of: bytes, blocks), seal: blocks.apply,
      imageCount: max(10, ReaderFuzz.readCount / StoredImage.ntfs.count)
    ).run()
  }

  /// Whole runs of a cache are read; what of them counts are records in use and blocks of indexes,
  /// compressed bytes, and the few numbers of the boot sector.
  private func places(of bytes: [UInt8], _ blocks: NTFSBlocks) throws -> [Range<Int>] {
    let fileSystem = try openImage(bytes)
    var places = [11..<80, 11..<80, 11..<80]
    var names: [String] = []
    fileSystem.walk(
      visiting: { path, item in
        let start = blocks.record(item.number)
        guard bytes[start..<start + 4].elementsEqual("FILE".utf8) else { return }
        let end = start + Int(bytes.number(at: start + 24, as: UInt32.self))
        // Of a thousand alike a few are enough.
        if !path.contains("many number") || path.hasSuffix("7") { places.append(start..<end) }
        names.append(path)
      }, failing: { path, error in Issue.record(error, "\(path)") })
    #expect(names.count > 700)
    for number in 0..<12 as Range<UInt64> {
      let start = blocks.record(number)
      places += Array(repeating: start..<start + 512, count: 5)
    }
    places += blocks.indexBlocks.map { $0..<$0 + 4096 }
    for name in ["xpress 4096", "xpress 8192", "xpress 16384", "lzx 32768"] {
      let start = blocks.record(try fileSystem.item("overlay/\(name)").number)
      places += Array(repeating: start..<start + 1000, count: 5)
    }
    return places
  }
}
