package import Chunking
package import Compression
internal import Hashing
package import Tiers

/// What a vault is (`vault.json`), the same in each of its stores but for ``store``.
package struct VaultDescriptor: Codable, Sendable, Equatable {
  /// The version of all formats in the vault; a larger one than ``currentFormat`` is not opened.
  package var format: Int
  /// 32 hexadecimal digits, random.
  package var id: String
  package var created: Timestamp
  package var redundancy: Redundancy
  package var chunking: Chunking
  /// As ``CompressionSetting`` spells it; may change at any time.
  package var compression: String
  /// How chunks and maps are named; `sha256` is the only way so far.
  package var identity: String
  package var stores: [StoreDescriptor]
  /// Which of ``stores`` this descriptor lies in.
  package var store: Int

  package static let currentFormat = 1

  package struct Chunking: Codable, Sendable, Equatable {
    package var averageByteCount: Int
    /// 64 hexadecimal digits that key the boundary hash.
    package var seed: String
  }

  /// One copy, and where it was when the vault was made.
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
    stores: [StoreDescriptor], created: Timestamp
  ) {
    var random = SystemRandomNumberGenerator()
    format = Self.currentFormat
    id = String(randomDigest(&random).description.prefix(32))
    self.created = created
    self.redundancy = redundancy
    chunking = Chunking(
      averageByteCount: sizes.average, seed: randomDigest(&random).description)
    self.compression = compression.description
    identity = "sha256"
    self.stores = stores
    store = 0
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
}

private func randomDigest(_ random: inout SystemRandomNumberGenerator) -> Digest {
  var digester = Digester()
  let words: [UInt64] = (0..<4).map { _ in random.next() }
  return digester.digest(words.span.bytes)
}
