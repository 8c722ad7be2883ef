package import BlockDevices

/// The file systems that can be read. A new one is a folder beside this file and a line here.
private let formats: [any FileSystem.Type] = [
  ExtFileSystem.self,
  XFSFileSystem.self,
  ExFATFileSystem.self,
  FATFileSystem.self,
]

/// Opens the file system that `device` holds; nil where it is none that can be read.
///
/// - Throws: ``FileSystemError`` where it is one of them but cannot be read, and what the device
///   throws.
package func openFileSystem(on device: any BlockDevice) throws -> (any FileSystem)? {
  for format in formats {
    if let fileSystem = try format.open(device) { return fileSystem }
  }
  return nil
}

/// Opens the file system that `device` held before its beginning was lost; nil where nothing tells
/// of one. Only for a device on which nothing is recognised.
///
/// - Throws: as ``openFileSystem(on:)``.
package func openFileSystemByCopies(on device: any BlockDevice) throws -> (any FileSystem)? {
  for format in formats {
    if let fileSystem = try format.openByCopies(device) { return fileSystem }
  }
  return nil
}
