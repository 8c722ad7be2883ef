/// Changes a block of the journal of a copy.
let extSpoilScript = """
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
  """
