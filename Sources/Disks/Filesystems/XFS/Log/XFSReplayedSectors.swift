internal import BlockDevices
internal import Bytes

/// Sectors of 512 bytes over a device, which itself stays as it is, while a log is replayed.
struct XFSReplayedSectors {
  static let byteCount = 512
  private static let limit = (512 << 20) / byteCount

  let device: any BlockDevice
  private var sectors: [UInt64: [UInt8]] = [:]

  init(over device: any BlockDevice) { self.device = device }

  /// The bytes of some sectors as they are now. The caller bounds `count`.
  ///
  /// - Throws: ``FileSystemError`` where the device does not have them.
  func read(_ count: Int, from first: UInt64) throws -> [UInt8] {
    let (offset, overflow) = first.multipliedReportingOverflow(by: UInt64(Self.byteCount))
    guard !overflow, device.holds(UInt64(count * Self.byteCount), at: offset) else {
      throw FileSystemError(
        .damaged, in: xfsTypeName, "the log", "it logs sector \(first), which the device lacks")
    }
    var bytes = try device.bytes(at: offset, count: count * Self.byteCount)
    for index in 0..<count {
      guard let sector = sectors[first + UInt64(index)] else { continue }
      let start = index * Self.byteCount
      bytes.replaceSubrange(start..<start + Self.byteCount, with: sector)
    }
    return bytes
  }

  /// Puts whole sectors in their place; those that are as they were cost nothing.
  mutating func write(_ bytes: [UInt8], at first: UInt64) throws {
    let count = bytes.count / Self.byteCount
    let before = try read(count, from: first)
    for index in 0..<count {
      let range = index * Self.byteCount..<(index + 1) * Self.byteCount
      if bytes[range] != before[range] { sectors[first + UInt64(index)] = Array(bytes[range]) }
    }
    guard sectors.count <= Self.limit else {
      throw FileSystemError(
        .unsupported, in: xfsTypeName, "the log",
        "it changes more than \(Self.limit * Self.byteCount) bytes")
    }
  }

  func overlay() throws -> Overlay {
    try Overlay(
      over: device, blockByteCount: Self.byteCount, blocks: sectors.mapValues { .bytes($0) })
  }
}
