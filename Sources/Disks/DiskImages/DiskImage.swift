internal import BlockDevices
internal import Bytes
internal import Files
package import SystemPackage

/// A disk that cannot be read as what it is taken for.
package enum DiskImageError: Error, CustomStringConvertible {
  case notADisk(FilePath)
  case emptyDevice(FilePath)
  case damagedFooter(FilePath, reason: String)
  case unsupportedFormat(FilePath, format: String)
  case shrank(FilePath, from: UInt64, to: UInt64)
  case grew(FilePath, from: UInt64, to: UInt64)

  package var description: String {
    switch self {
    case .notADisk(let path):
      "\(path) is neither a file nor a block device, so there is no disk to read"
    case .emptyDevice(let path):
      "\(path) is a block device of 0 bytes: nothing is attached to it"
    case .damagedFooter(let path, let reason):
      "\(path) has a damaged VHD footer: \(reason)"
    case .unsupportedFormat(let path, let format):
      "\(path) is \(format), which is not read yet: convert it to a raw image first"
    case .shrank(let path, let from, let to):
      "\(path) shrank from \(from) to \(to) bytes while it was being read"
    case .grew(let path, let from, let to):
      "\(path) grew from \(from) to \(to) bytes while it was being read"
    }
  }
}

/// A disk image file or a block device of the host, opened for reading.
///
/// Raw images, fixed-size VHD and block devices; holes are found through the file system.
package final class DiskImage: BlockDevice {
  package enum Format: String, Sendable {
    case raw
    case fixedVHD = "vhd-fixed"
    case device
  }

  package let path: FilePath
  package let format: Format
  package let byteCount: UInt64
  private let file: File
  private let fileByteCount: UInt64

  /// - Parameter isPlain: whether the file is taken as it is, whatever its bytes look like.
  /// - Throws: ``FileError``, ``DiskImageError``.
  package convenience init(opening path: FilePath, isPlain: Bool = false) throws {
    let status = try fileStatus(path)
    if status?.kind == .directory || status?.kind == .other { throw DiskImageError.notADisk(path) }
    try self.init(try File.openForReading(path), isPlain: isPlain)
  }

  /// A copy of the image as it is now, which shares its blocks and has no name; nil where the file
  /// system cannot do that.
  ///
  /// - Throws: ``FileError``, ``DiskImageError``.
  package static func clone(of path: FilePath) throws -> DiskImage? {
    guard try fileStatus(path)?.kind == .regular,
      let clone = try File.openForReading(path).clone()
    else { return nil }
    return try DiskImage(clone, isPlain: false)
  }

  private init(_ file: consuming File, isPlain: Bool) throws {
    if try file.status().kind == .blockDevice {
      fileByteCount = try file.blockDeviceByteCount()
      if fileByteCount == 0 { throw DiskImageError.emptyDevice(file.path) }
      byteCount = fileByteCount
      format = .device
    } else {
      fileByteCount = try file.status().byteCount
      if !isPlain { try refuseOtherFormats(file) }
      if !isPlain, let footer = try fixedVHDFooter(of: file, fileByteCount: fileByteCount) {
        byteCount = footer.diskByteCount
        format = .fixedVHD
      } else {
        if !isPlain, file.path.extension?.lowercased() == "vhd" {
          throw DiskImageError.damagedFooter(
            file.path,
            reason: "there is none; if this is a raw image, let its name not end in .vhd")
        }
        byteCount = fileByteCount
        format = .raw
      }
    }
    path = file.path
    self.file = file
  }

  /// - Throws: ``FileError``; ``DiskImageError/shrank(_:from:to:)`` where the file ends early.
  package func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    let wanted = target.byteCount
    let count = try file.read(at: offset, into: &target)
    if count < wanted {
      throw DiskImageError.shrank(path, from: fileByteCount, to: offset + UInt64(count))
    }
  }

  package func nextData(from offset: UInt64) throws -> Range<UInt64>? {
    guard format != .device else { return offset < byteCount ? offset..<byteCount : nil }
    return try file.nextData(from: offset, end: byteCount)
  }

  package func willNeed(_ range: Range<UInt64>) { file.willNeed(range) }

  /// Whether the image still has the size it was opened with; call it after the last read.
  package func checkSize() throws {
    let now =
      format == .device ? try file.blockDeviceByteCount() : try file.status().byteCount
    if now < fileByteCount { throw DiskImageError.shrank(path, from: fileByteCount, to: now) }
    if now > fileByteCount { throw DiskImageError.grew(path, from: fileByteCount, to: now) }
  }
}

/// Image formats whose file is not the disk: taking one for a raw disk would protect the wrong
/// thing.
private func refuseOtherFormats(_ file: borrowing File) throws {
  let formats: [(magic: StaticString, name: String)] = [
    ("vhdxfile", "a VHDX image"), ("KDMV", "a VMDK image"),
    ("<<< ", "a VDI image"), ("QED\0", "a QED image"), ("COWD", "a VMDK image"),
    ("WithoutFreeSpace", "a Parallels image"), ("WithouFreSpacExt", "a Parallels image"),
    ("# Disk DescriptorFile", "a VMDK image's descriptor"),
    // The footer's copy at the start, which a fixed VHD does not have.
    ("conectix", "a dynamic or differencing VHD"),
  ]
  var head = AlignedBuffer(capacity: 512)
  var span = head.mutableBytes
  let count = try file.read(at: 0, into: &span)
  let start = head.bytes.extracting(0..<count)
  if count >= 4, isQCOW(start) {
    throw DiskImageError.unsupportedFormat(file.path, format: "a qcow2 image")
  }
  for format in formats where start.starts(with: format.magic) {
    throw DiskImageError.unsupportedFormat(file.path, format: format.name)
  }
}

/// The magic number `QFI` 0xFB, which no Swift string literal spells.
private func isQCOW(_ bytes: RawSpan) -> Bool {
  UInt32(bigEndian: bytes.unsafeLoadUnaligned(as: UInt32.self)) == 0x5146_49FB
}
