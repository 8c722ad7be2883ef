import Bytes
import Hashing
import TestSupport
import Testing

@testable import Encryption

/// Every key of a vault, as Python's hmac computes it from the master key 00…1f and the vault's id:
///
///     prk = hmac.digest(vault, master, "sha256")
///     key = hmac.digest(prk, b"kluis 1 " + use + b"\1", "sha256")
@Suite struct VaultKeysTests {
  private let vault = "00112233445566778899aabbccddeeff"
  private let master = secret(
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
  private var keys: VaultKeys { VaultKeys(master: master, vault: vault) }

  @Test("every key follows from the master key and the vault's id, as another program derives it")
  func derived() {
    let keys = keys
    let answers: [(Secret, String)] = [
      (keys.identity, "b863f9d7c87d4e042f181b2f2ec1168b9c44f09f0e90821e0650c9ed8b5958ea"),
      (keys.objects, "2c1b39046e6e6f2f431ef37b0deda64dbbcc275822fb8d5d3fc892c6268eb636"),
      (keys.documents, "5a0b176355269143622d258ea793ed91842d7dd6a54ee933e4dc9ab46270f241"),
      (keys.secrets, "431fd79df5d75a89375b01eca143a1af8ceef39a4478cd9695677bd27230f3bc"),
      (keys.names, "726f2d296273c93fa2537daf7ec4728f6a98f25064d35836127a45a529969e4e"),
      (keys.descriptor, "046dea7cbd42a9587c5dc16c7002937506132722a33b86458a5463d093dae385"),
    ]
    for (key, answer) in answers { #expect(text(key) == answer) }
    #expect(
      keys.chunkerSeed.description
        == "633c8c2dad97b8d76ea432f25344cc71b81c2dddd918c1254c67f5b24f76c520")
    #expect(keys.master.isEqual(to: master))
  }

  @Test(
    "a machine's pseudonym is half an HMAC of its name",
    arguments: [
      ("web01", "0e1c7f9cec701c3cf6038746e154e8d9"), ("é", "6c1fa8f7f77506c08b11808fafa501b5"),
      ("x y", "d8a9899e10b6e914bdad36614d5d3d06"),
    ])
  func pseudonym(machine: String, answer: String) {
    #expect(keys.pseudonym(of: machine) == answer)
  }

  @Test("a descriptor's authenticator is an HMAC of it")
  func authenticator() {
    #expect(
      keys.authenticator(of: Array("a descriptor".utf8)).description
        == "c82d6c37880293a1694cac494669cce005889347080ccb83499ce12ab51fd0bb")
  }

  @Test(
    "chunks and maps are named by HMAC in an encrypted vault, by SHA-256 in any other",
    arguments: [
      (
        [], "fab8f159b63ccd02da89c3ff115d5ff6c8ee55a6215a5e76e47a250544b47e20",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
      ),
      (
        [0x61, 0x62, 0x63], "82266c786673c40ff4ebeb8235ee8941fa9bb36bf3890b0f610ff9422ecd933f",
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
      ),
      (
        [UInt8](repeating: 0, count: 4096),
        "d8b5e0032b32e9b42d1880a9357fdb708271665b3e434359d347e83639440ec1",
        "ad7facb2586fc6e966c004d7d1d16b024f5805ff7cb47c7a85dabd8b48892ca7"
      ),
    ] as [([UInt8], String, String)])
  func names(plain: [UInt8], keyed: String, open: String) throws {
    var keyedNamer = try ContentProtection.encrypted(keys).contentNamer()
    var plainNamer = try ContentProtection.none.contentNamer()
    for _ in 0..<2 {
      #expect(keyedNamer.name(plain.span.bytes).description == keyed)
      #expect(plainNamer.name(plain.span.bytes).description == open)
    }
  }

  @Test("without its key nothing in an encrypted vault can be named, sealed or opened")
  func locked() {
    #expect(throws: LockedError.self) { _ = try ContentProtection.locked.contentNamer() }
    let hasCipher = ContentProtection.locked.recordCipher() != nil
    #expect(!hasCipher && ContentProtection.locked.keys == nil && ContentProtection.locked.isLocked)
    let plainHasCipher = ContentProtection.none.recordCipher() != nil
    #expect(!plainHasCipher && !ContentProtection.none.isLocked)
    let keyedHasCipher = ContentProtection.encrypted(keys).recordCipher() != nil
    #expect(keyedHasCipher && !ContentProtection.encrypted(keys).isLocked)
  }

  @Test("another vault's id or another master key gives other keys, and no two uses share one")
  func apart() {
    let all = [
      keys, VaultKeys(master: master, vault: "00112233445566778899aabbccddeefe"),
      VaultKeys(master: .random(byteCount: 32), vault: vault),
    ].flatMap { keys in
      [
        keys.identity, keys.objects, keys.documents, keys.secrets, keys.names, keys.descriptor,
        keys.master,
      ].map { text($0) } + [keys.chunkerSeed.description]
    }
    // The master key of the first two is one and the same.
    #expect(Set(all).count == all.count - 1)
  }

  private func text(_ secret: Secret) -> String { secret.withBytes { hexadecimal($0) } }
}
