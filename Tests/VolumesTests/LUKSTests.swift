import BlockDevices
import Encryption
import TestSupport
import Testing

@testable import Volumes

/// Containers that cryptsetup made.
@Suite(.enabled(if: areInstalled("cryptsetup", "python3")))
struct LUKSTests {
  typealias Kind = LUKSContainer.Kind

  private static let kinds: [Kind] = [
    Kind(version: 1), Kind(version: 1, keyBits: 256, hash: "sha1"),
    Kind(version: 1, cipher: "aes-cbc-essiv:sha256", keyBits: 256, hash: "sha512"),
    Kind(version: 1, cipher: "aes-cbc-plain64", keyBits: 128),
    Kind(version: 1, cipher: "aes-cbc-plain", keyBits: 256),
    Kind(), Kind(keyBits: 256, hash: "sha512", sector: 4096),
    Kind(work: "argon2id", sector: 4096), Kind(hash: "sha512", work: "argon2i", sector: 2048),
    Kind(cipher: "aes-cbc-essiv:sha256", keyBits: 256, hash: "sha1", sector: 1024),
    Kind(cipher: "aes-cbc-plain64", keyBits: 256, work: "argon2id"),
  ]

  private func listing(_ disk: [UInt8], _ secrets: [Secret]) throws -> VolumeListing {
    try findVolumes(
      on: [NamedDisk(name: "sda", device: MemoryDevice(disk))], secrets: { secrets })
  }

  @Test(arguments: kinds)
  func `a container of any kind is read byte for byte`(kind: Kind) throws {
    var random = Seed.ofThisRun.random
    let plain = random.bytes(96 << 10)
    let passphrase = random.bytes(1 + random.below(100))
    let container = try LUKSContainer(kind, holding: plain, passphrase: passphrase)
    let disk = try container.bytes
    let found = try listing(disk, [secret("another"), secret(passphrase)])
    #expect(found.problems == [], "\(kind) \(Seed.ofThisRun)")
    let inside = try #require(found.volumes.last)
    #expect(found.volumes.map(\.name) == ["sda", "sda/luks"])
    #expect(inside.kind == .decrypted(container: "sda"))
    let device = try #require(inside.device)
    expectSame(try device.bytes(at: 0, count: plain.count), plain, "\(kind) \(Seed.ofThisRun)")
    for _ in 0..<50 {
      let start = random.below(plain.count)
      let count = random.below(min(9000, plain.count - start) + 1)
      let part = try device.bytes(at: UInt64(start), count: count)
      expectSame(part, Array(plain[start..<start + count]), "\(kind) \(Seed.ofThisRun)")
    }
  }

  @Test(arguments: [Kind(version: 1), Kind(), Kind(work: "argon2id")])
  func `any of several passphrases opens it, and without one it says what to do`(
    kind: Kind
  ) throws {
    let plain = [UInt8](repeating: 7, count: 64 << 10)
    let container = try LUKSContainer(kind, holding: plain, passphrase: Array("first".utf8))
    try container.add(passphrase: Array("second".utf8))
    let disk = try container.bytes
    for text in ["first", "second"] {
      let found = try listing(disk, [secret("third"), secret(text)])
      #expect(found.volumes.count == 2 && found.volumes[0].refusal == nil)
    }
    let wrong = try listing(disk, [secret("third"), secret("first\n")])
    #expect(wrong.volumes.count == 1)
    #expect(
      wrong.volumes[0].refusal == "it is encrypted, and none of the secrets given opens it")
    #expect(wrong.problems.count == 1)
    let none = try listing(disk, [])
    #expect(none.volumes[0].refusal?.contains("--secret-file") == true)
    #expect(none.problems == [])
  }

  @Test func `LUKS2: the second header is read where the first is damaged`() throws {
    let plain = [UInt8](repeating: 7, count: 4096)
    let container = try LUKSContainer(Kind(), holding: plain, passphrase: Array("first".utf8))
    var disk = try container.bytes
    for place in [20, 300, 5000] {
      disk[place] ^= 1
      let found = try listing(disk, [secret("first")])
      #expect(found.volumes.count == 2, "\(place)")
    }
    disk[16_384 + 5000] ^= 1
    let lost = try listing(disk, [secret("first")])
    #expect(lost.volumes[0].refusal?.contains("header is damaged") == true)
  }

  @Test func `what is not known here is named, not tried`() throws {
    let plain = [UInt8](repeating: 7, count: 4096)
    let passphrase = Array("first".utf8)
    let container = try LUKSContainer(Kind(version: 1), holding: plain, passphrase: passphrase)
    let disk = try container.bytes
    func refusal(_ change: (inout [UInt8]) -> Void) throws -> String {
      var changed = disk
      change(&changed)
      return try #require(try listing(changed, [secret("first")]).volumes[0].refusal)
    }
    let serpent = try refusal { $0.replaceSubrange(8..<15, with: Array("serpent".utf8)) }
    #expect(serpent.contains("'serpent-xts-plain64' with 512 bits is not known"))
    let hash = try refusal { $0.replaceSubrange(72..<78, with: Array("sha999".utf8)) }
    #expect(hash.contains("'sha999' is not known"))
    let detached = try refusal { $0.replaceSubrange(104..<108, with: [0, 0, 0, 0]) }
    #expect(detached.contains("detached header"))
    let endless = try refusal { $0.replaceSubrange(212..<216, with: [0x7F, 0xFF, 0xFF, 0xFF]) }
    #expect(endless.contains("iterations, which nobody waits for"))
    let version = try refusal { $0[7] = 3 }
    #expect(version.contains("version 3"))
  }

  @Test func `LUKS2: metadata that asks for the unknown is refused`() throws {
    let plain = [UInt8](repeating: 7, count: 4096)
    let container = try LUKSContainer(
      Kind(work: "argon2id"), holding: plain, passphrase: Array("first".utf8))
    let disk = try container.bytes
    func refusal(_ old: String, _ new: String) throws -> String? {
      let changed = try #require(LUKS2Changes(disk).replacing(old, with: new))
      return try listing(changed, [secret("first")]).volumes[0].refusal
    }
    #expect(try refusal("\"type\":\"crypt\"", "\"type\":\"crypt\"") == nil)
    let unknown = [
      ("\"type\":\"crypt\"", "\"type\":\"hw-opal\"", "'hw-opal' is not known"),
      ("\"iv_tweak\":\"0\"", "\"integrity\":{\"type\":\"hmac(sha256)\"}", "dm-integrity"),
      (
        "\"config\":{",
        "\"config\":{\"requirements\":{\"mandatory\":[\"online-reencrypt-v2\"]},",
        "'online-reencrypt-v2'"
      ),
      ("\"encryption\":\"aes-xts-plain64\",\"sector", "\"encryption\":\"capi:x\",\"sector", "capi"),
      ("\"type\":\"argon2id\"", "\"type\":\"scrypt\"", "'scrypt'"),
      (
        "\"memory\":256", "\"memory\":99999999",
        "it is encrypted; key slot '0': its key would take 99999999 KiB"
      ),
      ("\"memory\":256", "\"memory\":-1", "nobody waits"),
      ("\"offset\":\"2097152\"", "\"offset\":\"0\"", "detached header"),
      ("\"offset\":\"2097152\"", "\"offset\":\"9999999999\"", "detached header"),
      ("\"offset\":\"32768\"", "\"offset\":\"18446744073709551615\"", "is not there"),
      ("\"size\":\"dynamic\"", "\"size\":\"1\"", "segment is of '1' bytes"),
      ("{", "[", "metadata is not what it should be"),
    ]
    for (old, new, reason) in unknown {
      let said = try #require(try refusal(old, new), "\(new)")
      #expect(said.contains(reason), "\(new): \(said)")
    }
  }
}

/// Changes to the metadata of a LUKS2 container whose copies are of 16 KiB, with checksums that
/// fit.
struct LUKS2Changes {
  static let copyByteCount = 16_384
  private(set) var disk: [UInt8]

  init(_ disk: [UInt8]) { self.disk = disk }

  /// Replaces the first `old` in both copies; nil where there is none.
  func replacing(_ old: String, with new: String) -> [UInt8]? {
    var changed = self
    for start in [0, Self.copyByteCount] {
      let range = start + 4096..<start + Self.copyByteCount
      var json = String(decoding: disk[range].prefix { $0 != 0 }, as: UTF8.self)
      guard let place = json.firstRange(of: old) else { return nil }
      json.replaceSubrange(place, with: new)
      let bytes = Array(json.utf8)
      changed.disk.replaceSubrange(
        range, with: bytes + [UInt8](repeating: 0, count: range.count - bytes.count))
    }
    changed.mend()
    return changed.disk
  }

  /// Makes the checksums of both copies fit again.
  mutating func mend() {
    for start in [0, Self.copyByteCount] {
      guard start + Self.copyByteCount <= disk.count else { return }
      for place in start + 448..<start + 512 { disk[place] = 0 }
      var digest = [UInt8](repeating: 0, count: 32)
      var span = digest.mutableSpan
      var target = span.mutableBytes
      HeaderDigest.sha256.digest(
        Array(disk[start..<start + Self.copyByteCount]).span.bytes, into: &target)
      disk.replaceSubrange(start + 448..<start + 480, with: digest)
    }
  }
}
