internal import Bytes

/// Blocks that are larger than a sector end each 512 bytes with one number, so that a write of
/// which only a part came to the disk shows; what belongs there is in the block's header:
///
///     block := magic:4 place:u16 count:u16 …
///     place → number:u16 (end:u16)*
///
/// A disk's sectors may be larger, the steps are 512 bytes on all of them.
enum NTFSSectorEnds {
  static let step = 512

  /// Puts back what belongs at the ends.
  ///
  /// - Parameter block: a multiple of 512 bytes.
  static func restore(in block: inout [UInt8]) throws {
    let (place, count) = try header(of: block)
    let number = block[place..<place + 2]
    for index in 1..<count {
      let end = index * step - 2
      guard block[end..<end + 2] == number else {
        throw NTFSFault("it was not written to its end: sector \(index - 1) of it is another's")
      }
      block[end] = block[place + index * 2]
      block[end + 1] = block[place + index * 2 + 1]
    }
  }

  /// Where the numbers lie, and how many count.
  private static func header(of block: [UInt8]) throws -> (place: Int, count: Int) {
    let fields = block.span.bytes
    let place = Int(try fields.littleEndian(at: 4, as: UInt16.self))
    let count = Int(try fields.littleEndian(at: 6, as: UInt16.self))
    // More of them than sectors are seen now and then.
    let wanted = block.count / step + 1
    guard place % 2 == 0, place >= 8, count >= wanted, place + wanted * 2 <= step - 2 else {
      throw NTFSFault("its header does not say how its sectors end")
    }
    return (place, wanted)
  }
}
