/// Makes in a tree of ntfs-3g what is peculiar to NTFS: streams, compressed files, names of DOS,
/// reparse points, and files whose attributes fill many records.
///
/// Arguments: directory, seed, "small" or "large", "compressed" where clusters allow that.
let ntfsTreeScript = """
  import os, random, struct, sys
  top, is_large = sys.argv[1], sys.argv[3] == 'large'
  r = random.Random(int(sys.argv[2]))

  def p(*a): return os.path.join(top, *a)

  def write(path, data):
      with open(path, 'wb') as f: f.write(data)

  def text(count):
      words = [r.randbytes(r.randrange(2, 9)).hex() for _ in range(60)]
      out = []
      while sum(map(len, out)) < count: out += [r.choice(words) for _ in range(200)]
      return ''.join(out)[:count].encode()

  # Each entry and each byte of a pair of files in turn, so that their clusters alternate.
  def pieces(one, other, count, size):
      with open(p(one), 'wb', buffering=0) as a, open(p(other), 'wb', buffering=0) as b:
          for i in range(count):
              a.write(r.randbytes(size))
              b.write(r.randbytes(size))
              os.fsync(a.fileno())
  pieces('pieces a', 'pieces b', 1500 if is_large else 100, 4096)
  with open(p('holes in a row'), 'wb') as f:
      for i in range(600 if is_large else 60):
          f.seek(i * 70000)
          f.write(r.randbytes(100))

  # Attributes in many records.
  os.mkdir(p('linked'))
  write(p('many names'), b'one file')
  for i in range(250 if is_large else 30):
      os.link(p('many names'), p('linked', 'n%04d' % i + 'm' * 100))
  write(p('many streams'), text(900))
  for i in range(200 if is_large else 20):
      os.setxattr(p('many streams'), 'user.stream %03d' % i, r.randbytes(r.randrange(1, 1500)))
  write(p('streams'), b'')
  for n in (0, 1, 700, 5000, 60000): os.setxattr(p('streams'), 'user.s%d' % n, r.randbytes(n))
  os.setxattr(p('linked'), 'user.of a directory', b'd' * 2000)
  os.setxattr(p('streams'), 'user.' + 'ü' * 100, b'long name')

  # Names.
  os.mkdir(p('case'))
  for name in ('Name', 'name', 'NAME', 'straße', 'STRASSE', 'İ', 'ı'):
      write(p('case', name), name.encode())
  os.mkdir(p('short'))
  for i in range(20):
      path = p('short', 'a long name of number %d.text' % i)
      write(path, b'%d' % i)
      os.setxattr(path, 'system.ntfs_dos_name', b'ALONG~%d.TXT' % i)
  os.mkdir(p('odd'))
  for name in (b'\\xed\\xa0\\x80high', b'low\\xed\\xb0\\x80', b'pair \\xf0\\x9f\\x98\\x80',
               b'back\\\\slash', b'a:b', b'*?'):
      try: write(os.path.join(os.fsencode(p('odd')), name), name)
      except OSError: pass
  os.mkdir(p('huge'))
  count = 5000 if is_large else 200
  for i in range(count): write(p('huge', 'entry %06d %s' % (i * 7919 % count, 'e' * (i % 40))), b'')
  for name in os.listdir(p('huge'))[count // 4:count // 2]: os.unlink(p('huge', name))
  path = p('deep')
  for i in range(60):
      os.mkdir(path)
      path = os.path.join(path, 'd' * 30)

  # Security descriptors, attributes and values of other systems.
  for i, n in enumerate((0x20, 0x21, 0x2022, 0x100, 0x3)):
      write(p('attributes %d' % i), b'a')
      os.setxattr(p('attributes %d' % i), 'system.ntfs_attrib', struct.pack('<I', n))
  def value(name, value, last=False):
      body = struct.pack('<BBH', 0, len(name), len(value)) + name + b'\\0' + value
      body += b'\\0' * (-(len(body) + 4) % 4)
      return struct.pack('<I', len(body) + 4) + body
  write(p('of linux'), b'l')
  os.setxattr(p('of linux'), 'system.ntfs_ea', value(b'$LXUID', struct.pack('<I', 1000))
      + value(b'$LXGID', struct.pack('<I', 100)) + value(b'$LXMOD', struct.pack('<I', 0o100640)))
  write(p('other values'), b'o')
  os.setxattr(p('other values'), 'system.ntfs_ea', value(b'ONE', b'1' * 300) + value(b'TWO', b''))

  # Links of Windows.
  def reparse(path, tag, data):
      os.setxattr(path, 'system.ntfs_reparse_data', struct.pack('<IHH', tag, len(data), 0) + data)
  def link(path, target, flags):
      name = target.encode('utf-16-le')
      header = struct.pack('<HHHHI', 0, len(name), len(name), len(name), flags)
      reparse(path, 0xA000000C, header + name * 2)
  write(p('relative'), b'')
  link(p('relative'), 'short\\\\a long name of number 3.text', 1)
  os.mkdir(p('directory link'))
  link(p('directory link'), '.\\\\case', 1)
  os.mkdir(p('junction'))
  name = '\\\\??\\\\C:\\\\SHORT'.encode('utf-16-le')
  header = struct.pack('<HHHH', 0, len(name), len(name) + 2, 0)
  reparse(p('junction'), 0xA0000003, header + name + b'\\0' * 4)

  if sys.argv[4:] == ['compressed']:
      os.mkdir(p('compressed'))
      os.setxattr(p('compressed'), 'system.ntfs_attrib', struct.pack('<I', 0x800))
      for n in (0, 1, 4095, 4096, 65535, 65536, 65537, 300000, 2000000):
          write(p('compressed', 'text %d' % n), text(n))
          write(p('compressed', 'random %d' % n), r.randbytes(n))
          write(p('compressed', 'zeros %d' % n), bytes(n))
      kinds = (text, r.randbytes, bytes)
      mixed = b''.join(r.choice(kinds)(r.randrange(1, 200000)) for _ in range(20))
      write(p('compressed', 'mixed'), mixed)
      with open(p('compressed', 'holes'), 'wb') as f:
          for i in range(30):
              f.seek(i * 200000)
              f.write(text(r.randrange(1, 90000)))
      with open(p('compressed', 'changed'), 'wb') as f: f.write(text(500000))
      with open(p('compressed', 'changed'), 'r+b') as f:
          for i in range(20):
              f.seek(r.randrange(500000))
              f.write(text(r.randrange(1, 9000)))
  """
