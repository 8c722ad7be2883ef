internal import BlockDevices
internal import Bytes

/// The bytes of a stream that lie in clusters as they are.
final class NTFSContent: FileContent {
  let byteCount: UInt64
  private let stream: NTFSStream
  private let runs: NTFSRuns
  private let volume: NTFSVolume
  private let clusterByteCount: UInt64

  init(_ stream: NTFSStream, _ runs: NTFSRuns, on volume: NTFSVolume) {
    byteCount = stream.byteCount
    self.stream = stream
    self.runs = runs
    self.volume = volume
    clusterByteCount = UInt64(volume.boot.clusterByteCount)
  }

  func extent(at offset: UInt64) throws -> FileExtent {
    precondition(offset < byteCount, "an offset within the file")
    let written = stream.initializedByteCount
    guard offset < written else {
      return FileExtent(byteCount: byteCount - offset, storage: .zeros)
    }
    let cluster = offset / clusterByteCount
    guard let run = runs.run(at: cluster) else {
      throw damagedNTFS(stream.structure, "where its byte \(offset) lies is not told")
    }
    let end = run.end.multipliedReportingOverflow(by: clusterByteCount)
    let count = min(end.overflow ? .max : end.partialValue, written) - offset
    guard let place = run.place else { return FileExtent(byteCount: count, storage: .zeros) }
    let start = place * clusterByteCount + (offset - run.first * clusterByteCount)
    guard volume.device.holds(count, at: start) else {
      throw damagedNTFS(
        stream.structure, cluster: start / clusterByteCount,
        "the device ends before its bytes do")
    }
    return FileExtent(byteCount: count, storage: .volume(offset: start))
  }

  func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    try read(at: offset, into: &target, from: volume.device)
  }
}
