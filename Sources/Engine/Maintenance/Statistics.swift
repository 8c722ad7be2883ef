internal import Indexes
internal import Stores
package import Tiers
package import Vaults

/// What a vault holds and what that takes.
package struct Statistics: Codable, Sendable {
  package var machines = 0
  package var points = 0
  /// Sizes of all disks of all points.
  package var diskBytes: UInt64 = 0
  /// Bytes of them that are not zero.
  package var dataBytes: UInt64 = 0
  package var tiers: [TierStatistics] = []

  package struct TierStatistics: Codable, Sendable {
    package var tier: String
    package var stores: [String]
    /// Stores that belong to the tier and cannot be used.
    package var absentStores: [String]
    package var points: Int
    /// Chunks and maps that the index lists.
    package var records: Int
    package var packs: Int
    package var packBytes: UInt64
    package var indexBytes: UInt64
  }

  /// - Throws: ``StoreError``.
  ///
  /// - Parameter chosen: the only tier to look into; nil for all.
  package init(of vault: Vault, in chosen: Tier.Name? = nil, notices: Notices) throws {
    let listed = try vault.points(notices: notices).filter { listed in
      chosen.map { listed.tiers.contains($0) } ?? true
    }
    machines = Set(listed.map(\.point.machine)).count
    points = listed.count
    for disk in listed.flatMap(\.point.disks) {
      diskBytes += disk.size
      dataBytes += disk.dataBytes
    }
    for tier in vault.tiers where !tier.stores.isEmpty && tier.name == chosen ?? tier.name {
      let packs = try TierListing(of: tier, notices: notices).packs
      let index = try OpenTier(tier, notices: notices).index
      tiers.append(
        TierStatistics(
          tier: tier.name.rawValue, stores: tier.stores.map(\.name),
          absentStores: tier.absent.map(\.name),
          points: listed.count { $0.tiers.contains(tier.name) }, records: index.recordCount,
          packs: packs.count, packBytes: packs.values.reduce(0, +),
          indexBytes: index.segments.reduce(0) { $0 + UInt64($1.byteCount) }))
    }
  }
}
