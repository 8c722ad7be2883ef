internal import Bytes
internal import Files
internal import Filesystems
internal import Guests
internal import Synchronization
internal import Workers

/// A file that is being written, by several threads where it is large. It gets its name when it is
/// whole, and is gone when it cannot be.
final class RestoredFile: Sendable {
  let number: Int
  let content: any FileContent
  private let name: [UInt8]
  private let temporaryName: [UInt8]
  private let directory: OpenDirectory
  private let file: File

  private struct State {
    /// Up to where pieces were given out.
    var position: UInt64 = 0
    /// Pieces that are being written.
    var pending = 0
    var isGivenOut = false
    var failure: (any Error)?
  }

  private let state = Mutex(State())

  /// Large enough that a piece costs little beside its bytes.
  static let pieceByteCount: UInt64 = 4 << 20

  init(
    _ number: Int, _ content: any FileContent, named name: [UInt8], temporary: [UInt8],
    in directory: OpenDirectory
  ) throws {
    self.number = number
    self.content = content
    self.name = name
    self.directory = directory
    temporaryName = temporary
    file = try directory.makeFile(temporary)
    do { if content.byteCount > 0 { try file.setByteCount(content.byteCount) } } catch {
      abandon()
      throw error
    }
  }

  /// The next piece to copy; nil where all are given out. Each has to be followed by
  /// ``copied(_:)``.
  func nextPiece() -> Range<UInt64>? {
    state.withLock { state in
      guard !state.isGivenOut else { return nil }
      let start = state.position
      let end = min(content.byteCount, start + Self.pieceByteCount)
      state.pending += 1
      do { state.position = try content.nextData(from: end) } catch { state.failure = error }
      state.isGivenOut = state.failure != nil || state.position >= content.byteCount
      return start..<end
    }
  }

  /// Notes the end of a piece.
  ///
  /// - Returns: whether it was the last one, so that the caller has to finish the file.
  func copied(_ failure: (any Error)?) -> Bool {
    state.withLock { state in
      state.pending -= 1
      if let failure {
        state.failure = state.failure ?? failure
        state.isGivenOut = true
      }
      return state.isGivenOut && state.pending == 0
    }
  }

  var failure: (any Error)? { state.withLock { $0.failure } }

  /// Writes what the range holds, holes left out.
  func copy(
    _ range: Range<UInt64>, through buffer: inout AlignedBuffer, _ progress: Progress,
    _ cancellation: Cancellation
  ) throws {
    var position = try content.nextData(from: range.lowerBound)
    while position < range.upperBound {
      try cancellation.check()
      let limit = min(range.upperBound, position + UInt64(buffer.capacity))
      let end = try content.endOfData(from: position, limit: limit)
      let count = Int(end - position)
      var target = buffer.mutableBytes(0..<count)
      try content.read(at: position, into: &target)
      try file.write(buffer.bytes.extracting(0..<count), at: position)
      progress.advance(UInt64(count))
      position = end < range.upperBound ? try content.nextData(from: end) : end
    }
  }

  /// Gives the file its metadata and its name.
  func finish(
    _ item: RestorePlan.Item, _ metadata: MetadataRestore, replacing: Bool,
    path: @autoclosure () -> GuestPath
  ) throws {
    metadata.apply(item, to: directory.metadata(of: file, named: name), path: path())
    do { try directory.rename(temporaryName, to: name, replacing: replacing) } catch {
      abandon()
      throw error
    }
  }

  /// Removes what was written.
  func abandon() {
    // The cause for giving it up is told; one more would hide it.
    do { try directory.remove(temporaryName) } catch {}
  }
}

extension FileContent {
  /// Where data begin at or after `offset`; the file's end where only zeros follow.
  func nextData(from offset: UInt64) throws -> UInt64 {
    var position = offset
    while position < byteCount {
      let extent = try extent(at: position)
      guard extent.storage == .zeros else { return position }
      position = extent.end(from: position, limit: byteCount)
    }
    return position
  }

  /// Where zeros begin after `offset`, which lies in data; `limit` at most.
  func endOfData(from offset: UInt64, limit: UInt64) throws -> UInt64 {
    var position = offset
    while position < limit {
      let extent = try extent(at: position)
      if extent.storage == .zeros { break }
      position = extent.end(from: position, limit: limit)
    }
    return position
  }
}

extension FileExtent {
  func end(from start: UInt64, limit: UInt64) -> UInt64 {
    precondition(byteCount > 0, "an extent has at least one byte")
    let (end, isBeyond) = start.addingReportingOverflow(byteCount)
    return isBeyond ? limit : min(end, limit)
  }
}
