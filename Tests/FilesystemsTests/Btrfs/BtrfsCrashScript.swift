/// Changes a mounted btrfs without end and syncs much of what it changes, while copies of its
/// image are taken at random moments, each as it is in one.
///
/// Arguments: directory for copies, how many, seed, mounted tree, image.
let btrfsCrashScript = """
  import ctypes, fcntl, os, random, shutil, signal, subprocess, sys, time
  target, count, seed, top, image = sys.argv[1:6]
  r = random.Random(int(seed))
  libc = ctypes.CDLL(None)

  def directory():
      path = os.path.join(top, r.choice(('', 'sub', 'sub')), 'd%d' % r.randrange(5))
      if r.random() < .2: path = os.path.join(path, 'e%d' % r.randrange(3))
      os.makedirs(path, exist_ok=True)
      return path

  def any_path(): return os.path.join(directory(), 'f%d' % r.randrange(25))

  def sync(path):
      fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
      try: os.fsync(fd)
      finally: os.close(fd)

  def maybe_sync(*paths):
      for path in paths:
          if r.random() < .4: sync(path)
          if r.random() < .15: sync(os.path.dirname(path))

  def data(n): return r.choice((r.randbytes(n), b'text %d ' % r.randrange(99) * (n // 8 + 1)))

  def change():
      what = r.randrange(26)
      path = any_path()
      if what < 6:
          with open(path, r.choice(('ab', 'wb'))) as f:
              f.write(data(r.choice((0, 1, 50, 1500, 5000, 30000, 200000))))
          maybe_sync(path)
      elif what < 9:
          other = any_path()
          os.rename(path, other)
          maybe_sync(other)
      elif what < 11:
          os.unlink(path)
          maybe_sync(os.path.dirname(path))
      elif what == 11:
          with open(path, 'r+b') as f: f.truncate(r.choice((0, 10, 4000, 60000, 1000000)))
          maybe_sync(path)
      elif what < 14:
          other = any_path() + 'h%d' % r.randrange(5) + 'x' * r.choice((0, 0, 150))
          os.link(path, other)
          maybe_sync(path, other)
      elif what == 14:
          os.symlink('s' * r.choice((5, 59, 200, 2000)), path + 's')
          maybe_sync(os.path.dirname(path))
      elif what < 17:
          name = 'user.x%d' % r.randrange(4)
          if r.random() < .4: os.removexattr(path, name)
          else: os.setxattr(path, name, r.randbytes(r.choice((1, 40, 400))))
          maybe_sync(path)
      elif what == 17:
          if r.random() < .3: shutil.rmtree(os.path.dirname(path))
      elif what < 20:
          with open(path, 'r+b') as f:
              for i in range(r.randrange(1, 5)):
                  f.seek(r.randrange(60) * 7000)
                  f.write(data(r.choice((100, 3000, 20000))))
              f.flush()
              if r.random() < .6: os.fdatasync(f.fileno())
      elif what == 20:
          big = os.path.join(directory(), 'big%d' % r.randrange(2))
          os.makedirs(big, exist_ok=True)
          for i in range(r.randrange(80)):
              open(os.path.join(big, 'n' * 60 + '%d' % r.randrange(300)), 'w').close()
          for i in range(r.randrange(40)):
              try: os.unlink(os.path.join(big, 'n' * 60 + '%d' % r.randrange(300)))
              except OSError: pass
          maybe_sync(big)
      elif what == 21:
          os.chmod(path, r.randrange(0o1000))
          os.chown(path, r.randrange(70000), 5)
          maybe_sync(path)
      elif what == 22:
          fd = os.open(path, os.O_RDWR | os.O_CREAT)
          try:
              mode = r.choice((0, 0, 1, 3, 0x10))
              libc.fallocate(fd, mode, ctypes.c_long(r.randrange(50) * 4096 + r.choice((0, 77))),
                             ctypes.c_long(r.randrange(1, 200000)))
              if r.random() < .5: os.fsync(fd)
          finally: os.close(fd)
      elif what == 23:
          source = any_path()
          with open(source, 'rb') as a, open(path, 'wb') as b:
              fcntl.ioctl(b.fileno(), 0x40049409, a.fileno())
          maybe_sync(path, source)
      elif what == 24:
          fd = os.open(os.path.dirname(path), os.O_TMPFILE | os.O_RDWR, 0o600)
          try:
              os.write(fd, data(5000))
              if r.random() < .5: os.fsync(fd)
              if r.random() < .7:
                  libc.linkat(-100, b'/proc/self/fd/%d' % fd, -100, path.encode() + b't', 0x400)
              if r.random() < .5: os.fsync(fd)
          finally: os.close(fd)
      else:
          other = os.path.join(directory(), 'm%d' % r.randrange(6))
          os.rename(os.path.dirname(path), other)
          maybe_sync(other)

  def write_without_end():
      whole = os.open(top, os.O_RDONLY)
      while True:
          try: change()
          except OSError: pass
          usage = os.statvfs(top)
          if usage.f_bavail < usage.f_blocks // 3:
              for name in os.listdir(top):
                  if name != 'sub': shutil.rmtree(os.path.join(top, name), ignore_errors=True)
              shutil.rmtree(os.path.join(top, 'sub', 'd1'), ignore_errors=True)
          if r.random() < .01: libc.syncfs(whole)

  subprocess.run(['btrfs', 'subvolume', 'create', os.path.join(top, 'sub')],
                 check=True, stdout=subprocess.DEVNULL)
  subprocess.run(['chattr', '+C', directory()])
  writer = os.fork()
  if writer == 0: write_without_end()
  try:
      time.sleep(.3)
      for number in range(int(count)):
          time.sleep(r.random() * r.choice((.05, .2, .5)))
          path = os.path.join(target, '%d.img' % number)
          with open(image, 'rb') as source, open(path, 'wb') as copy:
              fcntl.ioctl(copy.fileno(), 0x40049409, source.fileno())
  finally:
      os.kill(writer, signal.SIGKILL)
      os.waitpid(writer, 0)
  """
