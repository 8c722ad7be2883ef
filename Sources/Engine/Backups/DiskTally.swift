internal import Synchronization

/// What a backup found on one disk.
final class DiskTally: Sendable {
  let dataBytes = Atomic<UInt64>(0)
  let newChunks = Atomic<UInt64>(0)
  let newBytes = Atomic<UInt64>(0)
  let storedBytes = Atomic<UInt64>(0)

  func add(_ delta: RegionTally) {
    dataBytes.add(delta.dataBytes, ordering: .relaxed)
    newChunks.add(delta.newChunks, ordering: .relaxed)
    newBytes.add(delta.newBytes, ordering: .relaxed)
    storedBytes.add(delta.storedBytes, ordering: .relaxed)
  }
}

/// What a worker found in one region.
struct RegionTally {
  var dataBytes: UInt64 = 0
  var newChunks: UInt64 = 0
  var newBytes: UInt64 = 0
  var storedBytes: UInt64 = 0

  /// Counts a new chunk of `plain` bytes that takes `stored`.
  mutating func noteStored(_ plain: Int, as stored: Int) {
    newChunks += 1
    newBytes += UInt64(plain)
    storedBytes += UInt64(stored)
  }
}
