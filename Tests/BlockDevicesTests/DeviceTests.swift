import BlockDevices
import Bytes
import TestSupport
import Testing

/// Devices made of devices, each against an array of the same bytes.
@Suite struct DeviceTests {
  @Test func `a slice reads as that part of its device`() throws {
    var random = Seed.ofThisRun.random
    let bytes = random.bytes(10_000)
    let slice = try DeviceSlice(MemoryDevice(bytes), from: 777, byteCount: 5000)
    try expect(slice, toHold: Array(bytes[777..<5777]), &random)
  }

  @Test func `a slice beyond its device is refused`() {
    let device = MemoryDevice([1, 2, 3])
    #expect(throws: OutsideDevice.self) { try DeviceSlice(device, from: 2, byteCount: 2) }
    #expect(throws: OutsideDevice.self) { try DeviceSlice(device, from: .max, byteCount: 2) }
    #expect(throws: OutsideDevice.self) { try DeviceSlice(device, from: 1, byteCount: .max) }
  }

  @Test func `a range that a disk names and does not have is an error`() throws {
    let device = MemoryDevice([1, 2, 3])
    #expect(throws: OutsideDevice.self) { try device.bytes(at: 2, count: 2) }
    #expect(throws: OutsideDevice.self) { try device.bytes(at: .max, count: 1) }
    #expect(try device.bytes(at: 3, count: 0) == [])
  }

  @Test(arguments: [512, 1000, 4096])
  func `an overlay shows replaced blocks, from memory and from elsewhere`(size: Int) throws {
    var random = Seed.ofThisRun.random
    for _ in 0..<30 {
      var bytes = random.bytes(size * 20 + random.below(size))
      let base = MemoryDevice(bytes)
      var blocks: [UInt64: Overlay.Block] = [:]
      for _ in 0..<random.below(12) {
        let number = random.below(20)
        let place = random.below(bytes.count - size)
        let stored = random.below(2) == 0
        blocks[UInt64(number)] =
          stored ? .stored(at: UInt64(place)) : .bytes(random.bytes(size))
      }
      let overlay = try Overlay(over: base, blockByteCount: size, blocks: blocks)
      for (number, block) in blocks {
        let new: [UInt8]
        switch block {
        case .stored(let place): new = try base.bytes(at: place, count: size)
        case .bytes(let given): new = given
        }
        bytes.replaceSubrange(Int(number) * size..<(Int(number) + 1) * size, with: new)
      }
      try expect(overlay, toHold: bytes, &random)
    }
  }

  @Test func `an overlay whose blocks lie outside the device is refused`() {
    #expect(throws: OutsideDevice.self) {
      try Overlay(
        over: MemoryDevice([1, 2, 3, 4]), blockByteCount: 2, blocks: [0: .stored(at: 3)])
    }
  }

  @Test(arguments: [1, 64 << 10])
  func `a cache gives the device's bytes, whatever its limit`(byteLimit: Int) throws {
    var random = Seed.ofThisRun.random
    let bytes = random.bytes(50_123)
    let cache = BlockCache(MemoryDevice(bytes), blockByteCount: 1024, byteLimit: byteLimit)
    for _ in 0..<300 {
      let start = random.below(bytes.count)
      let count = random.below(min(5000, bytes.count - start))
      #expect(
        try cache.bytes(at: UInt64(start), count: count) == Array(bytes[start..<start + count]),
        "\(start) \(count) \(Seed.ofThisRun)")
    }
    #expect(try cache.block(48) == Array(bytes[48 * 1024..<50_123].prefix(1024)))
    #expect(throws: OutsideDevice.self) { try cache.block(49) }
    #expect(throws: OutsideDevice.self) { try cache.block(.max) }
    #expect(throws: OutsideDevice.self) { try cache.bytes(at: 50_000, count: 124) }
  }

  /// Compares random ranges, and what is said to hold data.
  private func expect(
    _ device: any BlockDevice, toHold bytes: [UInt8], _ random: inout SeededRandom
  ) throws {
    #expect(device.byteCount == UInt64(bytes.count))
    for _ in 0..<40 {
      let start = random.below(bytes.count + 1)
      let count = random.below(bytes.count - start + 1)
      #expect(
        try device.bytes(at: UInt64(start), count: count) == Array(bytes[start..<start + count]),
        "\(start) \(count) \(Seed.ofThisRun)")
    }
    #expect(try device.nextData(from: 5) == 5..<UInt64(bytes.count))
    #expect(try device.nextData(from: UInt64(bytes.count)) == nil)
  }
}
