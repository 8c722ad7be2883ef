import Bytes

/// The checksums of an image of XFS, to make them fit again where something was changed, so that
/// what they guard is reached.
struct XFSSeals {
  private struct Seal {
    let range: Range<Int>
    /// Where the checksum lies in it.
    let offset: Int
    /// Which parts of it are counted, with the checksum as zeros.
    let parts: [Range<Int>]

    /// - Parameter bytes: those of ``range``.
    func checksum(of bytes: [UInt8]) -> [UInt8] {
      var bytes = bytes
      bytes.replaceSubrange(offset..<offset + 4, with: [0, 0, 0, 0])
      var value = UInt32.max
      for part in parts {
        value = CyclicChecksum.castagnoli.updating(
          value, with: bytes.span.bytes.extracting(part))
      }
      return (0..<4).map { UInt8(truncatingIfNeeded: ~value >> (8 * UInt32($0))) }
    }
  }

  private var seals: [Seal] = []

  var count: Int { seals.count }

  /// - Parameter image: as mkfs and the kernel left it.
  init(_ image: [UInt8]) {
    let superblock = Superblock(image)
    let (block, directory) = (superblock.block, superblock.directory)
    var place = 0
    while place + block <= image.count {
      let first: UInt32 = big(image, place)
      if first == 0x5846_5342 { add(place, superblock.sector, 0xE0) }
      if first == 0x424D_4133 {
        add(place, block, 64)
      } else if first == 0x5841_524D {
        add(place, block, 12)
      } else if first == 0x5853_4C4D {
        let count = Int(big(image, place + 8) as UInt32) + 56
        add(place, (count + block - 1) / block * block, 12)
      } else if first == 0x5844_4233 || first == 0x5844_4433 {
        add(place, directory, 4)
      } else if [0x3DF1, 0x3DFF].contains(big(image, place + 8) as UInt16) {
        add(place, directory, 12)
      } else if [0x3EBE, 0x3BEE].contains(big(image, place + 8) as UInt16) {
        add(place, block, 12)
      }
      for inode in stride(from: place, to: place + block, by: superblock.inode)
      where big(image, inode) as UInt32 >> 16 == 0x494E && image[inode + 4] == 3 {
        add(inode, superblock.inode, 0x64)
      }
      place += block
    }
    addRecords(image, superblock.log)
    // What looks so and is something else, or is not in use any more.
    seals.removeAll { seal in
      seal.range.upperBound > image.count
        || seal.checksum(of: Array(image[seal.range]))
          != Array(
            image[seal.range.lowerBound + seal.offset..<seal.range.lowerBound + seal.offset + 4])
    }
  }

  private mutating func add(_ start: Int, _ count: Int, _ offset: Int) {
    seals.append(Seal(range: start..<start + count, offset: offset, parts: [0..<count]))
  }

  private mutating func addRecords(_ image: [UInt8], _ log: Range<Int>) {
    for start in stride(from: log.lowerBound, to: log.upperBound, by: 512)
    where big(image, start) as UInt32 == 0xFEED_BABE {
      let count = Int(big(image, start + 12) as UInt32)
      let size = Int(big(image, start + 0x140) as UInt32)
      let headers = max(1, (size + 32767) / 32768)
      let end = headers * 512 + count
      // What goes on at the start of the log is left alone.
      guard headers <= 8, count <= 256 << 10, start + end <= log.upperBound else { continue }
      seals.append(
        Seal(
          range: start..<start + end, offset: 0x20,
          parts: [0..<328] + (1..<headers).map { $0 * 512..<$0 * 512 + 260 }
            + [headers * 512..<end]))
    }
  }

  /// Makes the checksums fit of all that was changed.
  func apply(to image: inout PatchedImage) {
    let changed = image.patches.map { $0.offset..<$0.offset + $0.bytes.count }
    for seal in seals where changed.contains(where: { $0.overlaps(seal.range) }) {
      let bytes = image.bytes(at: seal.range.lowerBound, count: seal.range.count)
      image.put(seal.checksum(of: bytes), at: seal.range.lowerBound + seal.offset)
    }
  }

  /// What the first sector says of sizes, in bytes.
  struct Superblock {
    let block: Int
    let sector: Int
    let inode: Int
    let directory: Int
    let log: Range<Int>

    init(_ image: [UInt8]) {
      block = Int(big(image, 4) as UInt32)
      sector = Int(big(image, 0x66) as UInt16)
      inode = Int(big(image, 0x68) as UInt16)
      directory = block << Int(image[0xC0])
      let start: UInt64 = big(image, 0x30)
      let shift = UInt64(image[0x7C])
      let group = Int(start >> shift) * Int(big(image, 0x54) as UInt32)
      let first = (group + Int(start & (1 << shift - 1))) * block
      log = first..<first + Int(big(image, 0x60) as UInt32) * block
    }
  }
}

/// A big-endian number in an image.
func big<Value: FixedWidthInteger>(_ bytes: [UInt8], _ offset: Int) -> Value {
  bytes[offset..<offset + MemoryLayout<Value>.size].reduce(0) { $0 << 8 | Value($1) }
}
