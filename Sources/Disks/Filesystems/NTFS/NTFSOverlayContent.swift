internal import Bytes
internal import Compression
internal import Synchronization

/// The bytes of a file that the Windows Overlay Filter keeps compressed ("CompactOS"): in chunks,
/// of which each is compressed by itself, in a stream of their own. The file's own is a hole.
///
///     point  := 1:u32 provider:u32 1:u32 algorithm:u32        the reparse point's data
///     stream := end:(u32 | u64)* chunk*                       "WofCompressedData"
///
/// The table has where each chunk but the last ends, counted from the end of the table, in eight
/// bytes where the file has 4 GiB or more. A chunk that is as long as what it holds is stored as it
/// is. Source: [MS-FSCC] and wimlib's resources of WIM files, which have the same form.
final class NTFSOverlayContent: FileContent {
  static let streamName = Array("WofCompressedData".utf16)

  /// How chunks are compressed, by the number that it has in the reparse point.
  enum Algorithm: UInt32 {
    case xpress4K = 0
    case lzx = 1
    case xpress8K = 2
    case xpress16K = 3

    var chunkByteCount: UInt64 {
      switch self {
      case .xpress4K: 4 << 10
      case .lzx: 32 << 10
      case .xpress8K: 8 << 10
      case .xpress16K: 16 << 10
      }
    }
  }

  /// Chunks that are read at once at most.
  private static let batch: UInt64 = 16

  let byteCount: UInt64
  private let structure: String
  private let stored: any FileContent
  private let algorithm: Algorithm
  private let chunkCount: UInt64
  private let entryByteCount: UInt64
  private let tableByteCount: UInt64
  /// The chunk that was expanded last.
  private let recent = Mutex<(number: UInt64, bytes: [UInt8])?>(nil)

  /// - Parameters:
  ///   - byteCount: of the file.
  ///   - stored: the stream of its chunks.
  init(
    _ point: NTFSReparsePoint, byteCount: UInt64, stored: any FileContent, structure: String
  ) throws {
    self.byteCount = byteCount
    self.stored = stored
    self.structure = structure
    algorithm = try Self.algorithm(of: point, structure)
    let size = algorithm.chunkByteCount
    chunkCount = byteCount / size + (byteCount % size == 0 ? 0 : 1)
    entryByteCount = byteCount > UInt64(UInt32.max) ? 8 : 4
    tableByteCount = chunkCount == 0 ? 0 : (chunkCount - 1) * entryByteCount
    guard tableByteCount <= stored.byteCount else {
      throw damagedNTFS(structure, "the table of its compressed chunks is cut off")
    }
  }

  private static func algorithm(
    of point: NTFSReparsePoint, _ structure: String
  ) throws -> Algorithm {
    let fields = point.data.span.bytes
    do {
      let (version, provider): (UInt32, UInt32) = try (
        fields.littleEndian(at: 0), fields.littleEndian(at: 4)
      )
      guard version == 1, provider == 2 else {
        throw unsupportedNTFS(
          structure,
          provider == 1
            ? "its bytes are in an image of Windows (WIM), in another file"
            : "its bytes are in the care of provider \(provider) of version \(version)")
      }
      let number: UInt32 = try fields.littleEndian(at: 12)
      guard try fields.littleEndian(at: 8) == 1 as UInt32, let found = Algorithm(rawValue: number)
      else { throw unsupportedNTFS(structure, "it is compressed by unknown method \(number)") }
      return found
    } catch is TruncatedInput {
      throw damagedNTFS(structure, "how it is compressed is cut off")
    }
  }

  func extent(at offset: UInt64) -> FileExtent {
    precondition(offset < byteCount, "an offset within the file")
    return FileExtent(byteCount: byteCount - offset, storage: .encoded)
  }

  func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    let size = algorithm.chunkByteCount
    var filled = 0
    while filled < target.byteCount {
      let position = offset + UInt64(filled)
      let number = position / size
      let last = (offset + UInt64(target.byteCount) - 1) / size
      if let known = recent.withLock({ $0 }), known.number == number {
        filled += copy(known.bytes, from: Int(position % size), into: &target, at: filled)
        continue
      }
      let chunks = try load(number...min(last, number + Self.batch - 1))
      for (index, chunk) in chunks.enumerated() {
        let bytes = try expanded(chunk, number + UInt64(index))
        let skipped = index == 0 ? Int(position % size) : 0
        filled += copy(bytes, from: skipped, into: &target, at: filled)
        if index == chunks.count - 1 {
          recent.withLock { $0 = (number + UInt64(index), bytes) }
        }
      }
    }
  }

  private func copy(
    _ bytes: [UInt8], from skipped: Int, into target: inout MutableRawSpan, at filled: Int
  ) -> Int {
    let count = min(bytes.count - skipped, target.byteCount - filled)
    var part = target._mutatingExtracting(filled..<filled + count)
    bytes.span.bytes.extracting(skipped..<skipped + count).copy(into: &part)
    return count
  }

  // MARK: chunks

  private func plainByteCount(_ number: UInt64) -> Int {
    let size = algorithm.chunkByteCount
    return Int(min(size, byteCount - number * size))
  }

  private func damaged(_ number: UInt64, _ reason: String) -> FileSystemError {
    damagedNTFS(
      "\(structure), compressed chunk \(number) at byte \(number * algorithm.chunkByteCount)",
      reason)
  }

  /// The stored bytes of some chunks that follow one another.
  private func load(_ numbers: ClosedRange<UInt64>) throws -> [[UInt8]] {
    let ends = try self.ends(numbers)
    for (index, number) in numbers.enumerated() {
      guard ends[index] <= ends[index + 1],
        ends[index + 1] - ends[index] <= UInt64(plainByteCount(number)),
        ends[index + 1] <= stored.byteCount - tableByteCount
      else { throw damaged(number, "the table of chunks says that it has none or too many bytes") }
    }
    let bytes = try storedBytes(
      at: tableByteCount + ends[0], count: Int(ends[ends.count - 1] - ends[0]))
    return (1..<ends.count).map {
      Array(bytes[Int(ends[$0 - 1] - ends[0])..<Int(ends[$0] - ends[0])])
    }
  }

  /// Where the chunk before the first one ends, and then each of them.
  private func ends(_ numbers: ClosedRange<UInt64>) throws -> [UInt64] {
    let first = numbers.lowerBound == 0 ? 0 : numbers.lowerBound - 1
    let last = min(numbers.upperBound, max(chunkCount, 2) - 2)
    var ends: [UInt64] = numbers.lowerBound == 0 ? [0] : []
    if chunkCount > 1, first <= last {
      let bytes = try storedBytes(
        at: first * entryByteCount, count: Int((last - first + 1) * entryByteCount))
      for place in stride(from: 0, to: bytes.count, by: Int(entryByteCount)) {
        ends.append(
          (0..<Int(entryByteCount)).reversed().reduce(0) { $0 << 8 | UInt64(bytes[place + $1]) })
      }
    }
    if numbers.upperBound == chunkCount - 1 { ends.append(stored.byteCount - tableByteCount) }
    return ends
  }

  private func storedBytes(at offset: UInt64, count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var span = bytes.mutableSpan
    var target = span.mutableBytes
    try stored.read(at: offset, into: &target)
    return bytes
  }

  private func expanded(_ chunk: [UInt8], _ number: UInt64) throws -> [UInt8] {
    let count = plainByteCount(number)
    if chunk.count == count { return chunk }
    var bytes = [UInt8](repeating: 0, count: count)
    do {
      var span = bytes.mutableSpan
      var target = span.mutableBytes
      switch algorithm {
      case .lzx: try LZX.expand(chunk.span.bytes, into: &target)
      default: try XpressHuffman.expand(chunk.span.bytes, into: &target)
      }
    } catch {
      throw damaged(number, "\(error)")
    }
    return bytes
  }
}
