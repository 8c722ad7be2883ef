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
    // A store that was away tells of an earlier one.
    let found = holders.indices.compactMap { number in
      readDocument(
        .lastSync, from: Array(holders[number...] + holders[..<number]), notices: notices
      ) { bytes throws(DocumentDamage) in
        try CheckedDocument.decode(LastSync.self, from: bytes)
      }
    }
    return found.max { $0.time < $1.time }
  }

  package func saveLastSync(_ sync: LastSync) throws {
    try require(.secondary).put(CheckedDocument.encode(sync), at: .lastSync)
  }
}
