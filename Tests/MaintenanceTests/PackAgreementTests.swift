import Hashing
import TestSupport
import Testing

@testable import Maintenance

@Suite struct PackAgreementTests {
  private let good: [UInt8]
  private let id: PackID

  init() {
    var random = Seed.ofThisRun.random
    let bytes = random.bytes(100_000)
    var digester = Digester()
    id = PackID(digester.digest(bytes.span.bytes))
    good = bytes
  }

  /// The pack with bytes changed at these places.
  private func copy(_ places: Int..., as value: UInt8 = 0x55) -> [UInt8] {
    var bytes = good
    for place in places { bytes[place] ^= value }
    return bytes
  }

  private func agreed(_ copies: [[UInt8]]) -> [UInt8]? {
    var digester = Digester()
    return PackAgreement(copies).pack(id, digester: &digester)
  }

  private func cut(_ count: Int) -> [UInt8] { Array(good.prefix(count)) }

  @Test("damaged copies give the pack where at every place one of them is good")
  func agreement() {
    let cases: [(name: String, copies: [[UInt8]])] = [
      ("one that is good", [good]),
      ("three, each damaged elsewhere", [copy(0), copy(50_000), copy(99_999)]),
      (
        "three, each damaged at many places",
        [copy(1, 9000, 30_000), copy(5000, 20_000, 41_000), copy(14_000, 60_000, 99_999)]
      ),
      ("two, damaged at different places", [copy(10), copy(70_000)]),
      ("two, damaged at several places each", [copy(10, 5000, 9000), copy(70_000, 80_000)]),
      (
        "three, of which two are damaged at the same place alike", [copy(10), copy(10), copy(5000)]
      ),
      (
        "three, at the same place, of which two alike and elsewhere",
        [copy(10, 50_000), copy(10, 60_000), copy(70_000)]
      ),
      ("one side of a block is damaged here, the other side there", [copy(4095), copy(4096)]),
      ("one cut short, one damaged before", [cut(60_000), copy(10)]),
      ("one cut short within the block where the other is damaged", [cut(61_440), copy(61_439)]),
      ("one that is nothing", [[], copy(10), copy(50_000)]),
      (
        "five, of which four are damaged alike",
        [copy(10), copy(10), copy(10), copy(10), copy(90_000)]
      ),
      (
        "five, each damaged elsewhere",
        [copy(10), copy(20_000), copy(40_000), copy(60_000), copy(80_000)]
      ),
      ("one that is longer than it was", [copy(10) + [1, 2, 3], copy(50_000), copy(90_000)]),
      (
        "one that is longer by far, and cut ones",
        [copy(10) + good + good, cut(70_000), copy(65_000)]
      ),
    ]
    for (name, copies) in cases {
      for copies in [copies, copies.reversed()] {
        let found = agreed(copies)
        #expect(found.map { areEqual($0, good) } == true, "\(name) \(Seed.ofThisRun)")
      }
    }
  }

  @Test("where no copy is good at some place, nothing is taken for the pack")
  func disagreement() {
    let cases: [(name: String, copies: [[UInt8]])] = [
      ("none at all", []),
      ("nothing of any", [[], [], []]),
      ("one that is damaged", [copy(10)]),
      ("all damaged at the same byte alike", [copy(10), copy(10), copy(10)]),
      ("all damaged at the same byte", [copy(10), copy(10, as: 1), copy(10, as: 2)]),
      ("all cut short", [cut(99_999), cut(50_000), cut(0)]),
      ("two that are longer, not alike", [copy(10) + [1], copy(50_000) + [2, 3]]),
      ("one whole pack of another name", [Array(good.reversed())]),
      ("good before where the others are damaged, not behind", [cut(40_000), copy(50_000)]),
    ]
    for (name, copies) in cases { #expect(agreed(copies) == nil, "\(name)") }
  }

  @Test("copies that differ everywhere are given up soon")
  func everywhere() {
    var random = Seed.ofThisRun.random
    let copies = (0..<6).map { _ in random.bytes(100_000) }.dropFirst()
    #expect(agreed(Array(copies)) == nil)
    let places = stride(from: 7, to: 100_000, by: 4096).map { $0 }
    var other = good
    for place in places { other[place] ^= 1 }
    var first = good
    first[99_999] ^= 1
    #expect(agreed([first, other]) == nil, "two to the power of the blocks is not tried")
    // One that is damaged everywhere is outvoted, but for where the two others differ.
    var second = good
    second[99_998] ^= 1
    other[99_000] = good[99_000]
    other[98_311] = good[98_311]
    #expect(agreed([first, second, other]).map { areEqual($0, good) } == true)
  }

  @Test("whatever is done to the copies, what comes out is the pack or nothing")
  func fuzz() {
    var random = Seed.ofThisRun.random
    var count = 0
    for round in 0..<60 {
      let copies = (0..<1 + random.below(5)).map { _ in mutated(good, &random) }
      guard let found = agreed(copies) else { continue }
      count += 1
      #expect(areEqual(found, good), "round \(round) \(Seed.ofThisRun)")
    }
    #expect(count > 10, "\(count) of 60 \(Seed.ofThisRun)")
  }
}
