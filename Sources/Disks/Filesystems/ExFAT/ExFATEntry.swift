internal import Bytes

/// An item's set of records in an exFAT directory: sections 7.4, 7.6 and 7.7.
///
///     set    := file stream name* other*
///     file   := 85 others:u8 checksum:u16 flags:u16 reserved:u16 created:u32 modified:u32
///               accessed:u32 createdHundredths:u8 modifiedHundredths:u8 createdZone:u8
///               modifiedZone:u8 accessedZone:u8 reserved:7
///     stream := C0 flags:u8 reserved:u8 nameUnits:u8 nameHash:u16 reserved:u16 written:u64
///               reserved:u32 firstCluster:u32 bytes:u64
///     name   := C1 flags:u8 units:15×u16
struct ExFATEntry {
  /// What is wrong with a set.
  struct Fault: Error {
    let problem: FileSystemError.Problem
    let reason: String
  }

  let flags: FileFlags
  let created: FileTime
  let modified: FileTime
  let accessed: FileTime
  let name: [UInt16]
  let firstCluster: UInt32
  let byteCount: UInt64
  /// Bytes of a file that were ever written; those behind them read as zeros.
  let writtenByteCount: UInt64
  /// Whether its clusters are neighbours, and the table says nothing about them.
  let isContiguous: Bool

  /// - Parameter set: all its records, the first of which is of a file.
  init(_ set: RawSpan) throws {
    guard try set.littleEndian(at: 2) == Self.checksum(set) else {
      throw Fault(problem: .damaged, reason: "the checksum of its records is not that in them")
    }
    let stream = try set.field(
      at: directoryRecordByteCount, count: set.byteCount - directoryRecordByteCount)
    guard try stream.littleEndian(at: 0, as: UInt8.self) == 0xC0 else {
      throw Fault(problem: .damaged, reason: "it has no record of where its bytes are")
    }
    name = try Self.name(stream, unitCount: Int(try stream.littleEndian(at: 3, as: UInt8.self)))
    flags = FileFlags(rawValue: try set.littleEndian(at: 4))
    created = try Self.moment(set, at: 8, hundredths: 20, zone: 22)
    modified = try Self.moment(set, at: 12, hundredths: 21, zone: 23)
    accessed = try Self.moment(set, at: 16, hundredths: nil, zone: 24)

    let streamFlags: UInt8 = try stream.littleEndian(at: 1)
    isContiguous = streamFlags & 2 != 0
    writtenByteCount = try stream.littleEndian(at: 8)
    firstCluster = try stream.littleEndian(at: 20)
    byteCount = try stream.littleEndian(at: 24)
    guard writtenByteCount <= byteCount else {
      throw Fault(
        problem: .damaged, reason: "\(writtenByteCount) of its \(byteCount) bytes are written")
    }
    guard byteCount == 0 || streamFlags & 1 != 0 else {
      throw Fault(problem: .damaged, reason: "it has bytes but no place for them")
    }
  }

  private static func checksum(_ set: RawSpan) -> UInt16 {
    set.withUnsafeBytes { bytes in
      var sum: UInt16 = 0
      for index in bytes.indices where index != 2 && index != 3 {
        sum = (sum << 15 | sum >> 1) &+ UInt16(bytes[index])
      }
      return sum
    }
  }

  /// Gathers the name, and looks at every record behind the stream's for one that must be known.
  private static func name(_ stream: RawSpan, unitCount: Int) throws -> [UInt16] {
    var units: [UInt16] = []
    units.reserveCapacity(unitCount)
    for start in stride(
      from: directoryRecordByteCount, to: stream.byteCount, by: directoryRecordByteCount)
    {
      switch try stream.littleEndian(at: start, as: UInt8.self) {
      case 0xC1:
        for index in 0..<min(15, unitCount - units.count) {
          units.append(try stream.littleEndian(at: start + 2 + index * 2))
        }
      case 0xE0...: continue
      case let type:
        throw Fault(
          problem: .unsupported,
          reason: "it has a record of type \(type), for which no reader is known")
      }
    }
    guard unitCount > 0, units.count == unitCount else {
      throw Fault(problem: .damaged, reason: "\(units.count) of \(unitCount) units of its name")
    }
    return units
  }

  /// - Parameters:
  ///   - hundredths: where the byte is that counts them.
  ///   - zone: where the byte is that holds the zone: quarters of an hour in 7 bits with a sign,
  ///     and a bit that says that there is one.
  private static func moment(
    _ set: RawSpan, at offset: Int, hundredths: Int?, zone: Int
  ) throws(TruncatedInput) -> FileTime {
    let zoneByte: UInt8 = try set.littleEndian(at: zone)
    let quarters = Int(Int8(bitPattern: zoneByte << 1) >> 1)
    var time = DOSTime(
      date: try set.littleEndian(at: offset + 2), time: try set.littleEndian(at: offset),
      quartersAheadOfUTC: zoneByte & 0x80 != 0 ? quarters : 0)
    if let hundredths { time.hundredths = try set.littleEndian(at: hundredths) }
    return time.moment
  }
}
