import Copies
import Hashing
import Packs
import Stores
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@Suite struct StoreFillTests {
  private let bench: CopyBench
  private let new = MemoryStore(name: "new")

  init() throws {
    var random = Seed.ofThisRun.random
    bench = try CopyBench()
    for _ in 0..<3 { try bench.copy([try bench.backUp(random.bytes(300_000))]) }
  }

  @discardableResult
  private func fill() throws -> UInt64 {
    var fill = StoreFill(new, from: try bench.open(.vault))
    fill.workerCount = 1
    return try fill.run(progress: Progress(), cancellation: Cancellation())
  }

  private var isEqual: Bool {
    ObjectFolder.kept.allSatisfy { folder in
      new.paths(in: folder) == bench.copies[1].paths(in: folder)
        && new.paths(in: folder).allSatisfy { new.bytes(at: $0) == bench.copies[1].bytes(at: $0) }
    }
  }

  @Test("an empty store that is filled holds what the others hold, file by file")
  func filling() throws {
    let copied = try fill()
    #expect(isEqual && bench.notices.all == [])
    #expect(copied == new.paths(in: .packs).reduce(0) { $0 + UInt64(new.bytes(at: $1)!.count) })
    new.fail(.put, number: 0)
    #expect(try fill() == 0 && new.count(of: .put) == 0)
  }

  @Test("a filling that is cut off goes on where it was; a point is there only with all it needs")
  func resuming() throws {
    var puts = 0
    let packCount = bench.copies[0].paths(in: .packs).count
    for _ in 0..<20 where !isEqual {
      new.fail(.put, number: 3)
      do {
        try fill()
        puts += new.count(of: .put)
      } catch {
        #expect(error is StoreError, "\(error)")
        puts += 2
      }
      #expect(new.paths(in: .points).isEmpty || new.paths(in: .packs).count == packCount)
    }
    let objects = ObjectFolder.kept.reduce(0) { $0 + new.paths(in: $1).count }
    #expect(isEqual && puts == objects, "nothing is copied twice")
  }

  @Test("what the store has in another size is copied again")
  func partial() throws {
    try fill()
    for folder in [ObjectFolder.packs, .index, .points, .machines] {
      let path = new.paths(in: folder)[0]
      new.place(Array(new.bytes(at: path)!.dropLast()), at: path)
    }
    try fill()
    #expect(isEqual)
  }

  @Test("nothing damaged is handed on: each object comes from a store that has it undamaged")
  func damagedSource() throws {
    for folder in [ObjectFolder.packs, .index, .points, .machines] {
      bench.copies[0].flipBit(8 * 70, of: bench.copies[0].paths(in: folder)[0])
    }
    try fill()
    #expect(isEqual)
    #expect(
      bench.copies[0].paths(in: .packs).allSatisfy {
        bench.copies[0].bytes(at: $0) == new.bytes(at: $0)
      })
  }

  @Test("a pack that no store has whole is copied as it is, with a notice that names it")
  func nothingGood() throws {
    let pack = bench.copies[0].paths(in: .packs)[1]
    for copy in bench.copies { copy.flipBit(8 * 70, of: pack) }
    try fill()
    #expect(bench.notices.all.contains { $0.contains(pack.name(without: ".pack")!) })
    #expect(new.bytes(at: pack) == bench.copies[0].bytes(at: pack))
    #expect(new.paths(in: .points) == bench.copies[0].paths(in: .points))
  }

  @Test("a filling that is stopped says so")
  func stopped() throws {
    let cancellation = Cancellation()
    cancellation.request()
    #expect(throws: Cancelled.self) {
      try StoreFill(new, from: bench.open(.vault))
        .run(progress: Progress(), cancellation: cancellation)
    }
    #expect(new.paths(in: .index).isEmpty)
  }
}
