package import SystemPackage

/// A disk that cannot be read as what it is taken for.
package enum DiskImageError: Error, CustomStringConvertible {
  case notADisk(FilePath)
  case emptyDevice(FilePath)
  case damagedFooter(FilePath, reason: String)
  case unsupportedFormat(FilePath, format: String)
  case shrank(FilePath, from: UInt64, to: UInt64)
  case grew(FilePath, from: UInt64, to: UInt64)
  /// An image in several layers or with tables, which has to stay as it is while it is read.
  case written(FilePath)
  /// It was said to be of a format that it is not of.
  case otherFormat(FilePath, expected: DiskImage.Format)
  case damaged(FilePath, DiskImage.Format, reason: String)
  /// What it has, no reader here knows.
  case unsupported(FilePath, DiskImage.Format, reason: String)
  /// A file that an image names, and that nobody who may said is to be read.
  case untold(FilePath, DiskImage.Format, names: String)
  case missingLayer(FilePath, of: FilePath)

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
    case .written(let path):
      "\(path) was written to while it was being read: shut the machine down, have it write to a "
        + "snapshot's overlay meanwhile, or keep images on a file system with reflinks (XFS, btrfs)"
    case .otherFormat(let path, let expected):
      "\(path) is to be \(expected.rawValue), and is not"
    case .damaged(let path, let format, let reason):
      "\(path) is a damaged \(format.rawValue) image: \(reason)"
    case .unsupported(let path, let format, let reason):
      "\(path) is a \(format.rawValue) image that is not read: \(reason)"
    case .untold(let path, let format, let name):
      "\(path) looks like a \(format.rawValue) image over '\(name)', which a machine could have "
        + "written into a raw disk to be shown that file: say \(format.rawValue):\(path), or "
        + "raw:\(path) if the disk is the file itself"
    case .missingLayer(let path, let image):
      "\(path), which \(image) is made over, is not there"
    }
  }
}
