import Copies
import Stores
import Synchronization
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

/// What others do to points while those are being copied.
@Suite struct MeanwhileTests {
  @Test(
    "a point that is deleted while it is copied is left out, and the others are copied",
    arguments: [MemoryStore.Operation.read, .byteCount])
  func deleting(operation: MemoryStore.Operation) throws {
    var random = Seed.ofThisRun.random
    var moments = (left: 0, copied: 0)
    for number in 1...60 {
      let bench = try CopyBench()
      let bytes = (0..<2).map { _ in random.bytes(40_000) }
      let points = try bytes.map { try bench.backUp($0) }
      let isDone = Mutex(false)
      bench.snapshots.call(after: number, of: operation) {
        isDone.withLock { $0 = true }
        do {
          try bench.vault.delete(
            points[0], isExpiry: false, trashDays: 0, now: .now, notices: bench.notices)
        } catch { Issue.record(error) }
      }
      let copied = try bench.copy(points).points
      bench.snapshots.call(after: 0, of: operation, nil)
      guard isDone.withLock({ $0 }) else { break }
      #expect(copied.last == points[1], "\(operation) \(number)")
      if copied.count == 1 { moments.left += 1 } else { moments.copied += 1 }
      #expect(bench.notices.all == [], "\(operation) \(number)")
      #expect(try bench.restore(points[1], from: .vault) == bytes[1])
    }
    #expect(moments.left > 0 && moments.copied > 0, "\(moments)")
  }

  @Test("points that are deleted while they are listed are neither shown nor told of")
  func listing() throws {
    for number in 1...40 {
      let bench = try CopyBench()
      let points = try (0..<2).map { try bench.backUp([UInt8($0), 1]) }
      let isDone = Mutex(false)
      bench.snapshots.call(after: number, of: .byteCount) {
        isDone.withLock { $0 = true }
        do {
          try bench.vault.delete(
            points[0], isExpiry: false, trashDays: 0, now: .now, notices: bench.notices)
        } catch { Issue.record(error) }
      }
      let listed = try bench.vault.points(notices: bench.notices).map(\.point)
      bench.snapshots.call(after: 0, nil)
      guard isDone.withLock({ $0 }) else {
        #expect(number > 2)
        break
      }
      #expect(listed.last == points[1] && bench.notices.all == [], "question \(number)")
    }
  }
}
