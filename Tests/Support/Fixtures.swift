package import Encryption
internal import Files
internal import Glibc
internal import SystemPackage
internal import Testing

/// Whether this run makes the fixtures anew.
package let isWritingFixtures = getenv("KLUIS_WRITE_FIXTURES") != nil

/// The bytes of a file below `Fixtures/Formats`.
package func fixture(_ name: String) throws -> [UInt8] { try readFile(fixturePath(name)) }

/// Expects that `bytes` are what the fixture holds. With `KLUIS_WRITE_FIXTURES` set it is written
/// instead: for a new format only, never to silence a failure.
package func expectFixture(_ name: String, holds bytes: [UInt8]) throws {
  if isWritingFixtures {
    try makeDirectory(parent(of: fixturePath(name)))
    try writeFile(bytes, to: fixturePath(name), sparse: false)
  }
  let difference = firstDifference(try fixture(name), bytes)
  #expect(difference == nil, "the format of \(name) has changed")
}

/// Writes a fixture that is not made alike twice, such as what is sealed, where there is none yet.
package func makeFixture(_ name: String, _ bytes: [UInt8]) throws {
  if try fileStatus(fixturePath(name)) == nil {
    try writeFile(bytes, to: fixturePath(name), sparse: false)
  }
}

/// The bytes of a file below `Fixtures/Machines`: a definition that other programs wrote.
package func machineFixture(_ name: String) throws -> [UInt8] {
  try readFile(fixtures.appending("Machines").appending(name))
}

/// The bytes of a file below `Fixtures/LVM`: what LVM2 wrote of a volume group.
package func volumeGroupFixture(_ name: String) throws -> [UInt8] {
  try readFile(fixtures.appending("LVM").appending(name))
}

/// The bytes of a file below `Fixtures/Codecs`: what other programs compressed.
package func codecFixture(_ name: String) throws -> [UInt8] {
  try readFile(fixtures.appending("Codecs").appending(name))
}

private func fixturePath(_ name: String) -> FilePath {
  fixtures.appending("Formats").appending(name)
}

private let fixtures = FilePath(#filePath).removingLastComponent().removingLastComponent()
  .removingLastComponent().appending("Fixtures")

/// Three payloads that the fixtures are made of.
package let fixturePlains: [[UInt8]] = [
  repeated(Array("the vault keeps what the machine had; ".utf8), 900),
  (0..<300).map { UInt8(truncatingIfNeeded: $0 * $0 * 7 + $0 / 3) },
  [42],
]

/// The id of the encrypted vault that the fixtures belong to, and its master key: 00…1f.
package let fixtureVault = "00112233445566778899aabbccddeeff"
package let fixtureMaster = countingSecret(from: 0)
package let fixtureKeys = VaultKeys(master: fixtureMaster, vault: fixtureVault)

/// 32 bytes that count up.
package func countingSecret(from first: UInt8) -> Secret {
  let bytes = (0..<32).map { first + $0 }
  return Secret(copying: bytes.span.bytes)
}
