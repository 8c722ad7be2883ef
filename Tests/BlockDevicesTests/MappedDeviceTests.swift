import BlockDevices
import TestSupport
import Testing

@Suite struct MappedDeviceTests {
  /// A device put together at random, and the bytes that it must have.
  private func sample(
    _ random: inout SeededRandom
  ) throws -> (device: MappedDevice, bytes: [UInt8], data: [Bool]) {
    var segments: [MappedDevice.Segment] = []
    var bytes: [UInt8] = []
    var isData: [Bool] = []
    for _ in 0..<random.below(6) {
      switch random.below(3) {
      case 0:
        let count = random.below(100)
        segments.append(.init(byteCount: UInt64(count), target: .zeros))
        bytes += [UInt8](repeating: 0, count: count)
        isData += [Bool](repeating: false, count: count)
      case 1:
        let base = SparseDevice(&random)
        let start = random.below(base.bytes.count)
        let count = random.below(base.bytes.count - start + 1)
        segments.append(
          .init(byteCount: UInt64(count), target: .linear(.init(base, from: UInt64(start)))))
        bytes += base.bytes[start..<start + count]
        isData += base.isData[start..<start + count]
      default:
        let stripe = 1 + random.below(9)
        let rows = random.below(8)
        let bases = (0..<1 + random.below(4)).map { _ in SparseDevice(&random, atLeast: 80) }
        let areas = bases.map { base in
          MappedDevice.Area(base, from: UInt64(random.below(base.bytes.count - stripe * rows + 1)))
        }
        segments.append(
          .init(
            byteCount: UInt64(rows * stripe * bases.count),
            target: .striped(areas, stripeByteCount: UInt64(stripe))))
        for row in 0..<rows {
          for (base, area) in zip(bases, areas) {
            let start = Int(area.offset) + row * stripe
            bytes += base.bytes[start..<start + stripe]
            isData += base.isData[start..<start + stripe]
          }
        }
      }
    }
    return (try MappedDevice(segments), bytes, isData)
  }

  @Test func `any range reads as its parts do, across segments and stripes`() throws {
    var random = Seed.ofThisRun.random
    for _ in 0..<300 {
      let (device, bytes, _) = try sample(&random)
      #expect(device.byteCount == UInt64(bytes.count))
      for _ in 0..<10 {
        let start = random.below(bytes.count + 1)
        let count = random.below(bytes.count - start + 1)
        let found = try device.bytes(at: UInt64(start), count: count)
        #expect(areEqual(found, Array(bytes[start..<start + count])), "\(Seed.ofThisRun)")
      }
    }
  }

  @Test func `data is found wherever a part says that there may be some`() throws {
    var random = Seed.ofThisRun.random
    for _ in 0..<300 {
      let (device, bytes, isData) = try sample(&random)
      var found = [Bool](repeating: false, count: bytes.count)
      var position: UInt64 = 0
      while let range = try device.nextData(from: position) {
        #expect(range.lowerBound >= position && !range.isEmpty)
        for place in range { found[Int(place)] = true }
        position = range.upperBound
      }
      #expect(found == isData, "\(Seed.ofThisRun)")
      let start = random.below(bytes.count + 1)
      let next = try device.nextData(from: UInt64(start))?.lowerBound
      #expect(next == isData[start...].firstIndex(of: true).map { UInt64($0) }, "\(Seed.ofThisRun)")
    }
  }

  @Test func `parts that are not there, or make no whole, are refused`() {
    let base = MemoryDevice([UInt8](repeating: 1, count: 100))
    func make(_ byteCount: UInt64, _ target: MappedDevice.Segment.Target) throws {
      _ = try MappedDevice([.init(byteCount: byteCount, target: target)])
    }
    #expect(throws: OutsideDevice.self) { try make(51, .linear(.init(base, from: 50))) }
    #expect(throws: OutsideDevice.self) { try make(1, .linear(.init(base, from: .max))) }
    let pair = [MappedDevice.Area(base, from: 0), MappedDevice.Area(base, from: 50)]
    #expect(throws: OutsideDevice.self) { try make(102, .striped(pair, stripeByteCount: 1)) }
    #expect(throws: MappingError.badStripes) { try make(99, .striped(pair, stripeByteCount: 1)) }
    #expect(throws: MappingError.badStripes) { try make(98, .striped(pair, stripeByteCount: 0)) }
    #expect(throws: MappingError.badStripes) { try make(98, .striped([], stripeByteCount: 1)) }
    #expect(throws: MappingError.badStripes) {
      try make(98, .striped(pair, stripeByteCount: .max))
    }
    #expect(throws: MappingError.tooLarge) { try make(.max, .zeros) }
  }
}

/// Random bytes in runs, with holes that it knows of between them.
private final class SparseDevice: BlockDevice {
  let bytes: [UInt8]
  let isData: [Bool]

  init(_ random: inout SeededRandom, atLeast least: Int = 1) {
    var bytes: [UInt8] = []
    var isData: [Bool] = []
    repeat {
      let count = 1 + random.below(40)
      let isRun = random.below(2) == 0
      bytes += isRun ? random.bytes(count) : [UInt8](repeating: 0, count: count)
      isData += [Bool](repeating: isRun, count: count)
    } while bytes.count < least
    self.bytes = bytes
    self.isData = isData
  }

  var byteCount: UInt64 { UInt64(bytes.count) }

  func read(at offset: UInt64, into target: inout MutableRawSpan) {
    MemoryDevice(bytes).read(at: offset, into: &target)
  }

  func nextData(from offset: UInt64) throws -> Range<UInt64>? {
    guard let start = isData[Int(offset)...].firstIndex(of: true) else { return nil }
    let end = isData[start...].firstIndex(of: false) ?? isData.count
    return UInt64(start)..<UInt64(end)
  }

  func willNeed(_ range: Range<UInt64>) {}
}
