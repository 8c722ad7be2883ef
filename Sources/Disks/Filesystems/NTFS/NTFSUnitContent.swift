internal import BlockDevices
internal import Bytes
internal import Compression
internal import Synchronization

/// The bytes of a stream that is compressed by LZNT1, in units of a few clusters each.
///
/// Of a unit's clusters all are stored, and it is as it is; or none, and it is zeros; or the first
/// ones, which hold its compressed bytes.
final class NTFSUnitContent: FileContent {
  /// Sixteen clusters of 4 KiB are what Windows makes.
  static let unitByteLimit: UInt64 = 1 << 20

  let byteCount: UInt64
  private let stream: NTFSStream
  private let runs: NTFSRuns
  private let volume: NTFSVolume
  private let clusterByteCount: UInt64
  private let unitByteCount: UInt64
  /// The unit that was expanded last.
  private let recent = Mutex<(number: UInt64, bytes: [UInt8])?>(nil)

  init(_ stream: NTFSStream, _ runs: NTFSRuns, on volume: NTFSVolume) throws {
    byteCount = stream.byteCount
    self.stream = stream
    self.runs = runs
    self.volume = volume
    clusterByteCount = UInt64(volume.boot.clusterByteCount)
    unitByteCount = clusterByteCount * stream.unitClusterCount
    guard stream.unitClusterCount > 1, unitByteCount <= Self.unitByteLimit else {
      throw damagedNTFS(
        stream.structure, "it is compressed in units of \(stream.unitClusterCount) clusters")
    }
  }

  private enum Unit {
    case hole
    /// All clusters are stored.
    case plain
    /// So many of them are, with compressed bytes.
    case compressed(clusters: [NTFSRun])
  }

  func extent(at offset: UInt64) throws -> FileExtent {
    precondition(offset < byteCount, "an offset within the file")
    let written = stream.initializedByteCount
    guard offset < written else {
      return FileExtent(byteCount: byteCount - offset, storage: .zeros)
    }
    let number = offset / unitByteCount
    let (end, overflow) = endOfAlike(number).multipliedReportingOverflow(by: unitByteCount)
    let count = min(overflow ? .max : end, written) - offset
    switch try unit(number) {
    case .hole: return FileExtent(byteCount: count, storage: .zeros)
    case .compressed: return FileExtent(byteCount: count, storage: .encoded)
    case .plain: return try plainExtent(at: offset, limit: count)
    }
  }

  /// The unit behind a row of them that a single run fills, so that all are stored or none.
  private func endOfAlike(_ number: UInt64) -> UInt64 {
    let first = number * stream.unitClusterCount
    guard let run = runs.run(at: first), run.first <= first else { return number + 1 }
    return max(number + 1, run.end / stream.unitClusterCount)
  }

  private func plainExtent(at offset: UInt64, limit: UInt64) throws -> FileExtent {
    guard let run = runs.run(at: offset / clusterByteCount), let place = run.place else {
      throw damagedNTFS(stream.structure, "where its byte \(offset) lies is not told")
    }
    let within = offset - run.first * clusterByteCount
    let count = min(limit, run.count * clusterByteCount - within)
    let start = place * clusterByteCount + within
    try require(count, at: start)
    return FileExtent(byteCount: count, storage: .volume(offset: start))
  }

  private func require(_ count: UInt64, at start: UInt64) throws {
    guard volume.device.holds(count, at: start) else {
      throw damagedNTFS(
        stream.structure, cluster: start / clusterByteCount,
        "the device ends before its bytes do")
    }
  }

  private func unit(_ number: UInt64) throws -> Unit {
    let first = number * stream.unitClusterCount
    let end = first + stream.unitClusterCount
    var stored: [NTFSRun] = []
    var storedCount: UInt64 = 0
    var position = first
    while position < end {
      guard let run = runs.run(at: position) else {
        // Clusters behind the last one count as a hole, where the unit begins before it.
        guard position > first else {
          throw damagedNTFS(
            stream.structure, "where its byte \(position * clusterByteCount) lies is not told")
        }
        break
      }
      let part = min(run.end, end)
      if let place = run.place {
        guard storedCount == position - first else {
          throw damagedNTFS(
            stream.structure, cluster: place, "a unit of compression has a hole in its midst")
        }
        stored.append(
          NTFSRun(first: position, count: part - position, place: place + position - run.first))
        storedCount += part - position
      }
      position = part
    }
    if storedCount == 0 { return .hole }
    return storedCount == stream.unitClusterCount ? .plain : .compressed(clusters: stored)
  }

  func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    var filled = 0
    while filled < target.byteCount {
      let position = offset + UInt64(filled)
      let extent = try extent(at: position)
      let count = Int(min(extent.byteCount, UInt64(target.byteCount - filled)))
      var part = target._mutatingExtracting(filled..<filled + count)
      switch extent.storage {
      case .zeros: part.fillWithZeros()
      case .volume(let place): try volume.device.read(at: place, into: &part)
      case .encoded:
        let bytes = try expanded(position / unitByteCount)
        let start = Int(position % unitByteCount)
        bytes.span.bytes.extracting(start..<start + count).copy(into: &part)
      }
      filled += count
    }
  }

  private func expanded(_ number: UInt64) throws -> [UInt8] {
    if let known = recent.withLock({ $0 }), known.number == number { return known.bytes }
    guard case .compressed(let clusters) = try unit(number) else {
      preconditionFailure("a unit that is compressed")
    }
    var stored: [UInt8] = []
    for run in clusters {
      guard let place = run.place else { continue }
      let count = run.count * clusterByteCount
      try require(count, at: place * clusterByteCount)
      stored += try volume.device.bytes(at: place * clusterByteCount, count: Int(count))
    }
    var bytes = [UInt8](repeating: 0, count: Int(unitByteCount))
    do {
      var span = bytes.mutableSpan
      var target = span.mutableBytes
      try LZNT1.expand(stored.span.bytes, into: &target)
    } catch {
      throw damagedNTFS(
        "\(stream.structure), unit of compression at byte \(number * unitByteCount)",
        cluster: clusters.first?.place, "\(error)")
    }
    let made = bytes
    recent.withLock { $0 = (number, made) }
    return bytes
  }
}
