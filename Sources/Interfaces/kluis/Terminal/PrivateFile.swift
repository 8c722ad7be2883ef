import Encryption
import SystemPackage

/// Writes a file that only its owner can read.
///
/// - Throws: ``PrivateFileError`` where there is a file of that name, or none can be made; `Errno`.
func writePrivately(_ secret: Secret, to path: FilePath) throws {
  let file: FileDescriptor
  do {
    file = try FileDescriptor.open(
      path, .writeOnly, options: [.create, .exclusiveCreate], permissions: [.ownerReadWrite])
  } catch Errno.fileExists {
    throw PrivateFileError.exists(path)
  } catch { throw PrivateFileError(path: path, reason: "\(error)") }
  try file.closeAfter {
    try secret.withBytes { bytes in
      _ = try bytes.withUnsafeBytes { try file.writeAll($0) }
    }
  }
}

struct PrivateFileError: Error, CustomStringConvertible {
  let path: FilePath
  let reason: String

  static func exists(_ path: FilePath) -> PrivateFileError {
    PrivateFileError(path: path, reason: "it exists already: choose another name")
  }

  var description: String { "\(path) cannot be written: \(reason)" }
}
