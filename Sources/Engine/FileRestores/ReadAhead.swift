internal import Bytes
internal import Filesystems
internal import Workers

/// Gives pieces of files in order, while threads read those that come next. Memory has a ceiling:
/// so many pieces are read ahead and no more.
final class ReadAhead {
  private let work: BoundedQueue<Piece>
  private let threads: [WorkerThread]
  private let pool: BufferPool
  /// Pieces that were asked for and not given yet.
  private var ahead: [Piece] = []

  static let pieceByteCount = 2 << 20

  /// A run of a file's bytes that is being read.
  private final class Piece: Sendable {
    let content: any FileContent
    let range: Range<UInt64>
    private let outcome = BoundedQueue<Outcome>(capacity: 1)

    init(_ content: any FileContent, _ range: Range<UInt64>) {
      self.content = content
      self.range = range
    }

    func put(_ result: consuming Outcome) { _ = outcome.push(result) }

    /// Waits until it is read.
    func take() -> Outcome {
      guard let result = outcome.pop() else {
        preconditionFailure("a piece's queue is never closed")
      }
      return result
    }
  }

  private final class Outcome: @unchecked Sendable {
    let buffer: AlignedBuffer
    let failure: (any Error)?

    init(_ buffer: consuming AlignedBuffer, _ failure: (any Error)?) {
      self.buffer = buffer
      self.failure = failure
    }
  }

  private let limit: Int

  /// - Parameter threadCount: threads that read.
  init(threadCount: Int) {
    limit = 2 * threadCount + 2
    let work = BoundedQueue<Piece>(capacity: limit)
    let pool = BufferPool(capacity: Self.pieceByteCount)
    self.work = work
    self.pool = pool
    threads = (0..<threadCount).map { _ in
      WorkerThread {
        while let piece = work.pop() {
          var buffer = pool.take()
          var failure: (any Error)?
          do {
            var target = buffer.mutableBytes(0..<piece.range.count)
            try piece.content.read(at: piece.range.lowerBound, into: &target)
          } catch { failure = error }
          piece.put(Outcome(buffer, failure))
        }
      }
    }
  }

  deinit {
    work.close()
    for thread in threads { thread.wait() }
  }

  /// Whether another piece may be added before one is taken.
  var hasRoom: Bool { ahead.count < limit }

  var isEmpty: Bool { ahead.isEmpty }

  /// Has a piece read; at most ``pieceByteCount`` bytes of the file, at least one.
  func add(_ range: Range<UInt64>, of content: any FileContent) {
    precondition(hasRoom && range.count <= Self.pieceByteCount, "a piece that there is room for")
    let piece = Piece(content, range)
    ahead.append(piece)
    _ = work.push(piece)
  }

  /// Calls `body` with the bytes of the piece that was added first and not taken yet.
  ///
  /// - Throws: what reading it threw.
  func take<Result>(_ body: (RawSpan) throws -> Result) throws -> Result {
    let piece = ahead.removeFirst()
    let outcome = piece.take()
    if let failure = outcome.failure { throw failure }
    return try outcome.buffer.withBytes(0..<piece.range.count, body)
  }
}
