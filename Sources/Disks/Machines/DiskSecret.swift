package import Encryption

/// A secret that opens a disk of a machine, and where it lies.
///
/// It may be wrapped by one of the machine's ``WrappingKey``s; a machine can go over from the one
/// to the other, and points that were taken before keep what they were taken with.
package struct DiskSecret: Codable, Sendable, Equatable {
  package var name: String
  package var kind: Kind?
  /// The file that holds it, wrapped or not.
  package var file: String
  /// The key that it is wrapped by; nil where the file holds the secret itself.
  package var wrappedBy: String?
  /// How; AES key wrap with padding where nothing is said.
  package var wrapping: KeyWrapping?

  package enum Kind: String, Codable, Sendable, CaseIterable {
    case luksPassphrase = "luks-passphrase"
    case luksKeyFile = "luks-key-file"
    case bitlockerRecoveryKey = "bitlocker-recovery-key"
    case keyEncryptionKey = "key-encryption-key"
  }

  package init(
    name: String, kind: Kind? = nil, file: String, wrappedBy: String? = nil,
    wrapping: KeyWrapping? = nil
  ) {
    self.name = name
    self.kind = kind
    self.file = file
    self.wrappedBy = wrappedBy
    self.wrapping = wrapping
  }

  /// How it is wrapped, if it is.
  package var method: KeyWrapping? { wrappedBy == nil ? nil : wrapping ?? .aesKWP }

  /// What the name of a restored secret is followed by where it is as it was wrapped.
  package static let wrappedSuffix = ".wrapped"
}

/// A key-encryption key of a machine: it wraps secrets of its disks.
package struct WrappingKey: Codable, Sendable, Equatable {
  package var name: String
  /// The file that holds it: 16, 24 or 32 bytes for AES, a private key in PEM for RSA.
  package var file: String

  package init(name: String, file: String) {
    self.name = name
    self.file = file
  }
}

extension DiskSecret {
  package init(from decoder: any Decoder) throws {
    try refuseUnknownKeys(decoder, known: CodingKeys.allCases)
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    name = try fields.decode(String.self, forKey: .name)
    kind = try fields.decodeIfPresent(Kind.self, forKey: .kind)
    file = try fields.decode(String.self, forKey: .file)
    wrappedBy = try fields.decodeIfPresent(String.self, forKey: .wrappedBy)
    wrapping = try fields.decodeIfPresent(KeyWrapping.self, forKey: .wrapping)
  }

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case name, kind, file, wrappedBy, wrapping
  }
}

extension WrappingKey {
  package init(from decoder: any Decoder) throws {
    try refuseUnknownKeys(decoder, known: CodingKeys.allCases)
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    name = try fields.decode(String.self, forKey: .name)
    file = try fields.decode(String.self, forKey: .file)
  }

  private enum CodingKeys: String, CodingKey, CaseIterable { case name, file }
}

extension MachineDefinition {
  /// All secrets of its disks, each once: several disks may open with one.
  package var secrets: [DiskSecret] {
    var found: [DiskSecret] = []
    for secret in disks.flatMap({ $0.secrets ?? [] }) where !found.contains(secret) {
      found.append(secret)
    }
    return found
  }

  /// Gives secrets and keys other files, or takes them out where `file` says nil.
  ///
  /// - Parameter file: is told the secret's name, whether it is wrapped, and its file.
  package mutating func replaceSecretFiles<Failure: Error>(
    _ file: (_ name: String, _ isWrapped: Bool, _ file: String) throws(Failure) -> String?
  ) throws(Failure) {
    for number in disks.indices {
      var kept: [DiskSecret] = []
      for var secret in disks[number].secrets ?? [] {
        guard let file = try file(secret.name, secret.wrappedBy != nil, secret.file) else {
          continue
        }
        secret.file = file
        kept.append(secret)
      }
      disks[number].secrets = kept.isEmpty ? nil : kept
    }
    var kept: [WrappingKey] = []
    for key in keys ?? [] {
      guard let file = try file(key.name, false, key.file) else { continue }
      kept.append(WrappingKey(name: key.name, file: file))
    }
    keys = kept.isEmpty ? nil : kept
  }

  /// Refuses secrets that cannot be.
  func checkSecrets() throws(DefinitionError) {
    func refuse(_ reason: String) throws(DefinitionError) { throw DefinitionError(reason) }
    let (secrets, keys) = (secrets, keys ?? [])
    let names = secrets.map(\.name) + keys.map(\.name)
    if names.contains("") { try refuse("a secret or key has no name") }
    if Set(names).count < names.count { try refuse("two secrets or keys have the same name") }
    for name in names where name.hasSuffix(DiskSecret.wrappedSuffix) {
      try refuse("no secret's name ends with \(DiskSecret.wrappedSuffix), as '\(name)' does")
    }
    for file in secrets.map(\.file) + keys.map(\.file) where !isPath(file) {
      try refuse("a secret or key has no file")
    }
    for secret in secrets {
      if let key = secret.wrappedBy {
        if !keys.contains(where: { $0.name == key }) {
          try refuse("secret \(secret.name) is wrapped by '\(key)', and there is no such key")
        }
      } else if secret.wrapping != nil {
        try refuse("secret \(secret.name) is wrapped, and nothing says by which key")
      }
      if secret.kind == .keyEncryptionKey {
        try refuse("secret \(secret.name) wraps others: it belongs under keys")
      }
    }
    for key in keys where !secrets.contains(where: { $0.wrappedBy == key.name }) {
      try refuse("key \(key.name) wraps no secret")
    }
  }
}
