import Encryption
import TestSupport
import Testing

@Suite struct PassphraseCostTests {
  @Test(
    "a cost that is too low, too high or no cost at all is not accepted",
    arguments: [
      (16, 8, 1, true), (17, 8, 2, true), (18, 8, 1, true), (14, 32, 1, true), (21, 1, 2, true),
      (15, 8, 1, false), (14, 8, 1, false), (13, 32, 1, false), (18, 1, 1, false),
      (19, 8, 1, false), (21, 2, 1, false), (16, 32, 2, true), (17, 32, 1, false),
      (16, 8, 0, false), (16, 8, 3, false), (16, 8, -1, false), (16, 8, .max, false),
      (16, 8, .min, false), (16, 0, 1, false), (16, -8, 1, false), (16, 33, 1, false),
      (16, .max, 1, false), (16, .min, 1, false), (0, 8, 1, false), (-1, 8, 1, false),
      (9, 32, 1, false), (24, 1, 1, false), (63, 8, 1, false), (64, 8, 1, false),
      (.max, 8, 1, false), (.min, 8, 1, false), (.max, .max, .max, false), (0, 0, 0, false),
    ])
  func acceptable(logN: Int, r: Int, p: Int, isAcceptable: Bool) {
    #expect(PassphraseCost(logN: logN, r: r, p: p).isAcceptable == isAcceptable)
  }

  @Test("what is accepted takes from 64 to 256 MiB, and the standard is accepted")
  func memory() {
    #expect(PassphraseCost.standard.isAcceptable)
    #expect(PassphraseCost.standard.memoryByteCount == 64 << 20)
    var random = Seed.ofThisRun.random
    for _ in 0..<20_000 {
      let cost = PassphraseCost(
        logN: random.below(30) - 3, r: random.below(40) - 3, p: random.below(8) - 2)
      guard cost.isAcceptable else { continue }
      #expect(
        (64 << 20...256 << 20).contains(cost.memoryByteCount) && (1...2).contains(cost.p),
        "\(cost) \(Seed.ofThisRun)")
    }
  }
}
