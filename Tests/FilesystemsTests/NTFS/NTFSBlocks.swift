import Bytes

/// The records and blocks of indexes of an image of NTFS, to find and change them, and to make the
/// ends of their sectors fit again, so that what these guard is reached.
struct NTFSBlocks {
  let clusterByteCount: Int
  let recordByteCount = 1024
  /// Where the first record lies; those of the images here follow one another.
  let tableStart: Int
  let mirrorStart: Int
  private let blocks: [(start: Int, byteCount: Int)]

  var count: Int { blocks.count }
  var indexBlocks: [Int] { blocks.filter { $0.byteCount == 4096 }.map(\.start) }

  init(_ image: [UInt8]) {
    clusterByteCount =
      Int(image.number(at: 11, as: UInt16.self)) * Int(image.number(at: 13, as: UInt8.self))
    tableStart = Int(image.number(at: 48, as: UInt64.self)) * clusterByteCount
    mirrorStart = Int(image.number(at: 56, as: UInt64.self)) * clusterByteCount
    blocks = stride(from: 0, to: image.count - 4096, by: 512).compactMap { start in
      switch Array(image[start..<start + 4]) {
      case Array("FILE".utf8): (start, 1024)
      case Array("INDX".utf8): (start, 4096)
      default: nil
      }
    }
  }

  func record(_ number: UInt64) -> Int { tableStart + Int(number & 0xFFFF_FFFF) * recordByteCount }

  /// Gives each sector the ending that its block says it has.
  func apply(to image: inout PatchedImage) {
    for (start, byteCount) in blocks {
      let isChanged = image.patches.contains {
        $0.offset < start + byteCount && $0.offset + $0.bytes.count > start
      }
      guard isChanged else { continue }
      let block = image.bytes(at: start, count: byteCount)
      let place = Int(block.number(at: 4, as: UInt16.self))
      guard place <= 508 else { continue }
      for end in stride(from: 510, to: byteCount, by: 512) {
        image.put(Array(block[place..<place + 2]), at: start + end)
      }
    }
  }
}

extension [UInt8] {
  /// Where an attribute of a record begins, of an image of NTFS.
  ///
  /// - Parameter index: which one of that type.
  func ntfsAttribute(_ type: UInt32, inRecordAt start: Int, index: Int = 0) -> Int? {
    var place = start + Int(number(at: start + 20, as: UInt16.self))
    var left = index
    while number(at: place, as: UInt32.self) != .max {
      if number(at: place, as: UInt32.self) == type {
        if left == 0 { return place }
        left -= 1
      }
      place += Int(number(at: place + 4, as: UInt32.self))
    }
    return nil
  }

  /// Where the value of an attribute begins that stands in a record.
  func ntfsValue(_ type: UInt32, inRecordAt start: Int) -> Int? {
    ntfsAttribute(type, inRecordAt: start).map { $0 + Int(number(at: $0 + 20, as: UInt16.self)) }
  }
}
