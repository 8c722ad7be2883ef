import Bytes
import Hashing
import TestSupport
import Testing

@testable import Encryption

@Suite struct ContentNamerTests {
  @Test("many names at once are the names one by one", arguments: [false, true])
  func manyAtOnce(encrypted: Bool) {
    var random = Seed.ofThisRun.random
    let keys = VaultKeys(master: .random(byteCount: 32), vault: "a vault")
    let protection: ContentProtection = encrypted ? .encrypted(keys) : .none
    let bytes = random.bytes(2 << 20)
    let raw = bytes.span.bytes
    var namer = ContentNamer(protection)
    var reference = ContentNamer(protection)
    for count in [0, 1, 5, 16, 40, 200] {
      let parts = (0..<count).map { _ in
        let start = random.below(bytes.count)
        return start..<start + 1 + random.below(min(bytes.count - start, 150_000))
      }
      let expected = parts.map { reference.name(raw.extracting($0)) }
      #expect(namer.names(of: parts, in: raw) == expected, "\(Seed.ofThisRun)")
    }
  }

  @Test("names under two keys differ, many at once as well")
  func keyed() {
    let bytes = [UInt8](repeating: 1, count: 32 * 4096)
    let parts = (0..<32).map { $0 * 4096..<($0 + 1) * 4096 }
    let names = (0..<2).map { _ in
      let keys = VaultKeys(master: .random(byteCount: 32), vault: "a vault")
      var namer = ContentNamer(.encrypted(keys))
      return Set(namer.names(of: parts, in: bytes.span.bytes))
    }
    #expect(names.allSatisfy { $0.count == 1 } && names[0] != names[1])
  }
}
