internal import Bytes
internal import Files
internal import Hashing
internal import Synchronization
internal import SystemPackage

/// What has to be written onto a disk to make another one of it, in a file of its own.
///
///     patch  := record* end
///     record := "KPAT" kind:u32 offset:u64 byteCount:u64 digest:32 data
///     end    := "KPAT" 2:u32 count:u64 diskByteCount:u64 digest:32
///
/// Integers are little-endian. Kind 0 is data, 1 a run of zeros, which has none in the patch. The
/// digest is the SHA-256 of the record without it; records come in any order and never overlap.
/// Version 1 ("KPAT").
///
/// Whoever has one needs nothing else, neither vault nor key, to write it, and may write it again
/// however far an earlier attempt came. So a disk that was half overwritten when the power failed
/// is completed even where the vault is out of reach by then, which writing the point's chunks anew
/// would not do. Keeping the old bytes in such a file, to go back, would hold as well; but it reads
/// the old ones too, and leaves the disk half overwritten where a chunk turns out to be lost. Here
/// everything but the disk itself has succeeded before its first byte changes.
struct DiskPatch {
  let path: FilePath

  fileprivate static let headerByteCount = 24 + Digest.byteCount
  fileprivate static let dataLimit = RegionRestorer.writeLimit

  fileprivate enum Kind: UInt32 { case data, zeros, end }

  fileprivate struct Record {
    let kind: Kind
    let offset: UInt64
    let byteCount: UInt64
    let digest: Digest

    var range: Range<UInt64> { offset..<offset + byteCount }
  }

  /// Sets room aside on the disk for what will be written, so that it does not fill up half-way.
  func reserve(on disk: FilePath) throws {
    let file = try File.openForWriting(disk)
    try forEachRecord(of: try File.openForReading(path), diskByteCount: nil) { record, _ in
      if record.kind == .data { try file.reserve(record.range) }
    }
  }

  /// Writes it onto the disk, durable when this returns; nothing where any of it is damaged.
  ///
  /// - Throws: ``DiskPatchError``, ``FileError``.
  func apply(to disk: FilePath) throws {
    let patch = try File.openForReading(path)
    let file = try File.openForWriting(disk)
    // Nobody, QEMU included, starts to use the disk meanwhile.
    try file.lock()
    let byteCount = try file.status().byteCount
    try check(patch, diskByteCount: byteCount)
    try forEachRecord(of: patch, diskByteCount: byteCount) { record, data in
      switch record.kind {
      case .data: try file.write(data, at: record.offset)
      case .zeros: try file.writeZeros(record.range)
      case .end: break
      }
    }
    try file.sync()
  }

  private func check(_ patch: borrowing File, diskByteCount: UInt64) throws {
    var digester = Digester()
    try forEachRecord(of: patch, diskByteCount: diskByteCount) { record, data in
      guard record.digest == digester.digest(record, data) else {
        throw DiskPatchError(path: path, reason: "a digest is wrong")
      }
    }
  }

  /// - Parameter diskByteCount: of the disk that it is written onto; nil to leave data unread.
  private func forEachRecord(
    of patch: borrowing File, diskByteCount: UInt64?, _ body: (Record, RawSpan) throws -> Void
  ) throws {
    var buffer = AlignedBuffer(capacity: Self.dataLimit)
    var (position, count): (UInt64, UInt64) = (0, 0)
    while true {
      let record = try readHeader(of: patch, at: position, &buffer)
      position += UInt64(Self.headerByteCount)
      if record.kind == .end {
        guard record.offset == count, diskByteCount.map({ $0 == record.byteCount }) ?? true else {
          throw DiskPatchError(path: path, reason: "it is of another disk, or not whole")
        }
        return try body(record, buffer.bytes.extracting(0..<0))
      }
      let (end, overflows) = record.offset.addingReportingOverflow(record.byteCount)
      if overflows || diskByteCount.map({ end > $0 }) ?? false {
        throw DiskPatchError(path: path, reason: "it reaches beyond the disk's end")
      }
      var dataCount = 0
      if record.kind == .data {
        guard record.byteCount <= UInt64(Self.dataLimit) else {
          throw DiskPatchError(path: path, reason: "a record of \(record.byteCount) bytes")
        }
        dataCount = Int(record.byteCount)
        if diskByteCount != nil { try read(patch, at: position, dataCount, into: &buffer) }
      }
      try body(record, buffer.bytes.extracting(0..<dataCount))
      position += UInt64(dataCount)
      count += 1
    }
  }

  private func readHeader(
    of patch: borrowing File, at position: UInt64, _ buffer: inout AlignedBuffer
  ) throws -> Record {
    try read(patch, at: position, Self.headerByteCount, into: &buffer)
    let bytes = buffer.bytes.extracting(0..<Self.headerByteCount)
    var reader = ByteReader(bytes)
    let isRecord = try reader.take(4).starts(with: "KPAT")
    let kind = Kind(rawValue: try reader.integer())
    let (offset, byteCount): (UInt64, UInt64) = (try reader.integer(), try reader.integer())
    guard isRecord, let kind else {
      throw DiskPatchError(path: path, reason: "byte \(position) is the start of no record")
    }
    return Record(
      kind: kind, offset: offset, byteCount: byteCount, digest: try reader.digest())
  }

  private func read(
    _ patch: borrowing File, at position: UInt64, _ count: Int, into buffer: inout AlignedBuffer
  ) throws {
    var target = buffer.mutableBytes(0..<count)
    guard try patch.read(at: position, into: &target) == count else {
      throw DiskPatchError(path: path, reason: "it ends too early")
    }
  }
}

extension Digester {
  fileprivate mutating func digest(_ record: DiskPatch.Record, _ data: RawSpan) -> Digest {
    start()
    let head = record.head
    update(head.span.bytes)
    update(data)
    return finish()
  }
}

extension DiskPatch.Record {
  /// All but the digest.
  fileprivate var head: [UInt8] {
    var writer = ByteWriter(reservingCapacity: DiskPatch.headerByteCount)
    writer.append("KPAT")
    writer.integer(kind.rawValue)
    writer.integer(offset)
    writer.integer(byteCount)
    return writer.bytes
  }
}

/// Writes a ``DiskPatch``; for several threads. Not one before it is finished.
final class DiskPatchWriter: RegionTarget {
  private let file: File
  private let diskByteCount: UInt64
  private let position = Atomic<UInt64>(0)
  private let count = Atomic<UInt64>(0)

  /// - Parameters:
  ///   - path: must not be there yet.
  ///   - diskByteCount: of the file that is the disk.
  init(_ path: FilePath, diskByteCount: UInt64) throws(FileError) {
    file = try File.create(path, permissions: .ownerReadWrite)
    self.diskByteCount = diskByteCount
  }

  func write(_ bytes: RawSpan, at offset: UInt64) throws {
    precondition(bytes.byteCount <= DiskPatch.dataLimit, "a record of data has a limit")
    try append(.data, offset, UInt64(bytes.byteCount), bytes)
  }

  func writeZeros(_ range: Range<UInt64>) throws {
    let nothing: [UInt8] = []
    try append(.zeros, range.lowerBound, UInt64(range.count), nothing.span.bytes)
  }

  /// Ends the patch; it is durable when this returns.
  func finish() throws {
    let nothing: [UInt8] = []
    try append(.end, count.load(ordering: .relaxed), diskByteCount, nothing.span.bytes)
    try file.sync()
  }

  private func append(
    _ kind: DiskPatch.Kind, _ offset: UInt64, _ byteCount: UInt64, _ data: RawSpan
  ) throws {
    var digester = Digester()
    let record = DiskPatch.Record(
      kind: kind, offset: offset, byteCount: byteCount, digest: .zero)
    var writer = ByteWriter(reservingCapacity: DiskPatch.headerByteCount)
    let head = record.head
    writer.append(head.span.bytes)
    writer.digest(digester.digest(record, data))
    let header = writer.bytes
    let size = UInt64(header.count + data.byteCount)
    let place = position.add(size, ordering: .relaxed).oldValue
    count.add(1, ordering: .relaxed)
    try file.write(header.span.bytes, at: place)
    try file.write(data, at: place + UInt64(header.count))
  }
}

/// A patch that is not what was written.
package struct DiskPatchError: Error, CustomStringConvertible {
  let path: FilePath
  let reason: String

  package var description: String {
    "\(path) is damaged: \(reason), so the disk it is for stays as it is now, maybe half "
      + "overwritten: remove it and the journal beside it, and restore the machine again"
  }
}
