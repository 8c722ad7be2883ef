internal import BlockDevices
internal import Bytes
internal import Files
internal import SystemPackage

/// A file or block device of the host as it is: a raw image, or what images of other formats lie
/// in. Holes are found through the file system.
final class HostFile: BlockDevice {
  let path: FilePath
  let byteCount: UInt64
  let isDevice: Bool
  private let file: File
  private let status: FileStatus

  /// - Throws: ``FileError``; ``DiskImageError`` where it is an empty device.
  init(_ file: consuming File) throws {
    path = file.path
    status = try file.status()
    isDevice = status.kind == .blockDevice
    byteCount = isDevice ? try file.blockDeviceByteCount() : status.byteCount
    if isDevice, byteCount == 0 { throw DiskImageError.emptyDevice(file.path) }
    self.file = file
  }

  /// - Throws: ``FileError``; ``DiskImageError/shrank(_:from:to:)`` where the file ends early.
  func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    let wanted = target.byteCount
    let count = try file.read(at: offset, into: &target)
    if count < wanted {
      throw DiskImageError.shrank(path, from: byteCount, to: offset + UInt64(count))
    }
  }

  func nextData(from offset: UInt64) throws -> Range<UInt64>? {
    if isDevice { return offset < byteCount ? offset..<byteCount : nil }
    return try file.nextData(from: offset, end: byteCount)
  }

  func willNeed(_ range: Range<UInt64>) { file.willNeed(range) }

  /// Whether it still has the size it was opened with.
  func checkSize() throws {
    let now = isDevice ? try file.blockDeviceByteCount() : try file.status().byteCount
    if now < byteCount { throw DiskImageError.shrank(path, from: byteCount, to: now) }
    if now > byteCount { throw DiskImageError.grew(path, from: byteCount, to: now) }
  }

  /// Whether nobody has written to it since it was opened; of a device only its size is known.
  func checkUnchanged() throws {
    try checkSize()
    if !isDevice, try !file.status().hasSameBytes(as: status) {
      throw DiskImageError.written(path)
    }
  }
}
