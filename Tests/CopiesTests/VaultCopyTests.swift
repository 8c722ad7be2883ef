import Bytes
import Copies
import Encryption
import Hashing
import Packs
import Restores
import Stores
import SystemPackage
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@Suite struct VaultCopyTests {
  private let bytes: [UInt8]

  init() {
    var random = Seed.ofThisRun.random
    bytes = DiskModel(byteCount: 1_200_001, runs: 12, random: &random).bytes
  }

  @discardableResult
  private func copy(
    _ point: RecoveryPoint, from source: CopyBench, to target: CopyBench,
    _ cancellation: Cancellation = Cancellation()
  ) throws -> RecoveryPoint? {
    try VaultCopy(point, from: source.open(.snapshot), of: source.vault, to: target.vault)
      .run(notices: target.notices, progress: Progress(), cancellation: cancellation)
  }

  private func isEmpty(_ bench: CopyBench) -> Bool {
    bench.snapshots.paths(in: .points).isEmpty && bench.snapshots.paths(in: .machines).isEmpty
  }

  @Test(
    "a point is in the other vault under its own name, and restores there bit for bit",
    arguments: [(false, true), (true, false), (true, true), (false, false)])
  func everyWay(isEncrypted: (source: Bool, target: Bool)) throws {
    let source = try CopyBench(isEncrypted: isEncrypted.source)
    let target = try CopyBench(isEncrypted: isEncrypted.target)
    let point = try source.backUp(bytes)
    let found = try #require(try copy(point, from: source, to: target))
    #expect(found.id == point.id && found.time == point.time && found.tags == point.tags)
    #expect(found.disks.map(\.name) == ["root"] && found.disks[0].size == point.disks[0].size)
    #expect(found.disks[0].source == point.disks[0].source)
    if isEncrypted.source || isEncrypted.target {
      #expect(found.disks[0].root != point.disks[0].root, "a name tells nothing without the key")
    }
    let listed = try target.vault.points(notices: target.notices)
    #expect(listed.map(\.point) == [found] && listed[0].tiers == [.snapshot])
    expectSame(try target.restore(found, from: .snapshot), bytes, "\(Seed.ofThisRun)")
    #expect(target.notices.all == [] && source.notices.all == [])
    for path in target.snapshots.contents.keys where isEncrypted.target {
      #expect(!path.description.contains("web01"))
    }
  }

  @Test("what the other vault has already is shared, whoever stored it there first")
  func sharing() throws {
    let (source, target) = (try CopyBench(), try CopyBench(isEncrypted: true))
    _ = try target.backUp(bytes, of: "db01")
    var changed = bytes
    changed.replaceSubrange(0..<4096, with: repeated([9, 8, 7], 4096))
    let points = [try source.backUp(bytes), try source.backUp(changed)]
    let first = try #require(try copy(points[0], from: source, to: target))
    #expect(first.disks[0].newBytes == 0 && first.disks[0].storedBytes == 0)
    let second = try #require(try copy(points[1], from: source, to: target))
    #expect(second.disks[0].newChunks == 1 && second.disks[0].newBytes < 300_000)
    expectSame(try target.restore(second, from: .snapshot), changed, "\(Seed.ofThisRun)")
  }

  @Test("a point that the other vault has is not copied again, and nothing is written")
  func again() throws {
    let (source, target) = (try CopyBench(), try CopyBench(isEncrypted: true))
    let point = try source.backUp(bytes)
    try copy(point, from: source, to: target)
    target.snapshots.fail(.put, number: 0)
    #expect(try copy(point, from: source, to: target) == nil)
    #expect(target.snapshots.count(of: .put) == 0)
  }

  @Test("a machine comes along where the other vault does not know it, and only there")
  func machines() throws {
    let (source, target) = (try CopyBench(), try CopyBench(isEncrypted: true))
    let first = try source.backUp(bytes)
    try copy(first, from: source, to: target)
    let known = try #require(try target.vault.machine("web01", notices: target.notices))
    #expect(known == (try source.vault.machine("web01", notices: source.notices)))
    let later = Timestamp(secondsSince1970: first.time.secondsSince1970 + 100)
    try copy(try source.backUp(bytes, now: later), from: source, to: target)
    #expect(try target.vault.machine("web01", notices: target.notices) == known)
  }

  @Test("secrets are sealed with the other vault's keys, and never go into a vault without")
  func secrets() throws {
    let (source, target) = (try CopyBench(isEncrypted: true), try CopyBench(isEncrypted: true))
    let secrets: [String: [UInt8]] = ["luks": Array(1...64), "tpm": [0]]
    let point = try source.backUp(bytes, secrets: secrets)
    let found = try #require(try copy(point, from: source, to: target))
    #expect(found.secrets?.map(\.name) == ["luks", "tpm"] && found.secrets != point.secrets)
    let keys = try target.vault.requireKeys()
    for secret in found.secrets ?? [] {
      let opened = try secret.open(of: "web01", keys)
      #expect(opened.withBytes { [UInt8]($0) } == secrets[secret.name])
      #expect(throws: VaultError.self) { _ = try secret.open(of: "web02", keys) }
      let others = try source.vault.requireKeys()
      #expect(throws: VaultError.self) { _ = try secret.open(of: "web01", others) }
    }
    let plain = try CopyBench()
    let error = #expect(throws: VaultError.self) { try copy(point, from: source, to: plain) }
    #expect("\(try #require(error))".contains("not encrypted"))
    #expect(plain.snapshots.contents.isEmpty)
  }

  @Test("a copy that is stopped or cut off at any write leaves no point, and the next one ends it")
  func stopped() throws {
    let source = try CopyBench()
    let point = try source.backUp(bytes)
    var failures = 0
    for number in 1..<12 {
      let target = try CopyBench(isEncrypted: true)
      let cancellation = Cancellation()
      if number == 1 { cancellation.request() }
      target.snapshots.fail(.put, number: number - 1)
      do {
        try copy(point, from: source, to: target, cancellation)
        break
      } catch {
        #expect(number == 1 ? error is Cancelled : error is StoreError, "\(error)")
        failures += 1
      }
      #expect(target.snapshots.paths(in: .points).isEmpty, "put \(number)")
      let found = try #require(try copy(point, from: source, to: target))
      expectSame(try target.restore(found, from: .snapshot), bytes, "put \(number)")
    }
    #expect(failures == 7, "a lease, two packs, index, machine, point: \(failures)")
  }

  @Test("a chunk that the source has lost is an error with its place on the disk, and no point")
  func damagedSource() throws {
    var random = Seed.ofThisRun.random
    for isEncrypted in [false, true] {
      let source = try CopyBench(isEncrypted: isEncrypted)
      let target = try CopyBench(isEncrypted: true)
      let content = random.bytes(700_000)
      let point = try source.backUp(content)
      let pack = source.snapshots.chunkPack
      let records = source.snapshots.bytes(at: pack) ?? []
      let lost = try #require(
        walkRecords(ofPack: records.span.bytes).randomElement(using: &random))
      source.snapshots.flipBit((Int(lost.offset) + RecordHeader.byteCount + 20) * 8, of: pack)
      let error = #expect(throws: RestoreError.self) {
        try copy(point, from: source, to: target)
      }
      let offset = Int(try #require(error).offset)
      #expect("\(try #require(error))".contains("\(lost.id)"))
      var namer = ContentNamer(source.vault.protection)
      let part = Array(content[offset...].prefix(Int(lost.plainByteCount)))
      #expect(namer.name(part.span.bytes) == lost.id, "\(offset) \(Seed.ofThisRun)")
      #expect(isEmpty(target))
    }
  }

  @Test("a vault whose key is not at hand neither gives points nor takes any")
  func locked() throws {
    let (source, target) = (try CopyBench(isEncrypted: true), try CopyBench(isEncrypted: true))
    let point = try source.backUp(bytes)
    let lockedSource = try source.locked()
    let lockedTarget = try target.locked()
    #expect(throws: (any Error).self) {
      let open = try OpenTier(lockedSource.firstTier, notices: source.notices)
      _ = try VaultCopy(point, from: open, of: lockedSource, to: target.vault)
        .run(notices: target.notices, progress: Progress(), cancellation: Cancellation())
    }
    #expect(throws: LockedError.self) {
      _ = try VaultCopy(point, from: source.open(.snapshot), of: source.vault, to: lockedTarget)
        .run(notices: target.notices, progress: Progress(), cancellation: Cancellation())
    }
    #expect(target.snapshots.contents.isEmpty)
  }
}

@Suite struct DocumentCopyTests {
  @Test("a copied point is the same file in every tier, sealed or not", arguments: [false, true])
  func sameBytes(isEncrypted: Bool) throws {
    let bench = try CopyBench(isEncrypted: isEncrypted)
    let point = try bench.backUp(repeated([1, 2, 3], 50_000))
    try bench.copy([point])
    try bench.copy([point], from: .vault, to: .secondary)
    for folder in [ObjectFolder.points, .machines] {
      let path = try #require(bench.snapshots.paths(in: folder).first)
      for store in bench.copies + bench.far {
        #expect(store.bytes(at: path) == bench.snapshots.bytes(at: path), "\(store.name) \(path)")
      }
    }
  }

  @Test("a damaged or forged document is passed over, and where no store has a good one none goes")
  func damaged() throws {
    let bench = try CopyBench(isEncrypted: true)
    let points = try (1...2).map {
      try bench.backUp(repeated([1, UInt8($0)], 50_000), now: Timestamp(secondsSince1970: $0))
    }
    try bench.copy(points)
    let paths = try points.map { try bench.vault.path(of: $0) }
    let good = bench.copies[0].bytes(at: paths[0])
    // A good document of another point has a good digest, and the seal of another place.
    bench.copies[0].place(bench.copies[0].bytes(at: paths[1]) ?? [], at: paths[0])
    bench.copies[1].flipBit(8 * 70, of: paths[0])
    try bench.copy([points[0]], from: .vault, to: .secondary)
    #expect(bench.far.allSatisfy { $0.bytes(at: paths[0]) == good })
    for store in bench.far { store.drop(paths[0]) }
    bench.copies[2].flipBit(8 * 70, of: paths[0])
    #expect(throws: VaultError.self) {
      try bench.copy([points[0]], from: .vault, to: .secondary)
    }
    #expect(bench.far.allSatisfy { $0.bytes(at: paths[0]) == nil })
  }
}
