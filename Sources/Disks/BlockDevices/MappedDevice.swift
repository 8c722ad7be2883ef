internal import Bytes

/// A device put together from parts of others, as a volume manager does it.
package final class MappedDevice: BlockDevice {
  /// A run of the device that lies in one way.
  package struct Segment: Sendable {
    package enum Target: Sendable {
      case zeros
      /// The bytes of a device from an offset on.
      case linear(Area)
      /// Stripes of so many bytes, one from each area in turn.
      case striped([Area], stripeByteCount: UInt64)
    }

    package let byteCount: UInt64
    package let target: Target

    package init(byteCount: UInt64, target: Target) {
      self.byteCount = byteCount
      self.target = target
    }
  }

  /// Where bytes lie on another device.
  package struct Area: Sendable {
    package let device: any BlockDevice
    package let offset: UInt64

    package init(_ device: any BlockDevice, from offset: UInt64) {
      self.device = device
      self.offset = offset
    }
  }

  package let byteCount: UInt64
  private let segments: [Segment]
  /// Where each segment begins.
  private let starts: [UInt64]

  /// - Parameter segments: in their order; empty ones are left out.
  /// - Throws: ``OutsideDevice`` where an area is not on its device; ``MappingError``.
  package init(_ segments: [Segment]) throws {
    var kept: [Segment] = []
    var starts: [UInt64] = []
    var end: UInt64 = 0
    for segment in segments where segment.byteCount > 0 {
      try Self.check(segment)
      kept.append(segment)
      starts.append(end)
      let (sum, overflow) = end.addingReportingOverflow(segment.byteCount)
      guard !overflow, sum <= UInt64(Int64.max) else { throw MappingError.tooLarge }
      end = sum
    }
    self.segments = kept
    self.starts = starts
    byteCount = end
  }

  private static func check(_ segment: Segment) throws {
    switch segment.target {
    case .zeros: break
    case .linear(let area):
      try area.device.require(segment.byteCount, at: area.offset)
    case .striped(let areas, let stripe):
      guard !areas.isEmpty, stripe > 0 else { throw MappingError.badStripes }
      let (row, overflow) = stripe.multipliedReportingOverflow(by: UInt64(areas.count))
      guard !overflow, segment.byteCount.isMultiple(of: row) else { throw MappingError.badStripes }
      for area in areas {
        try area.device.require(segment.byteCount / UInt64(areas.count), at: area.offset)
      }
    }
  }

  package func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    precondition(holds(UInt64(target.byteCount), at: offset), "a range of the device")
    var filled = 0
    while filled < target.byteCount {
      let piece = piece(at: offset + UInt64(filled))
      let count = Int(min(piece.byteCount, UInt64(target.byteCount - filled)))
      var part = target._mutatingExtracting(filled..<filled + count)
      if let area = piece.area {
        try area.device.read(at: area.offset, into: &part)
      } else {
        part.fillWithZeros()
      }
      filled += count
    }
  }

  package func nextData(from offset: UInt64) throws -> Range<UInt64>? {
    var position = offset
    while position < byteCount {
      let index = segment(at: position)
      let start = starts[index]
      if let found = try nextData(in: segments[index], from: position - start) {
        return start + found.lowerBound..<start + found.upperBound
      }
      position = start + segments[index].byteCount
    }
    return nil
  }

  /// Offsets count from the segment's start.
  private func nextData(in segment: Segment, from offset: UInt64) throws -> Range<UInt64>? {
    switch segment.target {
    case .zeros: return nil
    case .linear(let area):
      guard let found = try area.device.nextData(from: area.offset + offset),
        found.lowerBound - area.offset < segment.byteCount
      else { return nil }
      let start = found.lowerBound - area.offset
      return start..<start + min(found.upperBound - found.lowerBound, segment.byteCount - start)
    case .striped(let areas, let stripe):
      let columns = UInt64(areas.count)
      let (number, skipped) = offset.quotientAndRemainder(dividingBy: stripe)
      let (row, column) = number.quotientAndRemainder(dividingBy: columns)
      var nearest: Range<UInt64>?
      for (index, area) in areas.enumerated() {
        let other = UInt64(index)
        let begin = (other < column ? row + 1 : row) * stripe + (other == column ? skipped : 0)
        guard begin < segment.byteCount / columns,
          let found = try area.device.nextData(from: area.offset + begin),
          found.lowerBound - area.offset < segment.byteCount / columns
        else { continue }
        let (foundRow, within) = (found.lowerBound - area.offset)
          .quotientAndRemainder(dividingBy: stripe)
        let start = (foundRow * columns + other) * stripe + within
        if start < nearest?.lowerBound ?? .max {
          let count = min(found.upperBound - found.lowerBound, stripe - within)
          nearest = start..<start + count
        }
      }
      return nearest
    }
  }

  package func contentRun(
    at offset: UInt64, _ scale: ContentRun.Scale
  ) throws -> ContentRun? {
    let piece = piece(at: offset)
    guard let area = piece.area else { return ContentRun(.zeros, byteCount: piece.byteCount) }
    return try area.device.contentRun(at: area.offset, scale)?.prefix(piece.byteCount)
  }

  package func willNeed(_ range: Range<UInt64>) {
    let range = range.clamped(to: 0..<byteCount)
    var position = range.lowerBound
    while position < range.upperBound {
      let piece = piece(at: position)
      let count = min(piece.byteCount, range.upperBound - position)
      if let area = piece.area { area.device.willNeed(area.offset..<area.offset + count) }
      position += count
    }
  }

  /// Where a byte lies, and how many lie there in one piece; no area for zeros.
  private func piece(at offset: UInt64) -> (area: Area?, byteCount: UInt64) {
    let index = segment(at: offset)
    let within = offset - starts[index]
    let left = segments[index].byteCount - within
    switch segments[index].target {
    case .zeros: return (nil, left)
    case .linear(let area): return (Area(area.device, from: area.offset + within), left)
    case .striped(let areas, let stripe):
      let (number, skipped) = within.quotientAndRemainder(dividingBy: stripe)
      let (row, column) = number.quotientAndRemainder(dividingBy: UInt64(areas.count))
      let area = areas[Int(column)]
      return (Area(area.device, from: area.offset + row * stripe + skipped), stripe - skipped)
    }
  }

  private func segment(at offset: UInt64) -> Int {
    var (low, high) = (0, segments.count)
    while low + 1 < high {
      let middle = (low + high) / 2
      if starts[middle] <= offset { low = middle } else { high = middle }
    }
    return low
  }
}

/// Why a device cannot be put together.
package enum MappingError: Error, Equatable, CustomStringConvertible {
  case tooLarge
  case badStripes

  package var description: String {
    switch self {
    case .tooLarge: "it would be larger than any device"
    case .badStripes: "its stripes do not make up its size"
    }
  }
}
