import Bytes
import Hashing
import TestSupport
import Testing
import Workers

@testable import Restores

@Suite struct ContentCacheTests {
  private struct Refused: Error {}

  private func id(_ number: Int) -> ContentID {
    contentID([UInt8(number & 255), UInt8(number >> 8)])
  }

  @Test func `what several threads want at once is loaded once`() throws {
    let cache = ContentCache<Int>(costLimit: 1000)
    let loads = Counter()
    try runWorkers(count: 8) { _ in
      let value = try cache.value(id(1)) {
        _ = loads.take(below: .max)
        pause(until: .now.advanced(by: .milliseconds(20)))
        return (17, 1)
      }
      #expect(value == 17)
    }
    #expect(loads.take(below: .max) == 1)
    #expect(cache.known(id(1)) == 17 && cache.known(id(2)) == nil)
  }

  @Test func `a load that fails is tried anew by whoever comes next`() throws {
    let cache = ContentCache<Int>(costLimit: 1000)
    #expect(throws: Refused.self) { try cache.value(id(1)) { throw Refused() } }
    #expect(!cache.isPresent(id(1)))
    #expect(try cache.value(id(1)) { (5, 1) } == 5)
  }

  @Test func `those who wait for a load that fails load it themselves`() throws {
    let cache = ContentCache<Int>(costLimit: 1000)
    let attempts = Counter()
    try runWorkers(count: 4) { _ in
      do {
        let value = try cache.value(id(1)) {
          pause(until: .now.advanced(by: .milliseconds(10)))
          if attempts.take(below: .max) == 0 { throw Refused() }
          return (9, 1)
        }
        #expect(value == 9)
      } catch is Refused { return }
    }
    #expect(cache.known(id(1)) == 9)
  }

  @Test func `what is kept stays within the limit, and what was used lately is kept`() throws {
    let cache = ContentCache<Int>(costLimit: 100)
    for number in 0..<1000 {
      _ = try cache.value(id(number)) { (number, 10) }
      #expect(cache.known(id(0)) == 0, "used after each other one")
    }
    let kept = (0..<1000).filter { cache.isPresent(id($0)) }
    #expect(kept.count <= 10 && kept.contains(999) && !kept.contains(500))
  }
}
