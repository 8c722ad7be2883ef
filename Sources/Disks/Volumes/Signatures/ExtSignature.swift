internal import Bytes

/// ext2, ext3 or ext4, told apart as blkid does: by the features that the older ones do not know.
///
/// The superblock lies 1,024 bytes from the start: magic 0xEF53 at 56, features at 92 (compatible),
/// 96 (incompatible) and 100 (read-only compatible), UUID at 104, label at 120.
/// Source: Linux, fs/ext4/ext4.h, `struct ext4_super_block`.
@Sendable func extFileSystem(_ probe: SignatureProbe) throws -> Signature? {
  let start: UInt64 = 1024
  guard let superblock = try probe.bytes(at: start, count: 136) else { return nil }
  let fields = superblock.span.bytes
  guard try fields.littleEndian(at: 56, as: UInt16.self) == 0xEF53 else { return nil }
  let compatible: UInt32 = try fields.littleEndian(at: 92)
  let incompatible: UInt32 = try fields.littleEndian(at: 96)
  let readOnly: UInt32 = try fields.littleEndian(at: 100)
  let hasJournal = compatible & 0x4 != 0
  let isJournal = incompatible & 0x8 != 0
  // ext3 knows file types, recovery and meta_bg; sparse_super, large_file and btree_dir.
  let isNewerThan3 = incompatible & ~0x16 != 0 || readOnly & ~0x7 != 0
  let typeName = isJournal ? "jbd" : isNewerThan3 ? "ext4" : hasJournal ? "ext3" : "ext2"
  return Signature(
    role: .fileSystem, typeName: typeName, label: try probe.text(at: start + 120, limit: 16),
    uuid: try probe.uuid(at: start + 104))
}
