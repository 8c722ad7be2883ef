import Testing

/// Volumes that a machine encrypted, looked into by the program as it is shipped.
@Suite(
  .enabled(
    if: ["cryptsetup", "mke2fs", "sfdisk", "python3"].allSatisfy(isInstalled),
    "cryptsetup, mke2fs, sfdisk or python3 is not installed"))
struct EncryptedVolumeTests {
  private let kluis = Kluis(encrypted: [])

  private static let package =
    "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

  /// A disk with an ext4 in LUKS2 in its only partition; Argon2id makes its key.
  private func makeImage(passphrase: String) -> String {
    let judge = "\(Self.package)/Tests/Judges/encrypt-sectors"
    writeBytes(Array(passphrase.utf8), to: kluis.path("pass"))
    run(
      "sh", "-ec",
      """
      cd '\(kluis.path("."))'
      mkdir -p tree/etc tree/usr tree/home && echo 'NAME=safe' >tree/etc/os-release
      seq 1 300000 >tree/home/numbers
      mke2fs -q -F -t ext4 -L inside -d tree plain 24M
      truncate -s 28M luks
      cryptsetup luksFormat --batch-mode --type luks2 --pbkdf argon2id --pbkdf-memory 1024 \
        --pbkdf-force-iterations 4 --pbkdf-parallel 1 --offset 8192 --sector-size 4096 \
        --luks2-keyslots-size 1m --key-file pass luks
      cryptsetup luksDump --batch-mode --dump-volume-key --key-file pass \
        --volume-key-file volume-key luks
      '\(judge)' aes-xts-plain64 4096 0 volume-key <plain |
        dd of=luks bs=1M seek=4 conv=notrunc status=none
      truncate -s 30M disk.img
      echo 'start=2048' | sfdisk --quiet --label dos disk.img
      dd if=luks of=disk.img bs=1M seek=1 conv=notrunc status=none
      """)
    return kluis.path("disk.img")
  }

  @Test func `files come out of an encrypted volume with its secret`() throws {
    let image = makeImage(passphrase: "correct horse")
    let pass = kluis.makePassphraseFile("given", "correct horse")
    let wrong = kluis.makePassphraseFile("wrong", "battery staple")
    let numbers = readBytes(kluis.path("tree/home/numbers"))
    let disk = ["--image", "root=\(image)"]
    let closed = kluis.run(["volumes"] + disk).expect(0, saying: "--secret-file")
    #expect(!closed.output.contains("root/1/luks"))
    kluis.run(["volumes"] + disk + ["--secret-file", wrong])
      .expect(3, saying: "none of the secrets given opens it")
    kluis.run(["cat", "root/1:/home/numbers"] + disk + ["--secret-file", wrong])
      .expect(1, saying: "root/1 cannot be read: it is encrypted")
    kluis.run(["volumes"] + disk + ["--secret-file", kluis.path("none")])
      .expect(1, saying: "none")
    let open = disk + ["--secret-file", wrong, "--secret-file", pass]
    let listed = kluis.run(["volumes", "--json"] + open).expect(0)
    let inside = try JSONValue(listed.output)["volumes"][2]
    #expect(inside["name"].text == "root/1/luks" && inside["kind"].text == "decrypted")
    #expect(inside["content"]["label"].text == "inside" && inside["state"].text == "clean")
    for place in ["/home/numbers", "root/1/luks:/home/numbers", "LABEL=inside:/home/numbers"] {
      let read = kluis.run(["cat", place] + open).expect(0)
      #expect(Array(read.output.utf8) == numbers, "\(place)")
    }
  }

  @Test func `a point that keeps the secret opens by itself`() throws {
    let image = makeImage(passphrase: "correct horse")
    kluis(
      "backup", "safe", "--disk", "root=\(image)", "--secret", "luks=\(kluis.path("pass"))"
    ).expect(0)
    kluis("ls", "safe:/").expect(0, saying: "home")
    kluis("restore", "files", "safe", "/home", "--to", kluis.path("out")).expect(0)
    #expect(haveSameBytes(kluis.path("out/home/numbers"), kluis.path("tree/home/numbers")))
    kluis("versions", "safe:/home/numbers").expect(0, saying: "safe@")
    kluis("diff", "safe", "--image", "root=\(image)").expect(0)
  }
}
