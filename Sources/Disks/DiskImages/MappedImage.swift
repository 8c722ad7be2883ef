internal import BlockDevices
internal import Bytes

/// The disk in an image that has parts of it where its tables say, over another one or over zeros.
///
/// Safe for several threads.
final class MappedImage: BlockDevice {
  private let map: any ImageMap
  /// Where parts lie that are not compressed.
  private let data: any BlockDevice
  private let below: (any BlockDevice)?

  var byteCount: UInt64 { map.byteCount }

  /// No longer run is named at once, so that who looks at a part of a large disk does not have all
  /// of its tables read.
  private static let runLimit: UInt64 = 64 << 20

  /// - Parameter below: what the image is made over.
  init(_ map: any ImageMap, in data: any BlockDevice, over below: (any BlockDevice)? = nil) {
    self.map = map
    self.data = data
    self.below = below
  }

  func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    precondition(holds(UInt64(target.byteCount), at: offset), "a range of the disk")
    let end = offset + UInt64(target.byteCount)
    var position = offset
    while position < end {
      let run = try map.run(at: position, before: end)
      let start = Int(position - offset)
      let count = Int(min(run.byteCount, end - position))
      var part = target._mutatingExtracting(start..<start + count)
      try read(run.place, at: position, into: &part)
      position += UInt64(count)
    }
  }

  private func read(
    _ place: ImageRun.Place, at offset: UInt64, into part: inout MutableRawSpan
  ) throws {
    switch place {
    case .zeros: part.fillWithZeros()
    case .below: try readBelow(at: offset, into: &part)
    case .stored(let host):
      guard data.holds(UInt64(part.byteCount), at: host) else {
        throw map.damage("byte \(offset) of the disk lies at \(host), beyond the file's end")
      }
      try data.read(at: host, into: &part)
    case .compressed(let cluster): try map.expand(cluster, at: offset, into: &part)
    }
  }

  /// What it is made over may be shorter, and is zeros beyond its end.
  private func readBelow(at offset: UInt64, into part: inout MutableRawSpan) throws {
    let length = below?.byteCount ?? 0
    let count = offset < length ? Int(min(UInt64(part.byteCount), length - offset)) : 0
    if count > 0 {
      var found = part._mutatingExtracting(0..<count)
      try below?.read(at: offset, into: &found)
    }
    var rest = part._mutatingExtracting(count..<part.byteCount)
    rest.fillWithZeros()
  }

  func nextData(from offset: UInt64) throws -> Range<UInt64>? {
    var found: Range<UInt64>?
    var position = offset
    var limit = byteCount
    var emptyBelow: UInt64 = 0
    while position < limit {
      let run = try map.run(at: position, before: limit)
      let end = position + run.byteCount
      while position < end,
        let data = try data(
          run.place.advanced(by: position - (end - run.byteCount)), in: position..<end, &emptyBelow)
      {
        if let start = found?.lowerBound {
          guard data.lowerBound == position else { return found }
          found = start..<data.upperBound
        } else {
          found = data
          limit = min(limit, (data.lowerBound / Self.runLimit + 1) * Self.runLimit)
        }
        position = data.upperBound
      }
      if position < end, found != nil { return found }
      position = end
    }
    return found
  }

  /// The first part of a run that may hold data.
  ///
  /// - Parameter emptyBelow: up to where what the image is made over is known to have none.
  private func data(
    _ place: ImageRun.Place, in range: Range<UInt64>, _ emptyBelow: inout UInt64
  ) throws -> Range<UInt64>? {
    switch place {
    case .zeros: return nil
    case .compressed: return range
    case .below:
      guard let below, range.upperBound > emptyBelow, range.lowerBound < below.byteCount else {
        return nil
      }
      let found = try below.nextData(from: range.lowerBound)
      emptyBelow = found?.lowerBound ?? .max
      return part(found, from: range.lowerBound, of: range)
    case .stored(let host):
      // Whatever lies beyond the file's end is for the read to refuse.
      guard data.holds(UInt64(range.count), at: host) else { return range }
      return part(try data.nextData(from: host), from: host, of: range)
    }
  }

  /// What of a range is data, where `start` of another device is its first byte.
  private func part(
    _ found: Range<UInt64>?, from start: UInt64, of range: Range<UInt64>
  ) -> Range<UInt64>? {
    guard let found, found.lowerBound - start < UInt64(range.count) else { return nil }
    let from = range.lowerBound + (found.lowerBound - start)
    return from..<min(from + UInt64(found.count), range.upperBound)
  }

  func willNeed(_ range: Range<UInt64>) {
    let range = range.clamped(to: 0..<byteCount)
    var position = range.lowerBound
    while position < range.upperBound {
      let run: ImageRun
      // A hint: what is wrong is said by the read.
      do { run = try map.run(at: position, before: range.upperBound) } catch { return }
      let end = min(position + run.byteCount, range.upperBound)
      switch run.place {
      case .zeros: break
      case .below: below?.willNeed(position..<end)
      case .stored(let host): data.willNeed(host..<host + (end - position))
      case .compressed(let cluster):
        data.willNeed(cluster.offset..<cluster.offset + UInt64(cluster.byteCount))
      }
      position = end
    }
  }
}
