package import Chunking
package import Compression
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
  /// How chunks and maps are named; `sha256` is the only way so far.
  package var identity: String
  /// The absolute directory that was named when the vault was made.
  package var home: String?
  package var stores: [StoreDescriptor]
  /// The tier of the store that this lies in; nil in a directory that only tells of the stores.
  package var tier: Tier.Name?

  package static let currentFormat = 2

  package struct Chunking: Codable, Sendable, Equatable {
    package var averageByteCount: Int
    /// 64 hexadecimal digits that key the boundary hash.
    package var seed: String
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
    var random = SystemRandomNumberGenerator()
    format = Self.currentFormat
    id = String(randomDigest(&random).description.prefix(32))
    revision = 1
    self.created = created
    self.redundancy = redundancy
    chunking = Chunking(
      averageByteCount: sizes.average, seed: randomDigest(&random).description)
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
  package var chunker: Chunker? {
    guard let sizes = ChunkSizes(average: chunking.averageByteCount),
      let seed = Digest(chunking.seed)
    else { return nil }
    return Chunker(sizes: sizes, seed: seed)
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
    home = try fields.decodeIfPresent(String.self, forKey: .home)
    stores = try fields.decode([StoreDescriptor].self, forKey: .stores)
    if format == 1 {
      let number = try decoder.container(keyedBy: Format1Keys.self).decode(Int.self, forKey: .store)
      tier = stores.indices.contains(number) ? stores[number].tier : nil
      revision = 0
      format = Self.currentFormat
    } else {
      tier = try fields.decodeIfPresent(Tier.Name.self, forKey: .tier)
      revision = try fields.decode(Int.self, forKey: .revision)
    }
  }

  private enum Format1Keys: String, CodingKey { case store }
}

private func randomDigest(_ random: inout SystemRandomNumberGenerator) -> Digest {
  var digester = Digester()
  let words: [UInt64] = (0..<4).map { _ in random.next() }
  return digester.digest(words.span.bytes)
}
