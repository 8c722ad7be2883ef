internal import Stores
package import Tiers

/// When the secondary tier was brought up to date last (`sync.json` in each of its stores): every
/// point up to then is in it.
package struct LastSync: Codable, Sendable, Equatable {
  package var time: Timestamp
  /// Points that the secondary tier holds since.
  package var points: Int

  package init(time: Timestamp, points: Int) {
    self.time = time
    self.points = points
  }
}

extension Vault {
  /// What the secondary tier says of its last synchronisation; nil where there was none.
  package func lastSync(notices: Notices) -> LastSync? {
    guard let secondary = tier(.secondary) else { return nil }
    let holders = secondary.stores.filter { store in
      (try? store.byteCount(of: .lastSync)) != nil
    }
    guard !holders.isEmpty else { return nil }
    return readDocument(LastSync.self, .lastSync, from: holders, notices: notices) { _ in true }
  }

  package func saveLastSync(_ sync: LastSync) throws {
    try require(.secondary).put(SealedDocument.encode(sync), at: .lastSync)
  }
}
