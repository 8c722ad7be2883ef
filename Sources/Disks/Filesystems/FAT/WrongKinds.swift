/// How FAT and exFAT, which have files and directories alone, refuse an item of the wrong one.
extension FileSystemError {
  static func isDirectory(_ item: ItemID, in type: String) -> FileSystemError {
    FileSystemError(
      .wrongKind, in: type, "item \(item.number)", "it is a directory, not a file")
  }

  static func isFile(_ item: ItemID, in type: String) -> FileSystemError {
    FileSystemError(
      .wrongKind, in: type, "item \(item.number)", "it is a file, not a directory")
  }

  static func isNoLink(_ item: ItemID, in type: String) -> FileSystemError {
    FileSystemError(
      .wrongKind, in: type, "item \(item.number)",
      "there are no symbolic links in a file system of this type")
  }
}
