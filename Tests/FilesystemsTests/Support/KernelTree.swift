/// A program that prints of a mounted tree what `TreeListing` tells of a file system.
let kernelTreeScript = """
  import ctypes, os, stat, sys, zlib
  libc = ctypes.CDLL(None)
  kinds = {stat.S_IFREG: 'f', stat.S_IFDIR: 'd', stat.S_IFLNK: 'l', stat.S_IFCHR: 'c',
           stat.S_IFBLK: 'b', stat.S_IFIFO: 'p', stat.S_IFSOCK: 's'}
  top = os.fsencode(sys.argv[1])
  tells_access = sys.argv[2] == 'access'
  unlisted = sys.argv[3:]

  def escaped(name):
      return ''.join(chr(b) if 0x20 < b < 0x7F and b != 0x5C else '\\\\x%02x' % b for b in name)

  def time(ns):
      return '%d:%d' % divmod(ns, 10**9)

  def checksum(path):
      value = 0
      with open(path, 'rb', buffering=0) as file:
          end = os.fstat(file.fileno()).st_size
          at = 0
          while at < end:
              try:
                  data = os.lseek(file.fileno(), at, os.SEEK_DATA)
              except OSError as error:
                  if error.errno != 6: raise
                  data = end
              at = data >> 20 << 20
              if at >= end: break
              os.lseek(file.fileno(), at, os.SEEK_SET)
              bytes = file.read(min(1 << 20, end - at))
              # A damaged file may end before it says.
              if len(bytes) < min(1 << 20, end - at): raise OSError()
              if any(bytes): value = zlib.crc32(bytes, value)
              at += len(bytes)
      return str(value)

  def attempt(body):
      try: return body()
      except OSError: return 'ERROR'

  # XFS shows access control lists a second time, as they lie on the disk.
  def attributes(path):
      values = {n: os.getxattr(path, n, follow_symlinks=False)
                for n in os.listxattr(path, follow_symlinks=False)
                if not n.startswith('trusted.SGI_ACL_')}
      # With room for it at once: ntfs-3g fails for want of it in another way than Python expects.
      room = ctypes.create_string_buffer(65536)
      for n in unlisted:
          count = libc.lgetxattr(path, n.encode(), room, 65536)
          if count >= 0: values[n] = room.raw[:count]
      return ','.join(sorted('%s=%s' % (escaped(os.fsencode(n)), v.hex())
                             for n, v in values.items()))

  def show(path, shown):
      try: s = os.lstat(path)
      except OSError:
          print(shown or '/', 'ERROR')
          return
      kind = kinds[stat.S_IFMT(s.st_mode)]
      size = s.st_size if kind in 'fdl' else 0
      f = [kind, str(stat.S_IMODE(s.st_mode)), str(s.st_uid), str(s.st_gid), str(s.st_nlink),
           str(size), time(s.st_mtime_ns), time(s.st_ctime_ns)]
      if tells_access: f.append(time(s.st_atime_ns))
      if kind == 'f': f.append(attempt(lambda: checksum(path)))
      # The kernel shows an empty target where the block of a link was never written.
      elif kind == 'l': f.append(attempt(lambda: escaped(os.readlink(path)) or 'ERROR'))
      elif kind in 'cb': f.append('%d:%d' % (os.major(s.st_rdev), os.minor(s.st_rdev)))
      else: f.append('-')
      f.append(attempt(lambda: attributes(path)))
      children = []
      if kind == 'd':
          try: children = os.listdir(path)
          except OSError: f.append('ERROR')
      print(shown or '/', ' '.join(f))
      for child in children:
          show(path + b'/' + child, shown + '/' + escaped(child))

  sys.setrecursionlimit(5000)
  show(top, '')
  """
