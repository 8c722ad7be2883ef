import TestSupport
import Testing

@testable import Filesystems

/// Chains through tables made at random, against a walk that remembers every cluster.
@Suite struct ClusterChainTests {
  private struct Table: ClusterLinks {
    var links: [ClusterLink]
    mutating func link(from cluster: UInt32) -> ClusterLink { links[Int(cluster)] }
  }

  private let heap = ClusterHeap(start: 1 << 20, clusterByteCount: 4096, clusterCount: 60)

  @Test func `a chain is what a plain walk finds, and a circle is found wherever it is`() throws {
    var random = Seed.ofThisRun.random
    var circles = 0
    for _ in 0..<4000 {
      var table = Table(
        links: (0..<62).map { cluster in
          switch random.below(24) {
          case 0: .end
          case 1: .broken(reason: "\(cluster)")
          case 2..<14: .next(UInt32(min(cluster + 1, 61)))
          default: .next(UInt32(2 + random.below(60)))
          }
        })
      let first = UInt32(2 + random.below(60))
      let limit = UInt32(1 + random.below(70))
      let chain = try ClusterChain(from: first, limit: limit, in: heap, through: &table)

      var walked = [first]
      var ending = ClusterChain.Ending.limit
      while walked.count < limit {
        let link = table.link(from: walked.last!)
        if case .next(let next) = link {
          walked.append(next)
          continue
        }
        if case .broken(let reason) = link {
          ending = .broken(reason: reason)
        } else {
          ending = .end
        }
        break
      }
      if Set(walked).count < walked.count { ending = .circle }
      #expect(chain.ending == ending, "\(Seed.ofThisRun)")
      if ending == .circle {
        circles += 1
        continue
      }
      #expect(chain.clusterCount == walked.count)
      #expect((0..<walked.count).map { chain.run(at: UInt64($0))?.cluster } == walked)
      #expect(chain.run(at: UInt64(walked.count)) == nil)
      let places = chain.ranges(in: heap).flatMap {
        stride(from: $0.lowerBound, to: $0.upperBound, by: 4096)
      }
      #expect(places == walked.map { heap.offset(of: $0) })
    }
    #expect(circles > 100)
  }

  @Test func `neighbours are one run, as far as there are clusters`() {
    let chain = ClusterChain(contiguousFrom: 40, count: 10, in: heap)
    #expect(chain.ending == .limit)
    #expect(chain.run(at: 3)?.cluster == 43)
    #expect(chain.run(at: 3)?.count == 7)
    let long = ClusterChain(contiguousFrom: 60, count: 1 << 40, in: heap)
    #expect(long.clusterCount == 2)
    #expect(long.ending == .broken(reason: "it goes on after cluster 61, the last"))
    #expect(ClusterChain(contiguousFrom: 62, count: 1, in: heap).clusterCount == 0)
  }
}
