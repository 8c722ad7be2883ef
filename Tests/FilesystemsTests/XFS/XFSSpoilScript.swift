/// Changes a block of the log of a copy, mostly one that was written lately.
let xfsSpoilScript = """
  def spoil(path):
      with open(path, 'r+b') as f:
          sb = f.read(512)
          block, = struct.unpack('>I', sb[4:8])
          start, = struct.unpack('>Q', sb[48:56])
          group, = struct.unpack('>I', sb[84:88])
          count, = struct.unpack('>I', sb[96:100])
          shift = sb[124]
          first = ((start >> shift) * group + (start & (1 << shift) - 1)) * block
          f.seek(first)
          log = f.read(count * block)
          blocks = len(log) // 512
          def cycle(i):
              a, b = struct.unpack('>II', log[i * 512:i * 512 + 8])
              return b if a == 0xFEEDBABE else a
          last = max(range(blocks), key=lambda i: (cycle(i), i))
          at = (last - int(r.expovariate(1 / 60))) % blocks
          old = log[at * 512:at * 512 + 512]
          new = bytearray(old)
          what = r.randrange(6)
          if what == 0: new = bytearray(512)
          elif what == 1: new[r.randrange(512)] ^= 1 << r.randrange(8)
          elif what == 2:
              # As it was a turn earlier.
              if old[:4] != b'\\xfe\\xed\\xba\\xbe':
                  new[:4] = struct.pack('>I', max(cycle(at) - 1, 0))
          elif what == 3: new[r.randrange(64)] = r.randrange(256)
          elif what == 4:
              other = (at - r.randrange(1, 40)) % blocks
              new = bytearray(log[other * 512:other * 512 + 512])
          else:
              # A write of which a part never happened.
              for i in range(at, min(at + r.randrange(1, 64), blocks)):
                  f.seek(first + i * 512)
                  f.write(struct.pack('>I', max(cycle(i) - 1, 0)) + bytes(508))
              return
          f.seek(first + at * 512)
          f.write(new)
  """
