/// Changes a mounted tree without end, while copies of its image are taken at random moments:
/// as they are, or with a block of the journal changed as a bad disk or a cut write would. A copy
/// that is not the image of one moment has a file of the same name with ".torn" beside it.
///
/// Arguments: image, mounted tree, directory for copies, how many, seed.
let crashScript = """
  import ctypes, fcntl, os, random, shutil, signal, struct, subprocess, sys, time
  image, top, target, count, seed = sys.argv[1:6]
  r = random.Random(int(seed))

  def any_path():
      return os.path.join(top, 'd%d' % r.randrange(6), 'f%d' % r.randrange(40))

  def change():
      what = r.randrange(22)
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
      else:
          data = b'\\xc0\\x3b\\x39\\x98' * 2048
          with open(path, 'wb') as f: f.write(data); f.flush(); os.fsync(f.fileno())

  def write_without_end():
      # Of this file system alone: others of the machine may be busy.
      libc = ctypes.CDLL(None)
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

  def log_places(path):
      said = subprocess.run(
          ['debugfs', '-R', 'blocks <8>', path], capture_output=True, text=True).stdout
      places = [int(word) for word in said.split()]
      # A copy that is not of one moment may have no journal that can be found.
      if not places: return 0, places, 0
      with open(path, 'rb') as f:
          f.seek(1024 + 24)
          size = 1024 << struct.unpack('<I', f.read(4))[0]
          # Without the blocks of the map, which begin with no header and come in between: they are
          # told in the order of the disk, so that what is hit is near what is meant.
          f.seek(places[0] * size)
          start = struct.unpack('>I', f.read(1024)[0x1C:0x20])[0]
      return size, places, start

  def spoil(path):
      size, places, start = log_places(path)
      if start == 0: return
      index = start + int(r.expovariate(1 / 25))
      at = places[index % len(places)] * size
      with open(path, 'r+b') as f:
          f.seek(at)
          block = bytearray(f.read(size))
          what = r.randrange(5)
          if what == 0: block = bytearray(size)
          elif what == 1: block[r.randrange(size)] ^= 1 << r.randrange(8)
          elif what == 2: block[512 * r.randrange(1, size // 512):] = b''
          elif what == 3: block[r.randrange(64)] = r.randrange(256)
          else:
              f.seek(places[(index + r.randrange(1, 40)) % len(places)] * size)
              block = bytearray(f.read(size))
          f.seek(at)
          f.write(block)

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
