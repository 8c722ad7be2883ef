internal import Bytes
package import Encryption
package import SystemPackage

/// A LUKS container in a file, formatted by cryptsetup and filled by `Tests/Judges/encrypt-sectors`
/// with the key that cryptsetup tells.
package struct LUKSContainer {
  /// What it is formatted with.
  package struct Kind: Sendable, CustomStringConvertible {
    package var version: Int
    package var cipher: String
    package var keyBits: Int
    package var hash: String
    package var work: String
    package var sector: Int

    package init(
      version: Int = 2, cipher: String = "aes-xts-plain64", keyBits: Int = 512,
      hash: String = "sha256", work: String = "pbkdf2", sector: Int = 512
    ) {
      self.version = version
      self.cipher = cipher
      self.keyBits = keyBits
      self.hash = hash
      self.work = work
      self.sector = sector
    }

    package var description: String {
      "LUKS\(version) \(cipher) \(keyBits) bits \(hash) \(work) sectors of \(sector)"
    }

    /// What cryptsetup is told: little work, and little room for keys.
    package var arguments: [String] {
      var all = ["--type", "luks\(version)", "--cipher", cipher, "--key-size", "\(keyBits)"]
      all += ["--hash", hash, "--offset", "\(LUKSContainer.offset / 512)"]
      if version == 1 { return all + ["--pbkdf-force-iterations", "1000"] }
      all += ["--pbkdf", work, "--sector-size", "\(sector)"]
      all += ["--luks2-metadata-size", "16k", "--luks2-keyslots-size", "768k"]
      return all
        + (work == "pbkdf2"
          ? ["--pbkdf-force-iterations", "1000"]
          : ["--pbkdf-force-iterations", "4", "--pbkdf-memory", "256", "--pbkdf-parallel", "2"])
    }
  }

  /// Where the data begins.
  package static let offset = 2 << 20

  private let kind: Kind
  private let directory: TemporaryDirectory
  package let image: FilePath
  private let keyFile: FilePath

  /// - Parameters:
  ///   - plain: what lies in it, whole sectors.
  ///   - passphrase: opens it.
  package init(_ kind: Kind = Kind(), holding plain: [UInt8], passphrase: [UInt8]) throws {
    self.kind = kind
    directory = try TemporaryDirectory(isInMemory: true)
    image = directory.appending("image")
    keyFile = directory.appending("key")
    try writeFile(passphrase, to: keyFile, sparse: false)
    try writeFile([UInt8](repeating: 0, count: Self.offset + plain.count), to: image)
    try output(
      of: "cryptsetup",
      arguments: ["luksFormat", "--batch-mode", "--key-file", keyFile.string] + kind.arguments
        + [image.string])
    try fill(plain)
  }

  private func fill(_ plain: [UInt8]) throws {
    let (key, clear) = (directory.appending("volume-key"), directory.appending("plain"))
    try output(
      of: "cryptsetup", "luksDump", "--batch-mode", "--dump-volume-key", "--key-file",
      keyFile.string, "--volume-key-file", key.string, image.string)
    try writeFile(plain, to: clear, sparse: false)
    let judge = FilePath(#filePath).removingLastComponent().removingLastComponent()
      .appending("Judges").appending("encrypt-sectors")
    try output(
      of: "/bin/sh", "-c",
      "'\(judge)' \(kind.cipher) \(kind.sector) 0 \(key.string) <\(clear.string) "
        + "| dd of=\(image.string) bs=1M seek=2 conv=notrunc status=none")
  }

  /// Another passphrase for another slot.
  package func add(passphrase: [UInt8]) throws {
    let file = directory.appending("new-key")
    try writeFile(passphrase, to: file, sparse: false)
    let work =
      kind.work == "pbkdf2" || kind.version == 1
      ? ["--pbkdf-force-iterations", "1000"]
      : ["--pbkdf-force-iterations", "4", "--pbkdf-memory", "256", "--pbkdf-parallel", "2"]
    try output(
      of: "cryptsetup",
      arguments: ["luksAddKey", "--batch-mode", "--key-file", keyFile.string] + work
        + (kind.version == 1 ? [] : ["--pbkdf", kind.work]) + [image.string, file.string])
  }

  package var bytes: [UInt8] { get throws { try readFile(image) } }
}

/// A secret of these bytes.
package func secret(_ bytes: [UInt8]) -> Secret { Secret(copying: bytes.span.bytes) }

/// A secret of these characters.
package func secret(_ text: String) -> Secret { secret(Array(text.utf8)) }
