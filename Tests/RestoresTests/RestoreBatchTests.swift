import Hashing
import TestSupport
import Testing
import Tiers

@testable import Restores

@Suite struct RestoreBatchTests {
  @Test("what follows one another on the disk is one run, and a gap begins another")
  func runs() {
    var batch = RestoreBatch()
    batch.append(contentID([1]), byteCount: 10, at: 100)
    batch.append(contentID([2]), byteCount: 5, at: 110)
    batch.append(contentID([3]), byteCount: 7, at: 500)
    batch.append(contentID([1]), byteCount: 10, at: 507)
    #expect(batch.runs.map(\.start) == [100, 500])
    #expect(batch.runs.map(\.bytes) == [0..<15, 15..<32])
    #expect(batch.chunks.map(\.target) == [0, 10, 15, 22])
    #expect(batch.byteCount == 32)
  }

  @Test("a chunk is found where it begins on the disk first")
  func places() {
    var batch = RestoreBatch()
    batch.append(contentID([1]), byteCount: 10, at: 100)
    batch.append(contentID([2]), byteCount: 5, at: 4096)
    batch.append(contentID([3]), byteCount: 5, at: 4101)
    batch.append(contentID([1]), byteCount: 10, at: 9000)
    #expect(batch.start(of: contentID([1])) == 100)
    #expect(batch.start(of: contentID([3])) == 4101)
    #expect(batch.start(of: contentID([4])) == nil)
  }
}
