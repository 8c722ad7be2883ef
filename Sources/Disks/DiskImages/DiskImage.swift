internal import BlockDevices
internal import Bytes
internal import Files
package import SystemPackage

/// A disk image or a block device of the host, opened for reading.
///
/// Raw images and block devices as they are, fixed-size VHDs without their footer; qcow2 images
/// and VHDX images with all that they are made over, dynamic VHDs, VMDK and VDI images by their
/// tables. Holes are found through the file system.
package final class DiskImage: BlockDevice {
  package enum Format: String, Sendable, CaseIterable {
    case raw
    case fixedVHD = "vhd-fixed"
    case device
    case dynamicVHD = "vhd-dynamic"
    case qcow2
    case vmdk
    case vdi
    case vhdx
  }

  package let path: FilePath
  package let format: Format
  package var byteCount: UInt64 { content.byteCount }
  private let content: any BlockDevice
  /// The files that it lies in.
  private let files: [HostFile]

  /// - Parameter told: what somebody who knows says that it is, such as the machine's definition;
  ///   nil to look at it. A raw image then is the file as it is, whatever its bytes look like, and
  ///   other images may name files anywhere: see ``ImageOpening``.
  /// - Throws: ``FileError``, ``DiskImageError``.
  package convenience init(opening path: FilePath, as told: Format? = nil) throws {
    var opening = ImageOpening(cloning: false)
    self.init(try opening.image(path, told), path: path, files: opening.files)
  }

  /// A copy of the image as it is now, which shares its blocks and has no name; nil where the file
  /// system cannot do that. All files that it is made over are copied as well.
  ///
  /// - Throws: ``FileError``, ``DiskImageError``.
  package static func clone(of path: FilePath, as told: Format? = nil) throws -> DiskImage? {
    guard try fileStatus(path)?.kind == .regular else { return nil }
    var opening = ImageOpening(cloning: true)
    do {
      return DiskImage(try opening.image(path, told), path: path, files: opening.files)
    } catch is ImageOpening.NoClone { return nil }
  }

  /// What image a file is, without a look at more than its magic numbers.
  ///
  /// - Throws: ``FileError``, ``DiskImageError``.
  package static func format(of path: FilePath, as told: Format? = nil) throws -> Format {
    try told ?? probedFormat(of: HostFile(try File.openForReading(path)))
  }

  private init(_ layer: ImageOpening.Layer, path: FilePath, files: [HostFile]) {
    self.path = path
    format = layer.format
    content = layer.device
    self.files = files
  }

  /// - Throws: ``FileError``; ``DiskImageError/shrank(_:from:to:)`` where the file ends early.
  package func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    try content.read(at: offset, into: &target)
  }

  package func nextData(from offset: UInt64) throws -> Range<UInt64>? {
    try content.nextData(from: offset)
  }

  package func willNeed(_ range: Range<UInt64>) { content.willNeed(range) }

  /// What compressed the file, where a raw image looks like that: `gzip`; nil for a disk.
  ///
  /// - Throws: as ``read(at:into:)``.
  package func compressionName() throws -> String? {
    guard format == .raw, byteCount >= 6 else { return nil }
    return nameOfCompression(in: try bytes(at: 0, count: 6))
  }

  /// Whether the image still has the size it was opened with; call it after the last read. One with
  /// tables must not have been written to at all: they would tell of other bytes.
  package func checkSize() throws {
    for file in files {
      if files.count > 1 || !format.isPlain {
        try file.checkUnchanged()
      } else {
        try file.checkSize()
      }
    }
  }
}

extension DiskImage.Format {
  /// Whether each byte of the disk has one place in the file, so that it can be written to there.
  package var isPlain: Bool { [.raw, .fixedVHD, .device].contains(self) }

  var isVHD: Bool { self == .fixedVHD || self == .dynamicVHD }

  /// What the names of such images that lead to other files end in.
  var extensions: [String] {
    switch self {
    case .qcow2: ["qcow2", "qcow"]
    // Hyper-V's checkpoints.
    case .vhdx: ["vhdx", "avhdx"]
    default: [rawValue]
    }
  }

  /// What a definition calls it, whether Kluis's own or libvirt's; nil for what is not known.
  package init?(definition name: String) {
    if let known = Self(rawValue: name) {
      self = known
    } else if name == "vpc" {
      self = .fixedVHD
    } else {
      return nil
    }
  }
}
