import BlockDevices
import Compression
import Files
import Filesystems
import SystemPackage
import TestSupport

/// An image of a file system that Linux made and filled, kept in `Fixtures/Filesystems`.
struct StoredImage: CustomStringConvertible, Sendable {
  let name: String
  let byteCount: Int

  static let exFAT = StoredImage(name: "exfat-512", byteCount: 4 << 20)
  static let fat12 = StoredImage(name: "fat12", byteCount: 2880 << 10)
  static let fat16 = StoredImage(name: "fat16", byteCount: 5 << 20)
  static let fat32 = StoredImage(name: "fat32", byteCount: 36 << 20)
  static let all = [
    exFAT, StoredImage(name: "exfat-4096", byteCount: 16 << 20),
    fat12, fat16,
    StoredImage(name: "fat16-4096", byteCount: 40 << 20), fat32,
  ]

  /// With logs that were never replayed.
  static let xfsWithLogs = [
    StoredImage(name: "xfs-4", byteCount: 24 << 20),
    StoredImage(name: "xfs-5", byteCount: 32 << 20),
  ]
  /// The last of them as it was unmounted.
  static let cleanXFS = StoredImage(name: "xfs-5-clean", byteCount: 32 << 20)
  static let xfs = xfsWithLogs + [cleanXFS]

  /// As ntfs-3g left and shows them.
  static let ntfs = [
    StoredImage(name: "ntfs-4096", byteCount: 24 << 20),
    StoredImage(name: "ntfs-512", byteCount: 24 << 20),
  ]

  var description: String { name }

  func bytes() throws -> [UInt8] {
    let packed = try readFile(Self.folder.appending("\(name).img.zst"))
    var bytes = [UInt8](repeating: 0, count: byteCount)
    var span = bytes.mutableSpan
    var target = span.mutableBytes
    var decompressor = Decompressor()
    try decompressor.decompress(packed.span.bytes, codec: .zstd, into: &target)
    return bytes
  }

  /// What Linux shows of it.
  func tree() throws -> WholeTree { WholeTree(listing: try listing()) }

  func listing() throws -> String {
    let bytes = try readFile(Self.folder.appending("\(name).listing"))
    return String(decoding: bytes, as: UTF8.self)
  }

  private static let folder = FilePath(#filePath).removingLastComponent()
    .removingLastComponent().removingLastComponent().removingLastComponent()
    .appending("Fixtures").appending("Filesystems")
}

/// Opens what has to be a file system.
func openImage(_ bytes: [UInt8]) throws -> any FileSystem {
  guard let fileSystem = try openFileSystem(on: MemoryDevice(bytes)) else { throw NotRecognised() }
  return fileSystem
}

struct NotRecognised: Error {}
