import BlockDevices
import Encryption
import Glibc
import TestSupport
import Testing

@testable import Volumes

/// Nothing that a LUKS header may say makes its reader trap, or take memory or time without end.
@Suite(.enabled(if: areInstalled("cryptsetup", "python3")))
struct LUKSFuzz {
  /// How many containers of each kind: a 50th of KLUIS_FUZZ_READS, since opening one takes longer
  /// than a look at a disk.
  private static let rounds =
    getenv("KLUIS_FUZZ_READS").flatMap { Int(String(cString: $0)) }.map { $0 / 50 } ?? 250

  private static let plain = [UInt8](repeating: 7, count: 8192)

  /// Opens it where that is no more work than the test asked of cryptsetup, and reads a little.
  ///
  /// - Returns: whether it opened.
  private func look(_ disk: [UInt8]) throws -> Bool {
    let device = MemoryDevice(disk)
    let inside: any BlockDevice
    do {
      var header = try LUKSHeader(on: device)
      header.slots.removeAll { !isCheap($0.work) || !isCheap($0.check.work) }
      inside = try header.open(on: device, with: [secret("first")])
    } catch { return false }
    guard inside.byteCount > 0 else { return true }
    let count = Int(min(4096, inside.byteCount))
    _ = try inside.bytes(at: inside.byteCount - UInt64(count), count: count)
    return true
  }

  private func isCheap(_ work: PassphraseWork) -> Bool {
    switch work {
    case .pbkdf2(_, let iterations): iterations <= 1000
    case .argon2(_, let passes, let memory, let lanes):
      passes <= 4 && memory <= 256 && lanes <= 4
    }
  }

  @Test(arguments: [1, 2])
  func `damaged headers and key slots`(version: Int) throws {
    let seed = Seed.ofThisRun
    print("LUKS\(version): \(Self.rounds) damaged containers from \(seed)")
    var random = seed.random
    let kind = LUKSContainer.Kind(version: version, work: version == 1 ? "pbkdf2" : "argon2id")
    let container = try LUKSContainer(
      kind, holding: Self.plain, passphrase: Array("first".utf8))
    let disk = try container.bytes
    #expect(try look(disk))
    let header = version == 1 ? 0..<592 : 0..<4096
    var opened = 0
    for _ in 0..<Self.rounds {
      var changed = disk
      let places = [header, 0..<592, 4096..<6000, 32_768..<300_000]
      for _ in 0...random.below(2) {
        let place = places[random.below(places.count)]
        let part = mutated(Array(changed[place]), &random)
        let kept = (part + [UInt8](repeating: 0, count: place.count)).prefix(place.count)
        changed.replaceSubrange(place, with: kept)
      }
      if version == 2, random.below(4) > 0 { changed = mended(changed) }
      if random.below(20) == 0 { changed.removeLast(random.below(changed.count)) }
      if try look(changed) { opened += 1 }
    }
    #expect(opened < Self.rounds, "\(seed)")
  }

  @Test func `LUKS2: metadata with other numbers and texts`() throws {
    let seed = Seed.ofThisRun
    print("LUKS2 metadata: \(Self.rounds) changed from \(seed)")
    var random = seed.random
    let container = try LUKSContainer(holding: Self.plain, passphrase: Array("first".utf8))
    let disk = try container.bytes
    let json = Array(disk[4096..<16_384].prefix { $0 != 0 })
    for _ in 0..<Self.rounds {
      var changed = json
      for _ in 0...random.below(3) { change(&changed, &random) }
      changed = Array((changed + [UInt8](repeating: 0, count: 12_288)).prefix(12_288))
      var other = disk
      for start in [4096, 20_480] { other.replaceSubrange(start..<start + 12_288, with: changed) }
      _ = try look(mended(other))
    }
  }

  /// Replaces a value, or removes or doubles a piece.
  private func change(_ json: inout [UInt8], _ random: inout SeededRandom) {
    let edges = [
      "0", "-1", "\"0\"", "\"1\"", "\"512\"", "\"18446744073709551615\"", "9223372036854775807",
      "1e300", "null", "[]", "{}", "\"\"", "\"crypt\"", "\"aes-cbc-plain\"", "4000", "64", "32",
      String(repeating: "[", count: 2000), "\"\\u0000\"", "18446744073709551616",
    ]
    let colons = json.indices.filter { json[$0] == UInt8(ascii: ":") }
    guard let colon = colons.randomElement(using: &random) else { return }
    let ends = [UInt8(ascii: ","), UInt8(ascii: "}")]
    let end = json[colon...].firstIndex { ends.contains($0) } ?? json.endIndex
    switch random.below(4) {
    case 0: json.removeSubrange(colon..<end)
    case 1: json.insert(contentsOf: json[colon..<end], at: colon)
    default:
      json.replaceSubrange(colon + 1..<end, with: edges[random.below(edges.count)].utf8)
    }
  }

  private func mended(_ disk: [UInt8]) -> [UInt8] {
    var changes = LUKS2Changes(disk)
    changes.mend()
    return changes.disk
  }
}
