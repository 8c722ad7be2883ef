internal import Bytes
internal import Filesystems
package import Guests
internal import Workers

/// The members of an archive in their order, while the files of later ones are read already.
///
/// A member of which nothing can be read is left out; so are further names of it.
final class TarOutput {
  /// A part of a member: some bytes, a piece of a file, some bytes.
  private struct Part {
    let number: Int
    let before: [UInt8]
    var hasPiece = false
    var after: [UInt8] = []
    /// The member that has to be in the archive for this one to make sense.
    var needs: Int?
    /// Called when the member is whole.
    var whenWhole: (() -> Void)?
  }

  private let reader = ReadAhead(threadCount: 2)
  private let write: (RawSpan) throws -> Void
  private let leaveOut: (Int, String) -> Void
  private let path: (Int) -> GuestPath
  private let progress: Progress
  private let cancellation: Cancellation

  private var parts: [Part] = []
  /// Members that are not in the archive.
  private var missing: Set<Int> = []
  /// The member of which something is written last.
  private var begun: Int?
  private var pending: [UInt8] = []
  private var writtenByteCount: UInt64 = 0

  private static let partLimit = 64
  private static let pendingLimit = 256 << 10
  /// Archives are filled up to twenty blocks, as tapes once had them.
  private static let recordByteCount: UInt64 = 10_240

  /// - Parameters:
  ///   - path: the path of a member, for errors.
  ///   - leaveOut: is told which member is left out, and why.
  init(
    _ write: @escaping (RawSpan) throws -> Void, path: @escaping (Int) -> GuestPath,
    leaveOut: @escaping (Int, String) -> Void, _ progress: Progress, _ cancellation: Cancellation
  ) {
    self.write = write
    self.path = path
    self.leaveOut = leaveOut
    self.progress = progress
    self.cancellation = cancellation
  }

  /// Notes that a member could not even be begun.
  func isMissing(_ number: Int) { missing.insert(number) }

  /// Adds a member that has no data.
  func add(
    _ header: PaxHeader, _ number: Int, needing other: Int? = nil,
    whenWhole: @escaping () -> Void
  ) throws {
    try add(
      Part(number: number, before: header.encoded(), needs: other, whenWhole: whenWhole))
  }

  /// Adds a file: its header, what comes before its data, and the runs that hold data.
  func add(
    _ header: PaxHeader, _ number: Int, _ map: [UInt8], _ runs: [Range<UInt64>],
    of content: any FileContent, whenWhole: @escaping () -> Void
  ) throws {
    var before = header.encoded() + map
    let rest = Int(header.byteCount % UInt64(PaxHeader.blockByteCount))
    let padding = [UInt8](repeating: 0, count: rest == 0 ? 0 : PaxHeader.blockByteCount - rest)
    let last = runs.lastIndex { !$0.isEmpty }
    guard let last else {
      return try add(
        Part(number: number, before: before + padding, whenWhole: whenWhole))
    }
    for (index, run) in runs.enumerated() {
      var position = run.lowerBound
      while position < run.upperBound {
        let end = min(run.upperBound, position + UInt64(ReadAhead.pieceByteCount))
        var part = Part(number: number, before: before, hasPiece: true)
        if index == last, end == run.upperBound {
          part.after = padding
          part.whenWhole = whenWhole
        }
        try add(part, piece: position..<end, of: content)
        before = []
        position = end
      }
    }
  }

  /// Writes what is left, and the archive's end.
  func finish() throws {
    while !parts.isEmpty { try writeFirst() }
    try put([UInt8](repeating: 0, count: 2 * PaxHeader.blockByteCount))
    let over = (writtenByteCount + UInt64(pending.count)) % Self.recordByteCount
    if over > 0 { try put([UInt8](repeating: 0, count: Int(Self.recordByteCount - over))) }
    try flush()
  }

  // MARK: parts

  private func add(_ part: Part) throws {
    while parts.count >= Self.partLimit { try writeFirst() }
    parts.append(part)
  }

  private func add(_ part: Part, piece: Range<UInt64>, of content: any FileContent) throws {
    while parts.count >= Self.partLimit || !reader.hasRoom { try writeFirst() }
    reader.add(piece, of: content)
    parts.append(part)
  }

  private func writeFirst() throws {
    try cancellation.check()
    let part = parts.removeFirst()
    if let needed = part.needs, missing.contains(needed) {
      missing.insert(part.number)
      leaveOut(part.number, "the file that it is another name of could not be read")
    }
    guard part.hasPiece else {
      if missing.contains(part.number) { return }
      try put(part.before)
      part.whenWhole?()
      return
    }
    do { try reader.take { try writePiece($0, of: part) } } catch let error as WriteFailure {
      throw error.cause
    } catch let error as Cancelled {
      throw error
    } catch {
      if missing.contains(part.number) { return }
      if begun == part.number { throw ArchiveBroken(path: path(part.number), cause: error) }
      missing.insert(part.number)
      leaveOut(part.number, "\(error)")
    }
  }

  /// What the archive's own file refused, which is another thing than what the disk did.
  private struct WriteFailure: Error { let cause: any Error }

  private func writePiece(_ bytes: RawSpan, of part: Part) throws {
    if missing.contains(part.number) { return }
    do {
      begun = part.number
      try put(part.before)
      if bytes.byteCount < Self.pendingLimit {
        bytes.withUnsafeBytes { pending.append(contentsOf: $0) }
        if pending.count >= Self.pendingLimit { try flush() }
      } else {
        try flush()
        try write(bytes)
        writtenByteCount += UInt64(bytes.byteCount)
      }
      try put(part.after)
    } catch { throw WriteFailure(cause: error) }
    progress.advance(UInt64(bytes.byteCount))
    part.whenWhole?()
  }

  private func put(_ bytes: [UInt8]) throws {
    pending += bytes
    if pending.count >= Self.pendingLimit { try flush() }
  }

  private func flush() throws {
    guard !pending.isEmpty else { return }
    let bytes = pending
    pending = []
    try write(bytes.span.bytes)
    writtenByteCount += UInt64(bytes.count)
  }
}

/// A file that could be read in part, after a part of it was in the archive.
package struct ArchiveBroken: Error, CustomStringConvertible {
  package let path: GuestPath
  package let cause: any Error

  package var description: String {
    "the archive ends within \(path), of which the rest cannot be read: \(cause); leave it out "
      + "with --exclude, or restore to a directory with --to, which goes on with other files"
  }
}
