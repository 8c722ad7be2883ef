/// Makes a tree of everything that a file system may hold, as far as whoever runs it may.
///
/// Arguments: directory, seed, bytes of an extended attribute at most, "small" or "large".
let treeScript = """
  import os, random, socket, stat, struct, sys
  top, seed, limit, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
  r = random.Random(seed)
  os.makedirs(top, exist_ok=True)
  is_large = size == 'large'

  def p(*a): return os.path.join(top, *a)

  def write(path, data):
      with open(path, 'wb') as f: f.write(data)

  def attempt(body, *a, **k):
      try: body(*a, **k)
      except OSError: pass

  for n in (0, 1, 59, 60, 61, 100, 150, 160, 161, 500, 1000, 4096, 5000, 70000):
      write(p('f%d' % n), r.randbytes(n))
  with open(p('holes'), 'wb') as f:
      for at in (0, 100000, 300000, 301000) + ((20000000,) if is_large else ()):
          f.seek(at)
          f.write(r.randbytes(5000))
      f.truncate(30000000)
  with open(p('many'), 'wb') as f:
      for i in range(700 if is_large else 90):
          f.seek(i * 16384)
          f.write(r.randbytes(500))
  with open(p('far'), 'wb') as f:
      f.seek(1 << 33)
      f.write(b'end')
  os.makedirs(p('d/e/f/g/h/i/j'))
  write(p('d/e/f/g/h/i/j/deep'), b'deep')
  os.mkdir(p('big'))
  count = 2500 if is_large else 120
  for i in range(count): write(p('big', 'name with some length %05d' % i), b'%d' % i)
  for i in range(0, count, 3): os.unlink(p('big', 'name with some length %05d' % i))
  os.mkdir(p('names'))
  write(p('names', 'x' * 255), b'long')
  # NTFS takes no name that is not UTF-8.
  attempt(write, p('names', os.fsdecode(b'\\xff\\xfe\\x01bad\\n')), b'bad')
  write(p('names', 'ünïcode ☃'), b'u')
  write(p('names', 'back\\\\slash'), b'')
  if is_large:
      for i in range(40): write(p('names', '%03d' % i + 'y' * 200), b'1')
  os.mkdir(p('few'))
  for name in 'ab': write(p('few', name), name.encode())
  os.mkdir(p('some'))
  for i in range(8): write(p('some', 'name%d' % i), b'%d' % i)
  os.mkdir(p('none'))
  os.link(p('f1000'), p('hard1'))
  os.link(p('f1000'), p('d', 'hard2'))
  for n in (1, 59, 60, 61, 255, 900): os.symlink('s' * n, p('link%d' % n))
  os.mkfifo(p('pipe'))
  attempt(os.mknod, p('char'), 0o600 | stat.S_IFCHR, os.makedev(5, 1))
  attempt(os.mknod, p('block'), 0o660 | stat.S_IFBLK, os.makedev(8, 300))
  attempt(os.mknod, p('newer'), 0o600 | stat.S_IFCHR, os.makedev(259, 70000))
  os.chdir(top)
  socket.socket(socket.AF_UNIX).bind('sock')
  for n in (0, 1, 20, 100, 500, 900, 3000, 9000, 60000):
      if n > limit: continue
      write(p('attr%d' % n), b'x')
      attempt(os.setxattr, p('attr%d' % n), 'user.v%d' % n, r.randbytes(n))
  write(p('attrs'), b'')
  for i in range(10): attempt(os.setxattr, p('attrs'), 'user.name%d' % i, b'%d' % i * i)
  attempt(os.setxattr, p('attrs'), 'trusted.t', b'tt')
  attempt(os.setxattr, p('attrs'), 'security.s', b'ss')
  attempt(os.setxattr, p('d'), 'user.ondir', b'd')
  # user::rw- user:7:--- user:1000:rw- group::r-- group:100:r-- mask::rw- other::r--
  entry = lambda tag, perm, id=0xFFFFFFFF: struct.pack('<HHI', tag, perm, id)
  acl = b'\\2\\0\\0\\0' + entry(1, 6) + entry(2, 0, 7) + entry(2, 6, 1000) + entry(4, 4)
  acl += entry(8, 4, 100) + entry(16, 6) + entry(32, 4)
  write(p('acl'), b'acl')
  attempt(os.setxattr, p('acl'), 'system.posix_acl_access', acl)
  attempt(os.setxattr, p('d'), 'system.posix_acl_default', acl)
  write(p('suid'), b'#!')
  os.chmod(p('suid'), 0o6755)
  os.chmod(p('few'), 0o1777)
  write(p('owned'), b'o')
  attempt(os.chown, p('owned'), 100000, 4000000000)
  for i, t in enumerate((-1, -2**31, 0, 2**31 - 1, 2**31, 2**32, 2**33 + 5)):
      write(p('t%d' % i), b't')
      attempt(os.utime, p('t%d' % i), ns=(t * 10**9 + 123456789, t * 10**9 + 987654321))
  """
