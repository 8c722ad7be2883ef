import Bytes
import Encryption
import Files
import FoundationEssentials
import SystemPackage
import TestSupport
import Testing

@testable import Vaults

@Suite struct SealedSecretTests {
  @Test("a machine's secret opens as it was sealed, of any length up to the limit")
  func secrets() throws {
    for byteCount in [0, 1, 32, SealedSecret.byteLimit] {
      let secret = Secret.random(byteCount: max(1, byteCount)).prefix(byteCount)
      let sealed = SealedSecret(secret, named: "luks", of: "web01", fixtureKeys)
      #expect(try sealed.open(of: "web01", fixtureKeys).isEqual(to: secret))
      let json = CheckedDocument.json(sealed)
      #expect(try JSONDecoder().decode(SealedSecret.self, from: Data(json)) == sealed)
    }
  }

  @Test("a secret that was altered, renamed or given to another machine does not open")
  func alteredSecrets() throws {
    let secret = Secret.random(byteCount: 16)
    let sealed = SealedSecret(secret, named: "luks", of: "web01", fixtureKeys)
    #expect(sealed != SealedSecret(secret, named: "luks", of: "web01", fixtureKeys))
    func expectRefused(_ sealed: SealedSecret, of machine: String, _ keys: VaultKeys) {
      expectVaultError("it was altered, or sealed with another key") {
        _ = try sealed.open(of: machine, keys)
      }
    }
    expectRefused(sealed, of: "web02", fixtureKeys)
    expectRefused(sealed, of: "", fixtureKeys)
    expectRefused(sealed, of: "web01", VaultKeys(master: fixtureMaster, vault: "another"))
    func changed(_ change: (inout [String: String]) -> Void) throws -> SealedSecret {
      var fields = try JSONDecoder().decode(
        [String: String].self, from: Data(CheckedDocument.json(sealed)))
      change(&fields)
      return try JSONDecoder().decode(
        SealedSecret.self, from: Data(CheckedDocument.json(fields)))
    }
    #expect(try changed { _ in }.open(of: "web01", fixtureKeys).isEqual(to: secret))
    let fields = try JSONDecoder().decode(
      [String: String].self, from: Data(CheckedDocument.json(sealed)))
    let digits = try #require(fields["sealed"])
    expectRefused(try changed { $0["name"] = "luks2" }, of: "web01", fixtureKeys)
    for place in digits.indices {
      let digit = digits[place] == "0" ? "1" : "0"
      let text = digits.replacingCharacters(at: place, with: digit)
      expectRefused(try changed { $0["sealed"] = text }, of: "web01", fixtureKeys)
    }
    for count in 0..<digits.count {
      let text = String(digits.prefix(count))
      expectRefused(try changed { $0["sealed"] = text }, of: "web01", fixtureKeys)
    }
  }
}

/// What people keep passphrases and keys in.
@Suite struct SecretFileTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func file(_ bytes: [UInt8]) throws -> FilePath {
    let path = directory.appending("secret")
    try writeFile(bytes, to: path, sparse: false)
    return path
  }

  private func expectRefused(
    _ text: String, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
  ) {
    do {
      try body()
      Issue.record("it was read, not \"\(text)\"", sourceLocation: sourceLocation)
    } catch {
      #expect(error is SecretFileError, sourceLocation: sourceLocation)
      #expect("\(error)".contains(text), "\(error)", sourceLocation: sourceLocation)
      #expect("\(error)".contains(directory.path.string), sourceLocation: sourceLocation)
    }
  }

  @Test("a file is read up to its limit and not beyond", arguments: [1, 2, 4095, 4096, 4097, 9000])
  func limits(byteCount: Int) throws {
    var random = Seed.ofThisRun.random
    let bytes = random.bytes(byteCount)
    let path = try file(bytes)
    if byteCount > 4096 {
      expectRefused("more than 4096 bytes") { _ = try readSecret(from: path, limit: 4096) }
    } else {
      let found = try readSecret(from: path, limit: 4096)
      expectSame(found.withBytes { [UInt8]($0) }, bytes)
    }
  }

  @Test("what is no file, empty or not there is refused, with its path and why")
  func refused() throws {
    let empty = try file([])
    let missing = directory.appending("missing")
    let below = empty.appending("below")
    for path in [empty, missing, below, directory.path] {
      let reason =
        switch path {
        case empty: "the file is empty"
        case missing: "No such file or directory"
        case below: "Not a directory"
        default: "Is a directory"
        }
      expectRefused(reason) { _ = try readSecret(from: path, limit: 10) }
      expectRefused(reason) { _ = try Credential.passphrase(inFile: path) }
      expectRefused(reason) { _ = try Credential.key(inFile: path) }
    }
  }

  @Test(
    "a passphrase is the first line of its file, without the line's end",
    arguments: [
      ("word", "word"), ("word\n", "word"), ("word\r\n", "word"),
      (" two words \nmore", " two words "), ("é€🔑\n", "é€🔑"), ("\0\n", "\0"),
    ])
  func passphrases(text: String, line: String) throws {
    let path = try file(Array(text.utf8))
    guard case .passphrase(let found) = try Credential.passphrase(inFile: path) else {
      Issue.record("it is no passphrase")
      return
    }
    #expect(found.withBytes { [UInt8]($0) } == Array(line.utf8))
  }

  @Test("a passphrase whose line is empty or whose file is too long is refused")
  func badPassphrases() throws {
    for text in ["\n", "\r\n", "\nword"] {
      let path = try file(Array(text.utf8))
      expectRefused("its first line is empty") { _ = try Credential.passphrase(inFile: path) }
    }
    let long = try file([UInt8](repeating: 0x61, count: 4097))
    expectRefused("more than 4096 bytes") { _ = try Credential.passphrase(inFile: long) }
  }

  @Test("a key file has 32 bytes, whatever they are, and not one more or less")
  func keyFiles() throws {
    for byte in [0, 10, 13, 255] as [UInt8] {
      let bytes = [UInt8](repeating: byte, count: 32)
      let path = try file(bytes)
      guard case .keyFile(let found) = try Credential.key(inFile: path) else {
        Issue.record("it is no key file")
        continue
      }
      #expect(found.withBytes { [UInt8]($0) } == bytes)
    }
    for (byteCount, text) in [(1, "this has 1 "), (31, "this has 31"), (33, "more than 32 bytes")] {
      let path = try file([UInt8](repeating: 7, count: byteCount))
      expectRefused(text) { _ = try Credential.key(inFile: path) }
      expectRefused("kluis key generate") { _ = try Credential.key(inFile: path) }
    }
  }
}

extension String {
  fileprivate func replacingCharacters(at place: Index, with text: String) -> String {
    self[..<place] + text + self[index(after: place)...]
  }
}
