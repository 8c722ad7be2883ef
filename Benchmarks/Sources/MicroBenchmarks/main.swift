import Bytes
import Chunking
import Compression
import Encryption
import Hashing
import Indexes
import Packs

/// 64 MiB of words from a small dictionary: no zeros, and compressible about as disks are.
func sampleDisk(_ random: inout SeededRandom) -> AlignedBuffer {
  var buffer = AlignedBuffer(capacity: 64 << 20)
  let words = (0..<4096).map { _ in random.next() }
  var bytes = buffer.mutableBytes
  for offset in stride(from: 0, to: bytes.byteCount, by: 8) {
    let word = words[Int(random.next() & 4095)]
    bytes.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
  }
  return buffer
}

func report(_ name: String, bytes: Int, seconds: Double) {
  print("\(padded(name, 34)) \(oneDecimal(Double(bytes) / seconds / 1e9)) GB/s")
}

func report(_ name: String, operations: Int, seconds: Double) {
  print("\(padded(name, 34)) \(oneDecimal(seconds / Double(operations) * 1e9)) ns each")
}

func measureCodecs(_ disk: borrowing AlignedBuffer) {
  let bytes = disk.bytes
  var digester = Digester()
  let chunker = Chunker(sizes: .standard, seed: digester.digest(bytes.extracting(0..<32)))
  var ends: [Int] = []
  report(
    "chunker", bytes: bytes.byteCount,
    seconds: medianSeconds {
      ends = [0]
      while ends.last! < bytes.byteCount {
        let start = ends.last!
        let piece = chunker.nextPiece(in: bytes.extracting(start..<bytes.byteCount))
        ends.append(start + piece.byteCount)
      }
    })
  print("\(padded("  chunks, average KiB", 34)) \(bytes.byteCount / 1024 / (ends.count - 1))")
  report(
    "digest of chunks (SHA-256)", bytes: bytes.byteCount,
    seconds: medianSeconds {
      for (start, end) in zip(ends, ends.dropFirst()) {
        use(digester.digest(bytes.extracting(start..<end)))
      }
    })
  let chunks = zip(ends, ends.dropFirst()).map { $0..<$1 }
  var namer = ContentNamer(.none)
  report(
    "names of chunks, 64 at once", bytes: bytes.byteCount,
    seconds: medianSeconds {
      for first in stride(from: 0, to: chunks.count, by: 64) {
        use(namer.names(of: Array(chunks[first..<min(first + 64, chunks.count)]), in: bytes))
      }
    })
  measureCompression(bytes, ends)
}

func measureCompression(_ bytes: RawSpan, _ ends: [Int]) {
  var sealer = RecordSealer(.standard)
  var run = RecordRun()
  report(
    "compress chunks (\(CompressionSetting.standard))", bytes: bytes.byteCount,
    seconds: medianSeconds(rounds: 3) {
      for (start, end) in zip(ends, ends.dropFirst()) {
        if !run.hasRoom(for: end - start) { run.removeAll() }
        let id = ContentID(.zero)
        use(run.append(bytes.extracting(start..<end), id: id, kind: .chunk, with: &sealer))
      }
    })
}

/// A segment of a million chunks, in memory.
func measureIndex(_ random: inout SeededRandom) throws {
  var digester = Digester()
  var ids: [ContentID] = []
  for _ in 0..<1_000_000 {
    let words = [random.next()]
    ids.append(ContentID(digester.digest(words.span.bytes)))
  }
  let entries = ids[..<500_000].enumerated().map { number, id in
    PackEntry(
      id: id, kind: .chunk, codec: .zstd, offset: UInt32(number * 64), storedByteCount: 16,
      plainByteCount: 16)
  }
  let pack = PackID(ids[0].digest)
  let (bytes, name) = encodeSegment(
    [IndexedPack(id: pack, byteCount: 1 << 25, entries: entries)], digester: &digester)
  let segment = try Segment(
    name, SharedBytes(copying: bytes), from: "memory", isPresent: { _, _ in true })
  let present = ids[..<500_000].shuffled(using: &random)
  report(
    "index look-up, present", operations: present.count,
    seconds: medianSeconds { for id in present { use(segment.find(id)) } })
  let absent = Array(ids[500_000...])
  report(
    "index look-up, absent (filter)", operations: absent.count,
    seconds: medianSeconds { for id in absent { use(segment.mayContain(id)) } })
}

var random = SeededRandom(state: 1)
let disk = sampleDisk(&random)
measureCodecs(disk)
try measureIndex(&random)
