import Glibc

/// Numbers that a seed repeats (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var word = state
    word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
    word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
    return word ^ (word >> 31)
  }
}

/// A generator whose seed is printed; KLUIS_TEST_SEED gives it again.
func seededGenerator(_ test: String) -> SeededGenerator {
  let seed = environment("KLUIS_TEST_SEED").flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1 << 32)
  print("\(test): KLUIS_TEST_SEED=\(seed)")
  return SeededGenerator(seed: seed)
}

/// A disk image that is being made; holes wherever nothing was written.
struct ImageFile: ~Copyable {
  let path: String
  private let descriptor: Int32

  /// Makes an image, or opens one that is there.
  init(_ path: String, byteCount: Int? = nil) {
    self.path = path
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    precondition(descriptor >= 0, "cannot open \(path)")
    if let byteCount { resize(byteCount) }
  }

  deinit { close(descriptor) }

  func resize(_ byteCount: Int) {
    precondition(ftruncate(descriptor, byteCount) == 0, "cannot resize \(path) to \(byteCount)")
  }

  func write(_ bytes: [UInt8], at offset: Int) {
    precondition(pwrite(descriptor, bytes, bytes.count, offset) == bytes.count, "write \(path)")
  }

  /// Writes blocks that are all different and do not compress.
  func writeNoise(at offset: Int, count: Int, _ random: inout SeededGenerator) {
    var done = 0
    while done < count {
      var piece = Array(noise.prefix(count - done))
      for block in stride(from: 0, to: piece.count - 7, by: 4096) {
        let stamp = random.next()
        for byte in 0..<8 { piece[block + byte] = UInt8(truncatingIfNeeded: stamp >> (8 * byte)) }
      }
      write(piece, at: offset + done)
      done += piece.count
    }
  }
}

/// Makes an image full of noise.
func makeImage(_ path: String, byteCount: Int, _ random: inout SeededGenerator) {
  ImageFile(path, byteCount: byteCount).writeNoise(at: 0, count: byteCount, &random)
}

private let noise: [UInt8] = {
  var random = SeededGenerator(seed: 1)
  return (0..<(1 << 17)).flatMap { _ in
    let word = random.next()
    return (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) }
  }
}()

/// Whether two files have the same size and bytes. Passes over what is a hole in both.
func haveSameBytes(_ first: String, _ second: String) -> Bool {
  let descriptors = [first, second].map { (path: String) in open(path, O_RDONLY | O_CLOEXEC) }
  defer { for descriptor in descriptors { close(descriptor) } }
  guard descriptors.allSatisfy({ $0 >= 0 }) else { return false }
  let sizes = descriptors.map { lseek($0, 0, SEEK_END) }
  guard sizes[0] == sizes[1] else { return false }
  var buffers = [[UInt8](repeating: 0, count: 1 << 20), [UInt8](repeating: 0, count: 1 << 20)]
  var position = 0
  while let start = descriptors.compactMap({ data(in: $0, from: position) }).min(),
    start < sizes[0]
  {
    let counts = [0, 1].map { pread(descriptors[$0], &buffers[$0], 1 << 20, start) }
    guard counts[0] > 0, counts[0] == counts[1],
      memcmp(buffers[0], buffers[1], counts[0]) == 0
    else { return false }
    position = start + counts[0]
  }
  return true
}

/// Where data begin at or after `offset`; nil where only a hole follows. Devices have no holes.
private func data(in descriptor: Int32, from offset: Int) -> Int? {
  let seekData: Int32 = 3
  let found = lseek(descriptor, offset, seekData)
  if found >= 0 { return found }
  return errno == ENXIO ? nil : offset
}

func readBytes(_ path: String) -> [UInt8] {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC)
  precondition(descriptor >= 0, "cannot open \(path)")
  defer { close(descriptor) }
  var bytes = [UInt8](repeating: 0, count: lseek(descriptor, 0, SEEK_END))
  precondition(pread(descriptor, &bytes, bytes.count, 0) == bytes.count, "cannot read \(path)")
  return bytes
}

func writeBytes(_ bytes: [UInt8], to path: String) {
  let file = ImageFile(path, byteCount: 0)
  file.write(bytes, at: 0)
}
