internal import Bytes

/// Files and directories so small that they lie in their inode: the first bytes in the place of its
/// map, the rest as the value of an attribute "system.data" in the same inode
/// (Linux, Documentation/filesystems/ext4/inlinedata.rst).
extension ExtVolume {
  private static let dataAttribute: [UInt8] = Array("data".utf8)

  /// All bytes of a file or symbolic link that lies in its inode.
  func inlineBytes(of inode: ExtInode) throws -> [UInt8] {
    let continued = try inlineContinuation(of: inode)
    guard inode.byteCount <= UInt64(ExtInode.mapByteCount + continued.count) else {
      throw damaged(
        inode.structure, "its data ends before its \(inode.byteCount) bytes do")
    }
    var bytes = Array(inode.map)
    bytes += continued
    bytes.removeLast(bytes.count - Int(inode.byteCount))
    return bytes
  }

  /// The entries of a directory that lies in its inode: behind four bytes that name its parent, and
  /// then in the continuation, each filled by entries of its own.
  func forEachInlineEntry(
    of directory: ExtInode, _ visit: (borrowing RawEntry) throws -> Bool
  ) throws {
    let parentByteCount = 4
    let map = directory.map
    guard
      try forEachEntry(
        in: map.extracting(parentByteCount..<map.byteCount), of: directory, at: nil,
        isDirectoryStart: false, visit)
    else { return }
    let continued = try inlineContinuation(of: directory)
    _ = try forEachEntry(
      in: continued.span.bytes, of: directory, at: nil, isDirectoryStart: false, visit)
  }

  private func inlineContinuation(of inode: ExtInode) throws -> [UInt8] {
    var found: [UInt8]?
    try forEachAttributeInBody(of: inode) { attribute in
      guard attribute.prefix == ExtAttributePrefix.system,
        attribute.name.isEqual(to: Self.dataAttribute.span.bytes)
      else { return }
      found = Array(attribute.value)
    }
    guard let found else {
      throw damaged(inode.structure, "the attribute that says that its data lies in it is missing")
    }
    return found
  }
}
