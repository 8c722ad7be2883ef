internal import Bytes
internal import Hashing

/// The checksum of a file system, of its nodes as of its data (btrfs documentation, "Checksumming";
/// btrfs_tree.h, `enum btrfs_csum_type`).
enum BtrfsChecksum: UInt16, Sendable {
  case crc32c = 0
  case xxhash64 = 1
  case sha256 = 2
  case blake2b = 3

  /// A checksum's bytes where many stand in a row.
  var byteCount: Int {
    switch self {
    case .crc32c: 4
    case .xxhash64: 8
    case .sha256, .blake2b: 32
    }
  }

  /// Whether `stored` begins with the checksum of `bytes`.
  func matches(_ bytes: RawSpan, _ stored: RawSpan) -> Bool {
    guard stored.byteCount >= byteCount else { return false }
    switch self {
    case .crc32c:
      let value = ~CyclicChecksum.castagnoli.updating(.max, with: bytes)
      return stored.unsafeLoadUnaligned(as: UInt32.self) == value.littleEndian
    case .xxhash64:
      return stored.unsafeLoadUnaligned(as: UInt64.self) == xxHash64(bytes).littleEndian
    case .sha256:
      var digester = Digester()
      return digester.digest(bytes) == Digest(stored.extracting(0..<32))
    case .blake2b: return blake2b256(bytes) == Digest(stored.extracting(0..<32))
    }
  }
}

/// The hash by which names stand in directories: CRC-32C that begins with all ones but the last,
/// and is not inverted (Linux, fs/btrfs/ctree.h, `btrfs_name_hash`).
func btrfsNameHash(_ name: RawSpan) -> UInt64 {
  UInt64(CyclicChecksum.castagnoli.updating(~1, with: name))
}

/// The hash by which extended references stand: it begins with the directory's number
/// (`btrfs_extref_hash`).
func btrfsReferenceHash(_ name: RawSpan, in directory: UInt64) -> UInt64 {
  UInt64(CyclicChecksum.castagnoli.updating(UInt32(truncatingIfNeeded: directory), with: name))
}
