internal import Bytes

/// Clusters of an attribute that follow one another on the volume, or that are not stored.
struct NTFSRun: Sendable, Equatable {
  /// The first one, counted in the attribute.
  let first: UInt64
  let count: UInt64
  /// Where it lies; nil for a hole.
  let place: UInt64?

  var end: UInt64 { first + count }
}

/// Where an attribute's clusters lie, as far as that is known.
///
///     runs := (sizes:u8 count place)* 00
///
/// The lower half of `sizes` says how many bytes the count has, the upper how many the place, which
/// counts from that of the run before and may be negative; a run without a place is a hole.
struct NTFSRuns: Sendable {
  /// Ascending, without gaps.
  private(set) var runs: [NTFSRun] = []

  init() {}

  /// Clusters that follow one another.
  init(from place: UInt64, count: UInt64) {
    runs = [NTFSRun(first: 0, count: count, place: place)]
  }

  /// The first cluster of which nothing is known.
  var end: UInt64 { runs.last?.end ?? 0 }

  /// Adds what a part of an attribute tells; it has to follow what is known.
  ///
  /// - Parameter clusterCount: of the volume.
  mutating func append(
    _ clusters: NTFSAttribute.Clusters, _ bytes: RawSpan, clusterCount: UInt64
  ) throws {
    guard clusters.first == end else {
      throw NTFSFault("where its clusters \(end) to \(clusters.first) lie is not told")
    }
    var reader = ByteReader(bytes)
    var place: Int64 = 0
    var next = clusters.first
    let limit = UInt64(clusters.last + 1)
    while next < limit {
      let sizes: UInt8 = try reader.integer()
      let (countSize, placeSize) = (Int(sizes & 15), Int(sizes >> 4))
      guard (1...8).contains(countSize), placeSize <= 8 else {
        throw NTFSFault("its runs end after \(next) of \(limit) clusters")
      }
      let count = try Self.integer(reader.take(countSize))
      guard count > 0, UInt64(count) <= limit - next else {
        throw NTFSFault("a run of \(count) clusters at \(next) of \(limit)")
      }
      var stored: UInt64?
      if placeSize > 0 {
        let (sum, overflow) = place.addingReportingOverflow(
          try Self.integer(reader.take(placeSize)))
        guard !overflow, sum >= 0, UInt64(sum) < clusterCount,
          UInt64(count) <= clusterCount - UInt64(sum)
        else { throw NTFSFault("a run at \(next) lies outside the volume") }
        place = sum
        stored = UInt64(sum)
      }
      append(NTFSRun(first: next, count: UInt64(count), place: stored))
      next += UInt64(count)
    }
  }

  private mutating func append(_ run: NTFSRun) {
    if let last = runs.last, last.place.map({ $0 + last.count }) == run.place {
      runs[runs.count - 1] = NTFSRun(
        first: last.first, count: last.count + run.count, place: last.place)
    } else {
      runs.append(run)
    }
  }

  private static func integer(_ bytes: RawSpan) throws -> Int64 {
    var value: Int64 = 0
    for index in (0..<bytes.byteCount).reversed() {
      let byte: UInt8 = try bytes.littleEndian(at: index)
      let isHighest = index == bytes.byteCount - 1
      value = isHighest ? Int64(Int8(bitPattern: byte)) : value << 8 | Int64(byte)
    }
    return value
  }

  /// The run that holds a cluster of the attribute; nil where nothing is known of it.
  func run(at cluster: UInt64) -> NTFSRun? {
    let number = runs.firstIndex(fromWhereOn: { $0.end > cluster })
    return number < runs.count ? runs[number] : nil
  }
}
