internal import Bytes

/// The bytes of files, and where symbolic links lead.
extension XFSVolume {
  private static let greatestLink = 1024

  /// The content of a regular file.
  func content(of inode: XFSInode) throws -> BlockMapContent {
    guard !inode.flags.contains(.realTime) || inode.data.extentCount == 0 else {
      throw FileSystemError(
        .unsupported, in: xfsTypeName, inode.structure,
        "its bytes are on the device for real-time files, which is not here")
    }
    guard !unfinished.filesOfMovedExtents.contains(inode.number) else {
      throw FileSystemError(
        .unsupported, in: xfsTypeName, inode.structure,
        "its blocks were being moved, and the log does not say how that ended")
    }
    return mappedContent(of: inode)
  }

  private func mappedContent(of inode: XFSInode) -> BlockMapContent {
    BlockMapContent(
      byteCount: inode.byteCount, blockByteCount: superblock.blockByteCount, on: device,
      overlay: overlay
    ) { [self] block in
      try window(of: inode.data, in: inode, around: block)
    } missing: { [self] place in
      damaged(inode.structure, block: place, "the device ends before its bytes do")
    }
  }

  /// In the inode where there is room, or else in blocks (XFS Algorithms & Data Structures,
  /// "Symbolic Links"), in version 5 with a header before each run of them:
  ///
  ///     header := "XSLM", offset:u32, bytes:u32, checksum:u32, uuid:16, owner:u64, place:u64,
  ///               lsn:u64
  func target(ofSymbolicLink link: XFSInode) throws -> [UInt8] {
    guard link.byteCount > 0, link.byteCount <= UInt64(Self.greatestLink) else {
      throw damaged(link.structure, "a symbolic link of \(link.byteCount) bytes")
    }
    let target = try bytes(ofSymbolicLink: link, byteCount: Int(link.byteCount))
    guard !target.contains(0) else {
      throw damaged(link.structure, "where the symbolic link leads is no path")
    }
    return target
  }

  private func bytes(ofSymbolicLink link: XFSInode, byteCount count: Int) throws -> [UInt8] {
    if XFSInode.Format(rawValue: link.data.format) == .local {
      guard count <= link.data.bytes.count else {
        throw damaged(link.structure, "a symbolic link that is longer than its place")
      }
      return Array(link.span(of: link.data).extracting(0..<count))
    }
    guard superblock.features.hasChecksums else {
      return try mappedContent(of: link).bytes(limit: Self.greatestLink)
    }
    return try remoteTarget(of: link, byteCount: count)
  }

  private func remoteTarget(of link: XFSInode, byteCount: Int) throws -> [UInt8] {
    let structure = "the target of \(link.structure)"
    var target: [UInt8] = []
    var block: UInt64 = 0
    let limit = UInt64(byteCount / (superblock.blockByteCount - 56) + 1)
    while target.count < byteCount {
      let window = try window(of: link.data, in: link, around: block)
      guard let run = window.piece(at: block).run, run.isWritten, run.first == block,
        run.count <= limit
      else { throw damaged(structure, "a part of it is missing") }
      let bytes = try blocks(run.count, from: run.place, of: structure)
      let span = bytes.span.bytes
      guard try span.bigEndian(at: 0) == 0x5853_4C4D as UInt32 else {
        throw damaged(structure, block: run.place, "the magic number is missing")
      }
      try verify(span, .remote, at: run.place, owner: link.number, structure)
      let offset = Int(try span.bigEndian(at: 4, as: UInt32.self))
      let length = Int(try span.bigEndian(at: 8, as: UInt32.self))
      guard offset == target.count, length > 0, length <= byteCount - target.count,
        length <= span.byteCount - 56
      else { throw damaged(structure, block: run.place, "it is not the part that is due") }
      target += Array(span.extracting(56..<56 + length))
      block = run.end
    }
    return target
  }
}
