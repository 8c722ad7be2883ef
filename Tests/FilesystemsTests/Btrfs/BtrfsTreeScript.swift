/// Adds to a mounted btrfs what only that has: compressed files of all kinds, reflinks, files
/// without checksums, files set aside, names of equal hashes, many links, subvolumes and snapshots.
///
/// Arguments: directory, seed.
let btrfsTreeScript = """
  import fcntl, os, random, struct, subprocess, sys
  top, seed = sys.argv[1], int(sys.argv[2])
  r = random.Random(seed)

  def p(*a): return os.path.join(top, *a)

  def run(*a): subprocess.run(a, check=True, stdout=subprocess.DEVNULL)

  def write(path, data):
      with open(path, 'wb') as f:
          f.write(data)
          os.fsync(f.fileno())

  words = [r.randbytes(r.randrange(2, 9)) for _ in range(300)]
  def text(n): return b' '.join(r.choice(words) for _ in range(n))

  for kind in ('zlib', 'lzo', 'zstd'):
      os.mkdir(p(kind))
      run('btrfs', 'property', 'set', p(kind), 'compression', kind)
      write(p(kind, 'large'), text(200000))
      write(p(kind, 'odd'), text(30000)[:70001])
      write(p(kind, 'small'), b'a' * 3000)
      write(p(kind, 'runs'), b'x' * 300000 + r.randbytes(100000) + b'y' * 200000)
      write(p(kind, 'zeros'), b'\\0' * 500000 + b'end')
      for n in (100, 1500, 2047, 4095, 4096, 4097, 8192, 131072, 131073):
          write(p(kind, 'n%d' % n), text(n)[:n])
      with open(p(kind, 'large'), 'r+b') as f:
          for i in range(30):
              f.seek(r.randrange(900000))
              f.write(r.randbytes(r.choice((10, 4096, 9000))))
          f.truncate(800001)
  os.mkdir(p('nocow'))
  subprocess.run(['chattr', '+C', p('nocow')])
  write(p('nocow', 'file'), r.randbytes(200000))
  with open(p('nocow', 'file'), 'r+b') as f:
      f.seek(50000)
      f.write(text(2000))
  write(p('source'), r.randbytes(400000) + text(20000))
  run('cp', '--reflink=always', p('source'), p('copy'))
  with open(p('source'), 'rb') as a, open(p('parts'), 'wb') as b:
      block = os.fstat(a.fileno()).st_blksize
      for i in range(1, 6):
          place = 65536 * i
          fcntl.ioctl(b.fileno(), 0x4020940D,
                      struct.pack('<qQQQ', a.fileno(), place, 65536, 131072 * (6 - i)))
  with open(p('aside'), 'wb') as f:
      f.write(b'start')
      os.posix_fallocate(f.fileno(), 0, 3000000)
      f.seek(1000000)
      f.write(r.randbytes(70000))
      f.truncate(2500001)
  subprocess.run(['fallocate', '-n', '-o', '0', '-l', '1000000', p('zlib', 'small')])
  run('fallocate', '-p', '-o', '40000', '-l', '100000', p('copy'))

  table = []
  for n in range(256):
      v = n
      for _ in range(8): v = v >> 1 ^ (0x82F63B78 if v & 1 else 0)
      table.append(v)
  def crc(data):
      v = 0xFFFFFFFE
      for b in data: v = v >> 8 ^ table[(v ^ b) & 255]
      return v
  def colliding(start):
      known = {}
      found = []
      base = 'abcdefghijklmnopqrstuvwxyz0123456789'
      while len(found) < 4:
          name = start + ''.join(r.choice(base) for _ in range(7))
          h = crc(name.encode())
          if h in known and known[h] != name: found += [known[h], name]
          known[h] = name
      return found
  os.mkdir(p('collisions'))
  for name in colliding(''): write(p('collisions', name), name.encode())
  write(p('collide'), b'')
  for name in colliding('user.'): os.setxattr(p('collide'), name, name.encode())
  os.mkdir(p('links'))
  write(p('links', 'first'), b'first')
  for i in range(120):
      try: os.link(p('links', 'first'), p('links', 'l%d' % i + 'k' * 200))
      except OSError: break

  run('btrfs', 'subvolume', 'create', p('sub'))
  write(p('sub', 'inside'), text(300))
  os.makedirs(p('sub', 'a', 'b'))
  run('btrfs', 'subvolume', 'create', p('sub', 'a', 'b', 'nested'))
  write(p('sub', 'a', 'b', 'nested', 'deep'), b'deep')
  run('btrfs', 'subvolume', 'snapshot', p('sub'), p('snapshot'))
  run('btrfs', 'subvolume', 'snapshot', '-r', p('sub'), p('sub', 'a', 'frozen'))
  write(p('sub', 'inside'), b'changed')
  write(p('snapshot', 'only here'), b'x')
  os.rename(p('sub', 'a', 'b', 'nested'), p('sub', 'a', 'moved'))
  run('btrfs', 'subvolume', 'create', p('gone'))
  run('btrfs', 'subvolume', 'delete', p('gone'))
  os.sync()
  """
