import Bytes
import Files
import SystemPackage
import TestSupport
import Testing

@testable import Restores

@Suite struct DiskPatchTests {
  private let directory: TemporaryDirectory
  private let old: [UInt8]
  private let new: [UInt8]

  init() throws {
    var random = Seed.ofThisRun.random
    directory = try TemporaryDirectory()
    var model = DiskModel(byteCount: 900_001, runs: 8, random: &random)
    old = model.bytes
    for _ in 0..<6 { model.mutate(&random) }
    new = model.bytes
    try writeFile(old, to: disk)
  }

  private var disk: FilePath { directory.appending("disk") }
  private var patch: FilePath { directory.appending("patch") }

  /// Writes the whole of `new` as a patch, in random pieces and order.
  private func write(_ random: inout SeededRandom) throws {
    let writer = try DiskPatchWriter(patch, diskByteCount: UInt64(new.count))
    var pieces: [Range<Int>] = []
    var position = 0
    while position < new.count {
      let end = min(new.count, position + 1 + random.below(90_000))
      pieces.append(position..<end)
      position = end
    }
    for piece in pieces.shuffled(using: &random) {
      let bytes = Array(new[piece])
      if bytes.span.bytes.isZero {
        try writer.writeZeros(UInt64(piece.lowerBound)..<UInt64(piece.upperBound))
      } else {
        try writer.write(bytes.span.bytes, at: UInt64(piece.lowerBound))
      }
    }
    try writer.finish()
  }

  @Test("a patch makes the new disk of the old one, of any mix of both, and once more of the new")
  func applied() throws {
    var random = Seed.ofThisRun.random
    try write(&random)
    let patch = DiskPatch(path: patch)
    try patch.reserve(on: disk)
    expectSame(try readFile(disk), old, "room is set aside, and nothing else")
    for _ in 0..<10 {
      try patch.apply(to: disk)
      expectSame(try readFile(disk), new, "\(Seed.ofThisRun)")
      let cut = random.below(new.count)
      let mix = random.below(2) == 0 ? old[..<cut] + new[cut...] : new[..<cut] + old[cut...]
      try overwriteFile(disk, with: Array(mix))
    }
    try patch.apply(to: disk)
    expectSame(try readFile(disk), new, "\(Seed.ofThisRun)")
  }

  @Test("a patch that is damaged anywhere, cut off or of another disk leaves the disk as it is")
  func damaged() throws {
    var random = Seed.ofThisRun.random
    try write(&random)
    let good = try readFile(patch)
    for round in 0..<150 {
      let bad = mutated(good, &random)
      // What comes behind the end is never looked at.
      if bad.starts(with: good) { continue }
      try writeFile(bad, to: patch)
      #expect(throws: (any Error).self, "round \(round), \(Seed.ofThisRun)") {
        try DiskPatch(path: patch).apply(to: disk)
      }
      expectSame(try readFile(disk), old, "round \(round), \(Seed.ofThisRun)")
    }
    try writeFile(good, to: patch)
    try writeFile(Array(old.dropLast()), to: disk)
    #expect(throws: DiskPatchError.self) { try DiskPatch(path: patch).apply(to: disk) }
  }

  @Test("a disk that somebody holds a lock on is not written")
  func locked() throws {
    var random = Seed.ofThisRun.random
    try write(&random)
    let holder = try File.openForWriting(disk)
    try holder.lock()
    #expect(throws: FileError.self) { try DiskPatch(path: patch).apply(to: disk) }
    expectSame(try readFile(disk), old)
    _ = consume holder
    try DiskPatch(path: patch).apply(to: disk)
    expectSame(try readFile(disk), new)
  }

  @Test("version 1 has these bytes")
  func golden() throws {
    let bytes: [UInt8] = [1, 2, 3]
    let writer = try DiskPatchWriter(patch, diskByteCount: 4096)
    try writer.write(bytes.span.bytes, at: 0x0102)
    try writer.writeZeros(0x200..<0x210)
    try writer.finish()
    let found = try readFile(patch)
    // The digests are those that Python's hashlib gives.
    #expect(hexadecimal(found.span.bytes) == Self.golden)
  }

  private static let golden = """
    4b504154000000000201000000000000030000000000000075f584a4c85bad35adccd55f05f66d95e10cb35a\
    b9e48cacd92c7c9a7a6f92c50102034b50415401000000000200000000000010000000000000001f5a29edf8\
    1cefaeb03bf0af45e2468c81e04fb66d81222814e3a198af5837fa4b50415402000000020000000000000000\
    10000000000000eca02b9ac663e4242a2730c3dc8a78db87db4a44a289000041559d7ab769d601
    """
}
