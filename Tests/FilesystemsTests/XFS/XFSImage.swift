import Bytes
import DiskImages
import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing

/// An image file with a new file system. mkfs.xfs makes small ones only for the tests of XFS, which
/// it knows by these variables.
func makeXFSImage(_ path: FilePath, megabytes: Int, options: String) throws {
  if access(path.string, F_OK) == 0 { unlink(path.string) }
  try output(of: "truncate", "-s", "\(megabytes)M", path.string)
  let words = options.split(separator: " ").map(String.init)
  try output(
    of: "env",
    arguments: ["TEST_DIR=/", "TEST_DEV=/", "QA_CHECK_FS=1", "mkfs.xfs", "-q"] + words
      + [path.string])
}

/// Has an image of version 5 use features, in the superblock and its copies.
func enableXFSFeatures(_ bits: UInt32, in image: FilePath) throws {
  let file = open(image.string, O_RDWR)
  guard file >= 0 else { throw Errno(rawValue: errno) }
  defer { close(file) }
  var sector = [UInt8](repeating: 0, count: 512)
  pread(file, &sector, sector.count, 0)
  let size = Int(big(sector, 0x04) as UInt32) * Int(big(sector, 0x54) as UInt32)
  for group in 0..<Int(big(sector, 0x58) as UInt32) {
    pread(file, &sector, sector.count, off_t(group * size))
    let features = big(sector, 0xD8) | bits
    for index in 0..<4 {
      sector[0xD8 + index] = UInt8(truncatingIfNeeded: features >> (24 - 8 * UInt32(index)))
    }
    sector.fill(0xE0..<0xE4, with: 0)
    sector.put(~CyclicChecksum.castagnoli.updating(.max, with: sector.span.bytes), at: 0xE0)
    pwrite(file, sector, sector.count, off_t(group * size))
  }
}

/// Our own view of an image.
func openXFS(_ image: FilePath) throws -> XFSFileSystem {
  let opened = try XFSFileSystem.open(try DiskImage(opening: image))
  return try #require(opened, "\(image) holds no XFS")
}

/// Makes in a tree what is peculiar to XFS: forks of all forms.
///
/// Arguments: directory, "small" or "large".
let xfsTreeScript = """
  import ctypes, fcntl, os, struct, sys
  top, is_large = sys.argv[1], sys.argv[2] == 'large'
  libc = ctypes.CDLL(None)

  def p(*a): return os.path.join(top, *a)

  def attempt(body, *a):
      try: body(*a)
      except OSError: pass

  def pieces(name, count):
      # Every second block is taken out, so that each of the others is an extent.
      with open(p(name), 'wb') as f:
          f.write(os.urandom(count * 8192))
          f.flush()
          os.fsync(f.fileno())
          for i in range(count):
              libc.fallocate(
                  f.fileno(), 3, ctypes.c_long(i * 8192), ctypes.c_long(4096))

  pieces('pieces', 3000 if is_large else 60)
  with open(p('set aside'), 'wb') as f:
      os.posix_fallocate(f.fileno(), 0, 1 << 20)
      f.seek(300000)
      f.write(b'written' * 1000)
  def clone():
      with open(p('pieces'), 'rb') as source, open(p('clone'), 'wb') as target:
          fcntl.ioctl(target.fileno(), 0x40049409, source.fileno())
      with open(p('clone'), 'r+b') as f:
          for i in range(0, 200000, 16384):
              f.seek(i)
              f.write(b'other')
  attempt(clone)
  for name, names, size in (
          ('attributes', 400 if is_large else 40, 0), ('values', 60 if is_large else 6, 3000),
          ('remote', 5, 60000 if is_large else 9000)):
      open(p(name), 'w').close()
      for i in range(names):
          attempt(os.setxattr, p(name), 'user.%s%d' % ('n' * (i * 7 % 200), i), os.urandom(size))
  os.mkdir(p('attributes on'))
  for i in range(30): attempt(os.setxattr, p('attributes on'), 'user.%d' % i, os.urandom(i * 9))
  os.mkdir(p('huge'))
  count = int(sys.argv[3]) if len(sys.argv) > 3 else 6000 if is_large else 300
  open(p('linked'), 'w').close()
  for i in range(count): os.link(p('linked'), p('huge', 'entry %06d' % i))
  for i in range(count // 4, count // 2): os.unlink(p('huge', 'entry %06d' % i))
  path = p('deep')
  os.mkdir(path)
  for i in range(60 if is_large else 10):
      path = os.path.join(path, 'x' * 40)
      os.mkdir(path)
      open(os.path.join(path, 'y'), 'w').close()
  for n in (100, 300, 500, 1000, 1023): os.symlink('/' + 't' * (n - 1), p('to%d' % n))
  """
