package import BlockDevices

/// The file systems that can be read. A new one is a folder beside this file and a line here.
private let formats: [any FileSystem.Type] = [
  ExtFileSystem.self,
  XFSFileSystem.self,
  BtrfsFileSystem.self,
  NTFSFileSystem.self,
  ExFATFileSystem.self,
  FATFileSystem.self,
]

/// Opens the file system that `device` holds; nil where it is none that can be read.
///
/// - Parameter others: devices on which more of it may lie.
/// - Throws: ``FileSystemError`` where it is one of them but cannot be read, and what the device
///   throws.
package func openFileSystem(
  on device: any BlockDevice, beside others: [any BlockDevice] = []
) throws -> (any FileSystem)? {
  var unread: (any Error)?
  for format in formats {
    do {
      if let fileSystem = try format.open(device, beside: others) { return fileSystem }
    } catch let error as FileSystemError {
      throw error
    } catch {
      // Where this one's mark cannot be read, another one may lie.
      unread = unread ?? error
    }
  }
  if let unread { throw unread }
  return nil
}

/// Opens the file system that `device` held before its beginning was lost; nil where nothing tells
/// of one. Only for a device on which nothing is recognised.
///
/// - Throws: as ``openFileSystem(on:beside:)``.
package func openFileSystemByCopies(on device: any BlockDevice) throws -> (any FileSystem)? {
  for format in formats {
    if let fileSystem = try format.openByCopies(device) { return fileSystem }
  }
  return nil
}
