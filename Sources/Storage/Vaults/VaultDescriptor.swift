internal import Bytes
package import Chunking
package import Compression
package import Encryption
internal import Hashing
package import Tiers

/// What a vault is (`vault.json`): the same document in every store of a tier.
///
/// Each store holds it twice, since it is the one object that leads to all others.
package struct VaultDescriptor: Codable, Sendable, Equatable {
  /// The version of all formats in the vault; a larger one than ``currentFormat`` is not opened.
  package var format: Int
  /// 32 hexadecimal digits, random.
  package var id: String
  /// Grows with every change; where two stores differ, the larger one holds.
  package var revision: Int
  package var created: Timestamp
  package var redundancy: Redundancy
  package var chunking: Chunking
  /// As ``CompressionSetting`` spells it; may change at any time.
  package var compression: String
  /// How chunks and maps are named: `sha256`, or `hmac-sha256` in an encrypted vault.
  package var identity: String
  /// nil where the vault is not encrypted.
  package var encryption: VaultEncryption?
  /// The absolute directory that was named when the vault was made.
  package var home: String?
  package var stores: [StoreDescriptor]
  /// The tier of the store that this lies in; nil in a directory that only tells of the stores.
  package var tier: Tier.Name?

  package static let currentFormat = 3
  /// The format of a vault that is not encrypted, which older programs read as well.
  private static let plainFormat = 2

  package struct Chunking: Codable, Sendable, Equatable {
    package var averageByteCount: Int
    /// 64 hexadecimal digits that key the boundary hash; nil in an encrypted vault, where they
    /// follow from its key.
    package var seed: String?
  }

  /// One copy, and where it was when it was made.
  package struct StoreDescriptor: Codable, Sendable, Equatable {
    package var tier: Tier.Name
    /// An absolute directory.
    package var path: String

    package init(tier: Tier.Name, path: String) {
      self.tier = tier
      self.path = path
    }
  }

  /// A vault that does not exist yet, with random id and seed.
  package init(
    redundancy: Redundancy, sizes: ChunkSizes, compression: CompressionSetting,
    home: String? = nil, stores: [StoreDescriptor], created: Timestamp
  ) {
    format = Self.plainFormat
    id = hexadecimal(randomBytes(16).span.bytes)
    revision = 1
    self.created = created
    self.redundancy = redundancy
    chunking = Chunking(
      averageByteCount: sizes.average, seed: hexadecimal(randomBytes(32).span.bytes))
    self.compression = compression.description
    identity = "sha256"
    self.home = home
    self.stores = stores
  }

  /// The stores of a tier, in the order in which reads ask them.
  package func stores(in tier: Tier.Name) -> [StoreDescriptor] {
    stores.filter { $0.tier == tier }
  }

  package var compressionSetting: CompressionSetting? { CompressionSetting(compression) }

  /// The vault's way to cut; nil where the descriptor says what this version does not know.
  ///
  /// - Parameter keys: those of an encrypted vault.
  package func chunker(_ keys: VaultKeys? = nil) -> Chunker? {
    guard let sizes = ChunkSizes(average: chunking.averageByteCount),
      let seed = keys?.chunkerSeed ?? chunking.seed.flatMap({ Digest($0) })
    else { return nil }
    return Chunker(sizes: sizes, seed: seed)
  }

  /// Whether what it says of encryption fits together.
  var isEncryptionSound: Bool {
    guard let encryption else { return identity == Self.plainIdentity && chunking.seed != nil }
    return identity == Self.keyedIdentity && encryption.cipher == "aes-256-gcm"
      && chunking.seed == nil && !encryption.slots.isEmpty
  }

  private static let plainIdentity = "sha256"
  private static let keyedIdentity = "hmac-sha256"

  /// Makes a vault that does not exist yet an encrypted one, with one key slot.
  ///
  /// - Returns: the keys that follow from `master`.
  /// - Throws: ``KeyError/noMemory``.
  mutating func encrypt(
    _ master: Secret, under credential: Credential, label: String? = nil
  ) throws(KeyError) -> VaultKeys {
    let keys = VaultKeys(master: master, vault: id)
    let slot = try KeySlot(
      master: master, under: credential, label: label, vault: id, created: created)
    encrypt(keys, slots: [slot])
    return keys
  }

  /// The same with slots that are made already.
  mutating func encrypt(_ keys: VaultKeys, slots: [KeySlot]) {
    format = Self.currentFormat
    identity = Self.keyedIdentity
    chunking.seed = nil
    encryption = VaultEncryption(slots: slots)
    authenticate(with: keys)
  }

  /// Proves the descriptor to whoever has the key, as it is now.
  mutating func authenticate(with keys: VaultKeys) {
    let proof = authenticator(keys).description
    encryption?.authenticator = proof
  }

  func isAuthentic(_ keys: VaultKeys) -> Bool {
    encryption?.authenticator == authenticator(keys).description
  }

  /// Whether a store that holds `present` is to be given this one, which was chosen among those of
  /// all stores: not where somebody has changed the vault since.
  func replaces(_ present: VaultDescriptor, _ protection: ContentProtection) -> Bool {
    // Without the key a forged descriptor cannot be told, and must not spread.
    guard !protection.isLocked, present != self else { return false }
    guard let keys = protection.keys else { return present.revision < revision }
    return present.revision <= revision || !present.isAuthentic(keys)
  }

  /// Over all but the authenticator itself and the tier, which differs from store to store.
  private func authenticator(_ keys: VaultKeys) -> Digest {
    var common = withoutTier
    common.encryption?.authenticator = ""
    return keys.authenticator(of: CheckedDocument.json(common))
  }

  /// What all directories of a vault have in common.
  var withoutTier: VaultDescriptor {
    var common = self
    common.tier = nil
    return common
  }
}

/// How many copies a vault keeps, and where (DESIGN §3).
package enum Redundancy: String, Codable, Sendable, CaseIterable {
  /// One store.
  case single
  /// Three stores in one place.
  case lrs
  /// Three stores in three zones.
  case zrs
  /// Three stores here and more in another region.
  case grs

  /// Stores of the vault tier.
  package var copyCount: Int { self == .single ? 1 : 3 }

  /// On how many of `count` stores a write to a tier has to be durable.
  package func rule(for tier: Tier.Name, of count: Int) -> Tier.WriteRule {
    switch tier {
    case .snapshot: .all
    case .vault: self == .zrs ? .atLeast(2) : .all
    // The other region follows by itself: what is away now gets it later.
    case .secondary: .atLeast(count > 1 ? 2 : 1)
    }
  }
}

extension VaultDescriptor {
  /// Reads format 1 as well, which has a store's number in the place of its tier, and no revision.
  package init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    format = try fields.decode(Int.self, forKey: .format)
    id = try fields.decode(String.self, forKey: .id)
    created = try fields.decode(Timestamp.self, forKey: .created)
    redundancy = try fields.decode(Redundancy.self, forKey: .redundancy)
    chunking = try fields.decode(Chunking.self, forKey: .chunking)
    compression = try fields.decode(String.self, forKey: .compression)
    identity = try fields.decode(String.self, forKey: .identity)
    encryption = try fields.decodeIfPresent(VaultEncryption.self, forKey: .encryption)
    home = try fields.decodeIfPresent(String.self, forKey: .home)
    stores = try fields.decode([StoreDescriptor].self, forKey: .stores)
    if format == 1 {
      let number = try decoder.container(keyedBy: Format1Keys.self).decode(Int.self, forKey: .store)
      tier = stores.indices.contains(number) ? stores[number].tier : nil
      revision = 0
      format = Self.plainFormat
    } else {
      tier = try fields.decodeIfPresent(Tier.Name.self, forKey: .tier)
      revision = try fields.decode(Int.self, forKey: .revision)
    }
  }

  private enum Format1Keys: String, CodingKey { case store }
}
