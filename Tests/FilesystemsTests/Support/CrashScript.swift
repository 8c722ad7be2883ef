/// Changes a mounted tree without end, while copies of its image are taken at random moments:
/// as they are, or with a block of the journal changed as a bad disk or a cut write would. A copy
/// that is not the image of one moment has a file of the same name with ".torn" beside it.
///
/// What is changed in a copy is a function `spoil` of the kind of file system.
///
/// Arguments: image, mounted tree, directory for copies, how many, seed.
private let crashScript = """
  import ctypes, fcntl, os, random, shutil, signal, struct, subprocess, sys, time
  image, top, target, count, seed = sys.argv[1:6]
  r = random.Random(int(seed))
  libc = ctypes.CDLL(None)

  def any_path():
      return os.path.join(top, 'd%d' % r.randrange(6), 'f%d' % r.randrange(40))

  def change():
      what = r.randrange(28)
      path = any_path()
      os.makedirs(os.path.dirname(path), exist_ok=True)
      if what < 6:
          with open(path, 'ab' if r.random() < .5 else 'wb') as f:
              f.write(r.randbytes(r.choice((1, 50, 300, 5000, 30000, 200000))))
              f.flush()
              if r.random() < .5: os.fsync(f.fileno())
      elif what < 8: os.rename(path, any_path())
      elif what < 10: os.unlink(path)
      elif what == 10:
          with open(path, 'r+b') as f: f.truncate(r.choice((0, 10, 4000, 60000, 1000000)))
      elif what == 11: os.link(path, any_path() + 'h%d' % r.randrange(5))
      elif what == 12: os.symlink('s' * r.choice((5, 59, 60, 200)), any_path() + 's')
      elif what == 13:
          os.setxattr(path, 'user.x%d' % r.randrange(4), r.randbytes(r.choice((1, 40, 400))))
      elif what == 14: shutil.rmtree(os.path.dirname(path))
      elif what == 15:
          with open(path, 'r+b') as f:
              f.seek(r.randrange(100) * 7000)
              f.write(r.randbytes(3000))
              os.fdatasync(f.fileno())
      elif what == 16:
          big = os.path.join(top, 'big%d' % r.randrange(2))
          os.makedirs(big, exist_ok=True)
          for i in range(r.randrange(150)):
              open(os.path.join(big, 'n' * 60 + '%d' % r.randrange(3000)), 'w').close()
      elif what == 17: shutil.rmtree(os.path.join(top, 'big%d' % r.randrange(2)))
      elif what == 18: os.chmod(path, r.randrange(0o1000)); os.chown(path, r.randrange(70000), 5)
      elif what == 19:
          fd = os.open(path, os.O_RDWR | os.O_CREAT)
          try: os.posix_fallocate(fd, r.randrange(100000), r.randrange(1, 200000))
          finally: os.close(fd)
      elif what == 20:
          fd = os.open(os.path.dirname(path), os.O_RDONLY)
          os.fsync(fd); os.close(fd)
      elif what in (21, 22): clone(any_path(), path)
      elif what == 23: punch(path)
      elif what == 24:
          # Many extents, each of its own.
          with open(path, 'wb') as f:
              for i in range(r.choice((3, 30, 300))):
                  f.seek(i * 8192)
                  f.write(r.randbytes(100))
                  if i % 100 == 99: os.fsync(f.fileno())
      elif what == 25:
          for i in range(r.randrange(30)):
              os.setxattr(path, 'user.' + 'n' * r.randrange(100) + str(i), r.randbytes(
                  r.choice((0, 30, 300, 3000))))
      elif what == 26:
          for name in os.listxattr(path): os.removexattr(path, name)
      else:
          data = b'\\xc0\\x3b\\x39\\x98' * 2048
          with open(path, 'wb') as f: f.write(data); f.flush(); os.fsync(f.fileno())

  def clone(path, other):
      with open(path, 'rb') as source, open(other, 'r+b') as target:
          size = os.fstat(source.fileno()).st_size // 65536 * 65536
          at = r.randrange(4) * 65536
          fcntl.ioctl(target.fileno(), 0x4020940D, struct.pack(
              'qQQQ', source.fileno(), min(at, size), max(size - at, 0), r.randrange(4) * 65536))

  def punch(path):
      fd = os.open(path, os.O_RDWR)
      try:
          libc.fallocate(fd, 3, ctypes.c_long(r.randrange(50) * 4096), ctypes.c_long(4096))
      finally: os.close(fd)

  def write_without_end():
      # Of this file system alone: others of the machine may be busy.
      whole = os.open(top, os.O_RDONLY)
      while True:
          try: change()
          except OSError: pass
          usage = os.statvfs(top)
          if usage.f_bavail < usage.f_blocks // 4 or usage.f_favail < 200:
              for name in os.listdir(top):
                  if name == 'lost+found': continue
                  shutil.rmtree(os.path.join(top, name), ignore_errors=True)
          if r.random() < .02: libc.syncfs(whole)

  def copy(path):
      with open(image, 'rb') as source, open(path, 'wb') as copy:
          if r.random() < .75:
              try:
                  fcntl.ioctl(copy.fileno(), 0x40049409, source.fileno())
                  return True
              except OSError: pass
          while piece := source.read(1 << 20): copy.write(piece)
      return False

  SPOIL

  writer = os.fork()
  if writer == 0:
      write_without_end()
  try:
      time.sleep(.3)
      for number in range(int(count)):
          time.sleep(r.random() * r.choice((.05, .2, .5)))
          path = os.path.join(target, '%d.img' % number)
          is_whole = copy(path)
          if r.random() < .4:
              spoil(path)
              is_whole = False
          if not is_whole: open(path + '.torn', 'w').close()
  finally:
      os.kill(writer, signal.SIGKILL)
      os.waitpid(writer, 0)
  """

/// The script with a `spoil` of its own.
func crashScript(spoil: String) -> String {
  crashScript.replacing("SPOIL", with: spoil)
}
