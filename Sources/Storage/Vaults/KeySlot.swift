internal import Bytes
package import Encryption

/// What opens an encrypted vault.
package enum Credential: Sendable {
  case passphrase(Secret)
  /// The 32 random bytes of a key file.
  case keyFile(Secret)
  /// The master key itself, from a recovery sheet or a vault that is open.
  case master(Secret)
}

/// The vault's master key, wrapped under a passphrase or a key file.
///
///     wrapped := nonce:12 master:32, sealed, tag:16
///     key     := scrypt(passphrase, salt) or HKDF(key file, salt, "kluis key file")
///
/// sealed as ``ObjectCipher`` does it, under the name `key slot` and with the vault's id and all
/// other fields of the slot authenticated.
package struct KeySlot: Codable, Sendable, Equatable {
  package enum Kind: String, Codable, Sendable {
    case passphrase
    case keyFile = "key-file"
  }

  /// 8 hexadecimal digits, random.
  package var id: String
  package var kind: Kind
  /// What a person calls it. Readable without a key.
  package var label: String?
  package var created: Timestamp
  /// How hard it is to try passphrases; nil for a key file, which is not guessed.
  package var cost: PassphraseCost?
  /// 64 hexadecimal digits, random.
  package var salt: String
  /// 120 hexadecimal digits.
  package var wrapped: String

  /// - Throws: ``KeyError/noMemory``.
  init(
    id: String? = nil, master: Secret, under credential: Credential, label: String?,
    vault: String, created: Timestamp
  ) throws(KeyError) {
    switch credential {
    case .passphrase: (kind, cost) = (.passphrase, .standard)
    case .keyFile: (kind, cost) = (.keyFile, nil)
    case .master: preconditionFailure("the master key is not wrapped under itself")
    }
    self.id = id ?? hexadecimal(randomBytes(4).span.bytes)
    self.label = label
    self.created = created
    salt = hexadecimal(randomBytes(32).span.bytes)
    wrapped = ""
    guard let key = wrappingKey(credential) else { throw .noMemory }
    var cipher = ObjectCipher(root: key)
    let object = cipher.sealed(master, named: Self.name, authenticating: header(vault: vault))
    wrapped = hexadecimal(object.span.bytes)
  }

  /// The master key; nil where the credential is another one, or the slot was altered.
  ///
  /// - Throws: ``KeyError/unacceptableCost(slot:)``.
  func unwrap(_ credential: Credential, vault: String) throws(KeyError) -> Secret? {
    if kind == .passphrase, cost?.isAcceptable != true { throw .unacceptableCost(slot: id) }
    guard let object = bytes(hexadecimal: wrapped), let key = wrappingKey(credential) else {
      return nil
    }
    var cipher = ObjectCipher(root: key)
    let master = cipher.openedSecret(
      object, named: Self.name, authenticating: header(vault: vault))
    return master?.byteCount == Secret.keyByteCount ? master : nil
  }

  /// No vault has more: an altered descriptor must not keep anyone busy for hours.
  static let countLimit = 64

  private static let name = "key slot"
  private static let keyFileInfo = Array("kluis key file".utf8)

  private func header(vault: String) -> [UInt8] {
    var open = self
    open.wrapped = ""
    return Array(vault.utf8) + CheckedDocument.json(open)
  }

  /// The key that the credential gives in this slot; nil where it is of another kind.
  private func wrappingKey(_ credential: Credential) -> Secret? {
    guard let salt = bytes(hexadecimal: salt) else { return nil }
    switch (credential, kind) {
    case (.passphrase(let passphrase), .passphrase):
      return cost?.key(for: passphrase, salt: salt.span.bytes)
    case (.keyFile(let key), .keyFile):
      return deriveKey(from: key, salt: salt.span.bytes, info: Self.keyFileInfo.span.bytes)
    default: return nil
    }
  }
}

/// How a vault is encrypted, as its descriptor says it.
package struct VaultEncryption: Codable, Sendable, Equatable {
  /// `aes-256-gcm` is the only one so far.
  package var cipher = "aes-256-gcm"
  package var slots: [KeySlot]
  /// HMAC-SHA-256 over the descriptor, 64 hexadecimal digits.
  package var authenticator = ""

  init(slots: [KeySlot]) { self.slots = slots }
}

/// A vault's keys cannot be opened or changed.
package enum KeyError: Error, Sendable, Equatable, CustomStringConvertible {
  case notEncrypted(String)
  case wrongKey(KeySlot.Kind, slots: Int)
  case noSlot(KeySlot.Kind)
  case wrongMaster
  /// Descriptors whose authenticator is wrong.
  case altered([String])
  case unacceptableCost(slot: String)
  case noMemory
  case unknownSlot(String, known: [String])
  case lastSlot
  case tooManySlots

  package var description: String {
    switch self {
    case .notEncrypted(let vault):
      "a key was given, and the vault at \(vault) says that it is not encrypted: if you made it "
        + "encrypted, somebody has altered it; if not, leave the key out"
    case .wrongKey(let kind, let count):
      "the \(kind.noun) opens none of the vault's \(count) key slots of its kind: it is the wrong "
        + "one, or the slots in vault.json were altered"
    case .noSlot(let kind):
      "the vault has no key slot for a \(kind.noun): see `kluis key list`"
    case .wrongMaster:
      "this is not the key of this vault, or vault.json was altered in all of its stores"
    case .altered(let places):
      "vault.json was altered by somebody without the key: its authenticator is wrong in "
        + places.joined(separator: ", ")
    case .unacceptableCost(let slot):
      "key slot \(slot) asks for work that no kluis has written: vault.json was altered"
    case .noMemory: "there is not enough memory to open a passphrase (64 MiB)"
    case .unknownSlot(let slot, let known):
      "the vault has no key slot \(slot); it has \(known.joined(separator: ", "))"
    case .lastSlot:
      "this is the last key slot: without it nobody could open the vault; add another one first"
    case .tooManySlots:
      "the vault has \(KeySlot.countLimit) key slots, and can have no more: remove one first"
    }
  }
}

extension KeySlot.Kind {
  var noun: String { self == .passphrase ? "passphrase" : "key file" }
}
