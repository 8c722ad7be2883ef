extension ExtVolume {
  /// Where a part of a file around `block` lies, read from its map.
  func window(of inode: ExtInode, around block: UInt64) throws -> BlockWindow {
    if inode.flags.contains(.extents) {
      return try extentWindow(of: inode, around: block)
    }
    return try pointerWindow(of: inode, around: block)
  }

  /// The bytes of a file that has blocks of its own.
  func content(of inode: ExtInode) -> BlockMapContent {
    BlockMapContent(
      byteCount: inode.byteCount, blockByteCount: superblock.blockByteCount, on: device,
      overlay: overlay
    ) { [self] block in
      try window(of: inode, around: block)
    } missing: { [self] place in
      damaged(inode.structure, block: place, "the device ends before its bytes do")
    }
  }
}
