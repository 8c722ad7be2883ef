import Bytes
import Hashing
import TestSupport
import Testing

@testable import Chunking

@Suite struct ChunkerTests {
  private let chunker = Chunker(sizes: ChunkSizes(average: 16_384)!, seed: digest(1))

  @Test(
    "sizes are powers of two from 16 KiB to 1 MiB",
    arguments: [
      (16_384, true), (65_536, true), (1 << 20, true), (8192, false), (1 << 21, false),
      (65_537, false), (0, false), (-65_536, false), (Int.min, false), (49_152, false),
    ])
  func sizes(average: Int, isAllowed: Bool) {
    let sizes = ChunkSizes(average: average)
    #expect((sizes != nil) == isAllowed)
    if let sizes { #expect(sizes.minimum == average / 4 && sizes.maximum == average * 4) }
  }

  @Test("the pieces tile the disk, and their sizes keep the limits", arguments: [0, 1, 17, 4095])
  func tiling(odd: Int) {
    var random = Seed.ofThisRun.random
    let disk = DiskModel(byteCount: (2 << 20) + odd, runs: 40, random: &random).bytes
    var position = 0
    var previous: Chunker.Piece?
    for piece in pieces(of: disk) {
      let isLast = position + piece.byteCount == disk.count
      #expect(isLast || piece.byteCount % 4096 == 0, "\(Seed.ofThisRun)")
      let part = disk.span.bytes.extracting(position..<position + piece.byteCount)
      switch piece {
      case .zeros:
        let isZero = part.isZero
        #expect(isZero, "zeros at \(position) \(Seed.ofThisRun)")
        if case .zeros = previous { Issue.record("two runs of zeros \(Seed.ofThisRun)") }
      case .chunk(let count):
        #expect(count <= chunker.sizes.maximum, "\(Seed.ofThisRun)")
        let next = position + count
        let endsEarly = count < chunker.sizes.minimum && !isLast
        let isFine = !endsEarly || isZeroBlock(disk, next)
        #expect(isFine, "short at \(position) \(Seed.ofThisRun)")
        for block in stride(from: position, to: next, by: 4096) {
          let isZero = isZeroBlock(disk, block)
          #expect(!isZero, "zero block at \(block) \(Seed.ofThisRun)")
        }
      }
      position += piece.byteCount
      previous = piece
    }
    #expect(position == disk.count, "\(Seed.ofThisRun)")
  }

  @Test("the same file gives the same chunks wherever it lies between zeros")
  func position() {
    var random = Seed.ofThisRun.random
    let file = random.bytes(600_000)
    func chunks(before: Int, after: Int) -> [Chunker.Piece] {
      let blocks = (file.count + 4095) / 4096 * 4096
      let padding = [UInt8](repeating: 0, count: blocks - file.count + after * 4096)
      let disk = [UInt8](repeating: 0, count: before * 4096) + file + padding
      return pieces(of: disk).filter { if case .chunk = $0 { true } else { false } }
    }
    let here = chunks(before: 0, after: 1)
    #expect(here.count > 10, "\(Seed.ofThisRun)")
    for before in [1, 2, 3, 50] {
      #expect(chunks(before: before, after: 7) == here, "\(before) blocks on \(Seed.ofThisRun)")
    }
  }

  @Test("after other data the cuts fall into step again soon")
  func resynchronization() {
    var random = Seed.ofThisRun.random
    let file = random.bytes(1 << 20)
    let other = random.bytes(5 * 4096)
    let ends = Set(boundaries(of: file))
    let shifted = Set(boundaries(of: other + file).map { $0 - other.count })
    let common = ends.intersection(shifted)
    #expect(Double(common.count) > 0.8 * Double(ends.count), "\(Seed.ofThisRun)")
  }

  @Test("a cut does not depend on how much more is in the window")
  func windows() {
    var random = Seed.ofThisRun.random
    let disk = DiskModel(byteCount: 1 << 20, runs: 60, random: &random).bytes
    var start = 0
    while start < disk.count {
      let rest = disk.count - start
      let whole = chunker.nextPiece(in: disk.span.bytes.extracting(start..<disk.count))
      if case .chunk = whole, rest > chunker.sizes.maximum {
        for more in [0, 1, 4096, 70_000] {
          let end = min(start + chunker.sizes.maximum + more, disk.count)
          let piece = chunker.nextPiece(in: disk.span.bytes.extracting(start..<end))
          #expect(piece == whole, "window of \(end - start) at \(start) \(Seed.ofThisRun)")
        }
      }
      start += whole.byteCount
    }
  }

  @Test("chunks of random data have the promised size on average")
  func average() {
    // Fixed, since even a good average is missed now and then.
    var random = SeededRandom(seed: 20)
    let disk = random.bytes(12 << 20)
    let sizes = pieces(of: disk).map(\.byteCount)
    let average = Double(disk.count) / Double(sizes.count)
    #expect(abs(average / Double(chunker.sizes.average) - 1) < 0.2, "average \(average)")
  }

  @Test("another seed cuts elsewhere")
  func seeds() {
    var random = Seed.ofThisRun.random
    let disk = random.bytes(1 << 20)
    let other = Chunker(sizes: chunker.sizes, seed: digest(2))
    let (ours, theirs) = (Set(boundaries(of: disk)), Set(boundaries(of: disk, with: other)))
    #expect(ours.intersection(theirs).count < ours.count * 2 / 3, "\(Seed.ofThisRun)")
  }

  @Test("equal blocks that never end a chunk are cut at the maximum")
  func maximum() {
    let hash = BoundaryHash(seed: digest(1))
    let byte = (1...255).max { valueOfBlock(of: $0, hash) < valueOfBlock(of: $1, hash) }!
    let disk = [UInt8](repeating: UInt8(byte), count: 300_000)
    #expect(pieces(of: disk).map(\.byteCount) == [65_536, 65_536, 65_536, 65_536, 37_856])
  }

  private func valueOfBlock(of byte: Int, _ hash: BoundaryHash) -> UInt64 {
    let block = [UInt8](repeating: UInt8(byte), count: 4096)
    return hash.value(of: block.span.bytes, at: 0)
  }

  private func pieces(of disk: [UInt8], with other: Chunker? = nil) -> [Chunker.Piece] {
    var found: [Chunker.Piece] = []
    var start = 0
    while start < disk.count {
      found.append(
        (other ?? chunker).nextPiece(in: disk.span.bytes.extracting(start..<disk.count)))
      start += found.last!.byteCount
    }
    return found
  }

  private func boundaries(of disk: [UInt8], with other: Chunker? = nil) -> [Int] {
    var end = 0
    return pieces(of: disk, with: other).map {
      end += $0.byteCount
      return end
    }
  }

  private func isZeroBlock(_ disk: [UInt8], _ start: Int) -> Bool {
    disk.span.bytes.extracting(start..<min(start + 4096, disk.count)).isZero
  }
}
