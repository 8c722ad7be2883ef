internal import Bytes

/// A record of the table: a file, or a part of one that did not fit into its first record.
///
///     record := "FILE" ends:u16 endCount:u16 log:u64 sequence:u16 links:u16 attributes:u16
///               flags:u16 used:u32 allocated:u32 base:u64 nextId:u16 [zero:u16 number:u32] …
struct NTFSRecord: Sendable {
  let number: UInt64
  let sequence: UInt16
  /// The record that this one belongs to; 0 where it is a file's first.
  let base: NTFSReference
  let isInUse: Bool
  let isDirectory: Bool
  /// In ascending order of their types.
  let attributes: [NTFSAttribute]
  private let bytes: [UInt8]

  /// - Parameter stored: as it lies on the disk.
  init(_ stored: [UInt8], number: UInt64) throws {
    var bytes = stored
    guard bytes.span.bytes.starts(with: "FILE") else {
      throw NTFSFault(
        bytes.span.bytes.starts(with: "BAAD")
          ? "it was found damaged by the machine" : "it does not begin as a record")
    }
    try NTFSSectorEnds.restore(in: &bytes)
    let fields = bytes.span.bytes
    let flags: UInt16 = try fields.littleEndian(at: 22)
    let used = Int(try fields.littleEndian(at: 24, as: UInt32.self))
    guard used <= bytes.count else { throw NTFSFault("it is longer than a record") }
    // Older ones have no number of their own.
    if try fields.littleEndian(at: 4, as: UInt16.self) >= 48 {
      let own: UInt32 = try fields.littleEndian(at: 44)
      guard own == UInt32(truncatingIfNeeded: number) else {
        throw NTFSFault("it says that it is record \(own)")
      }
    }
    self.number = number
    sequence = try fields.littleEndian(at: 16)
    base = NTFSReference(try fields.littleEndian(at: 32))
    isInUse = flags & 1 != 0
    isDirectory = flags & 2 != 0
    attributes = try Self.attributes(
      fields.extracting(0..<used), from: Int(try fields.littleEndian(at: 20, as: UInt16.self)))
    self.bytes = bytes
  }

  private static func attributes(_ record: RawSpan, from start: Int) throws -> [NTFSAttribute] {
    var attributes: [NTFSAttribute] = []
    var place = start
    while try record.littleEndian(at: place, as: UInt32.self) != NTFSAttributeType.end {
      let byteCount = Int(try record.littleEndian(at: place + 4, as: UInt32.self))
      guard byteCount >= 24, byteCount.isMultiple(of: 8), byteCount <= record.byteCount - place
      else { throw NTFSFault("an attribute of \(byteCount) bytes at \(place) is none") }
      attributes.append(try NTFSAttribute(record, at: place, byteCount: byteCount))
      place += byteCount
    }
    return attributes
  }

  var reference: NTFSReference { NTFSReference(record: number, sequence: sequence) }
  var structure: String { "record \(number)" }

  /// A part of the record, by a range that an attribute gives.
  @_lifetime(borrow self)
  func span(_ range: Range<Int>) -> RawSpan { bytes.span.bytes.extracting(range) }

  func array(_ range: Range<Int>) -> [UInt8] { Array(bytes[range]) }

  func hasName(_ name: [UInt16], _ attribute: NTFSAttribute) -> Bool {
    guard attribute.name.count == name.count * 2 else { return false }
    return name.indices.allSatisfy { index in
      let place = attribute.name.lowerBound + index * 2
      return name[index] == UInt16(bytes[place]) | UInt16(bytes[place + 1]) << 8
    }
  }

  func name(of attribute: NTFSAttribute) -> [UInt16] {
    stride(from: attribute.name.lowerBound, to: attribute.name.upperBound, by: 2)
      .map { UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8 }
  }
}
