internal import Bytes
package import Filesystems
package import Workers

/// The bytes of files one after the other, read ahead by threads.
package struct FileStream {
  private let threadCount: Int

  package init(threadCount: Int = 2) { self.threadCount = threadCount }

  /// Calls `write` with the bytes of a file, in order; holes are zeros.
  ///
  /// - Throws: what reading throws, after all that comes before was written; what `write` throws;
  ///   ``Cancelled``.
  package func copy(
    _ content: any FileContent, progress: Progress, cancellation: Cancellation,
    to write: (RawSpan) throws -> Void
  ) throws {
    let reader = ReadAhead(threadCount: threadCount)
    var position: UInt64 = 0
    while true {
      while reader.hasRoom, position < content.byteCount {
        let end = min(content.byteCount, position + UInt64(ReadAhead.pieceByteCount))
        reader.add(position..<end, of: content)
        position = end
      }
      if reader.isEmpty { return }
      try cancellation.check()
      try reader.take { bytes in
        try write(bytes)
        progress.advance(UInt64(bytes.byteCount))
      }
    }
  }
}
