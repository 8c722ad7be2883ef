import BlockDevices
import DiskImages
import Encryption
import SystemPackage
import TestSupport
import Testing

@testable import Volumes

/// Containers that Linux itself filled through dm-crypt, byte for byte as it reads them.
@Suite(.enabled(if: areInstalled("cryptsetup", "sha256sum") && isDebianGuestAvailable()))
struct LUKSOfLinuxTests {
  private static let modules = [
    "dm_mod", "dm_crypt", "aes_generic", "aesni_intel", "xts", "cbc", "ecb", "essiv",
    "sha1_generic", "sha256_generic", "sha512_generic", "algif_skcipher", "algif_hash",
  ]

  private static let kinds: [LUKSContainer.Kind] = [
    .init(version: 1), .init(version: 1, cipher: "aes-cbc-essiv:sha256", keyBits: 256),
    .init(version: 1, cipher: "aes-cbc-plain", keyBits: 128, hash: "sha1"),
    .init(work: "argon2id", sector: 4096), .init(keyBits: 256, hash: "sha512", sector: 512),
    .init(cipher: "aes-cbc-plain64", keyBits: 256, work: "argon2i", sector: 1024),
    .init(cipher: "aes-cbc-essiv:sha256", keyBits: 256, sector: 2048),
  ]

  @Test func `every byte is as Linux has it`() throws {
    let directory = try TemporaryDirectory()
    var script = """
      set -e
      export DM_DISABLE_UDEV=1
      printf 'of Linux' >/tmp/key

      """
    var images: [FilePath] = []
    for (number, kind) in Self.kinds.enumerated() {
      let image = directory.appending("disk\(number)")
      try output(of: "truncate", "-s", "6M", image.string)
      images.append(image)
      let letter = Array("abcdefgh")[number]
      script += """
        cryptsetup luksFormat -q --key-file /tmp/key \(kind.arguments.joined(separator: " ")) \
        /dev/vd\(letter)
        cryptsetup open --key-file /tmp/key /dev/vd\(letter) c
        dd if=/dev/urandom of=/dev/mapper/c bs=64k 2>/dev/null || true
        echo SUM $(sha256sum </dev/mapper/c)
        cryptsetup close c

        """
    }
    let file = directory.appending("script")
    try writeFile(Array(script.utf8), to: file)
    let said = try output(
      of: debianGuest,
      arguments: ["--script", file.string, "--program", "cryptsetup"]
        + Self.modules.flatMap { ["--module", $0] } + images.map(\.string))
    let sums = said.split(separator: "\n").compactMap { line -> String? in
      let words = line.split(separator: " ")
      return words.count >= 2 && words[0] == "SUM" ? String(words[1]) : nil
    }
    try #require(sums.count == Self.kinds.count, "\(said)")
    for (number, image) in images.enumerated() {
      let disk = NamedDisk(name: "sda", device: try DiskImage(opening: image))
      let listing = try findVolumes(on: [disk]) { [secret("of Linux")] }
      let device = try #require(listing.volumes.last?.device)
      #expect(listing.volumes.count == 2 && device.byteCount == 4 << 20, "\(Self.kinds[number])")
      let copy = directory.appending("copy")
      try writeFile(device.bytes(at: 0, count: Int(device.byteCount)), to: copy)
      let sum = try output(of: "sha256sum", copy.string).prefix { $0 != " " }
      #expect(sum == sums[number], "\(Self.kinds[number])")
    }
  }
}
