import BlockDevices
import Bytes
import Filesystems
import SystemPackage
import TestSupport
import Testing

/// Images with a few fields changed, in the nodes of trees and in the superblock, most of them with
/// checksums that fit again.
@Suite(.serialized) struct BtrfsFuzzTests {
  private struct Setting {
    let format: String
    let nodeByteCount: Int
    let mount: String
    /// Whether files were synced after the last commit.
    let hasLog: Bool
  }

  private static let settings = [
    Setting(format: "--mixed -n 4096", nodeByteCount: 4096, mount: "compress=zlib", hasLog: false),
    Setting(
      format: "-m single -n 16384 -O ^no-holes", nodeByteCount: 16_384, mount: "compress=lzo",
      hasLog: true),
    Setting(
      format: "-n 65536 -m dup", nodeByteCount: 65_536, mount: "compress=zstd", hasLog: false),
    Setting(
      format: "--mixed -n 4096 -O ^extref", nodeByteCount: 4096, mount: "max_inline=0",
      hasLog: true),
  ]

  @Test func `changed images are read to their end or refused`() throws {
    guard canMountBtrfs() else { return }
    let directory = try TemporaryDirectory(isInMemory: true)
    for setting in Self.settings {
      let bytes = try image(setting, in: directory)
      let places = try structures(of: bytes) { try BtrfsFileSystem.open($0) }
        .filter { $0.count == setting.nodeByteCount || $0.lowerBound == 65_536 }
      #expect(places.count > 5, "\(setting.format)")
      ReaderFuzz(
        name: "btrfs \(setting.format), \(setting.hasLog ? "with" : "without") a log", base: bytes,
        places: places, seal: { seal(&$0, places) },
        imageCount: max(10, ReaderFuzz.readCount / Self.settings.count / 2)
      ).run()
    }
  }

  private func image(_ setting: Setting, in directory: TemporaryDirectory) throws -> [UInt8] {
    let images = try BtrfsImages(in: directory.path, megabytes: 128, options: setting.format)
    let copy = directory.appending("copy.img")
    let mount = ["commit=300", setting.mount].joined(separator: ",")
    try images.mounted(at: directory.appending("mounted"), options: mount) { top in
      try output(of: "python3", "-c", btrfsSmallTreeScript, top.string)
      if setting.hasLog { try output(of: "python3", "-c", btrfsSyncScript, top.string) }
      try output(of: "cp", "--sparse=always", images.paths[0].string, copy.string)
    }
    return try readFile(copy)
  }
}

/// Makes the checksums of all structures fit that were changed.
private func seal(_ image: inout PatchedImage, _ places: [Range<Int>]) {
  let changed = image.patches.map { $0.offset..<$0.offset + $0.bytes.count }
  for place in places where changed.contains(where: { $0.overlaps(place) }) {
    let bytes = image.bytes(at: place.lowerBound, count: place.count)
    let covered = bytes.span.bytes.extracting(0x20..<bytes.count)
    let value = ~CyclicChecksum.castagnoli.updating(.max, with: covered)
    image.put(
      (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }, at: place.lowerBound)
  }
}

/// Makes a few items of all kinds in a mounted tree, and commits them.
let btrfsSmallTreeScript = """
  import os, subprocess, sys
  top = sys.argv[1]
  def p(*a): return os.path.join(top, *a)
  def write(path, data):
      with open(path, 'wb') as f: f.write(data)
  for i in range(8): write(p('f%d' % i), b'content %d ' % i * (20 * i))
  write(p('large'), os.urandom(200000) + b'same ' * 100000)
  write(p('set aside'), b'x')
  with open(p('holes'), 'wb') as f:
      for i in range(6):
          f.seek(i * 100000)
          f.write(b'part %d ' % i * 900)
      os.posix_fallocate(f.fileno(), 600000, 100000)
  os.makedirs(p('d', 'e'))
  for i in range(20): write(p('d', 'name %d' % i), b'%d' % i)
  for i in range(5): os.link(p('f1'), p('d', 'link %d' % i))
  os.symlink('some/where', p('link'))
  for i in range(3): os.setxattr(p('f2'), 'user.n%d' % i, b'v' * i * 50)
  for name in ('sub', 'd/other'):
      subprocess.run(['btrfs', 'subvolume', 'create', p(name)], check=True,
                     stdout=subprocess.DEVNULL)
  write(p('sub', 'inside'), b'inside')
  os.sync()
  """

/// Changes a tree that ``btrfsSmallTreeScript`` made, and syncs the files but not the tree.
let btrfsSyncScript = """
  import os, sys
  top = sys.argv[1]
  def p(*a): return os.path.join(top, *a)
  def sync(path):
      fd = os.open(path, os.O_RDONLY)
      os.fsync(fd)
      os.close(fd)
  # The kernel commits everything when a file is synced that was renamed, so that comes first.
  os.rename(p('f3'), p('d', 'moved'))
  sync(p('d', 'moved'))
  with open(p('large'), 'r+b') as f:
      f.seek(70000)
      f.write(b'changed ' * 5000)
      f.truncate(500000)
  os.unlink(p('d', 'name 3'))
  os.unlink(p('d', 'link 2'))
  os.link(p('f4'), p('d', 'new link'))
  os.removexattr(p('f2'), 'user.n1')
  os.setxattr(p('f2'), 'user.more', b'more')
  with open(p('d', 'new'), 'wb') as f: f.write(b'new ' * 3000)
  with open(p('sub', 'inside'), 'ab') as f: f.write(b' more' * 2000)
  for path in ('d', 'sub/inside', 'large', 'f2', 'f4', 'd/new'): sync(p(path))
  """
