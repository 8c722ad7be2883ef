package import Hashing
package import Stores
package import Tiers

/// Packs on their way out (`trash/NAME.tombstone`): look-ups of whoever begins to write from now on
/// take what is only in them for absent, so that nothing new comes to lean on them.
///
/// Never changed: where a pack is needed after all, another one lists the rest.
package struct Tombstone: Codable, Sendable, Equatable {
  package var written: Timestamp
  /// Names of packs.
  package var packs: [String]

  package init(written: Timestamp, packs: [PackID]) {
    self.written = written
    self.packs = packs.map(\.description).sorted()
  }

  package var packIDs: [PackID] { packs.compactMap { Digest($0).map { PackID($0) } } }

  /// So many packs fit well into one document.
  package static let packLimit = 20_000
}

extension Tier {
  /// All tombstones in its stores, by their names.
  package func tombstones(notices: Notices) throws(StoreError) -> [String: Tombstone] {
    var found: [String: Tombstone] = [:]
    for (path, stores) in try holders(of: .trash, notices: notices) {
      guard let name = path.tombstone else { continue }
      found[name] = readDocument(path, from: stores, notices: notices, healing: false) {
        bytes throws(DocumentDamage) in
        try CheckedDocument.decode(Tombstone.self, from: bytes)
      }
    }
    return found
  }

  /// - Returns: the name that it got.
  package func put(_ tombstone: Tombstone) throws(StoreError) -> String {
    let name = randomName()
    try put(CheckedDocument.encode(tombstone), at: .tombstone(name))
    return name
  }

  /// All leases in its stores, by their names. One that is damaged has seen nothing.
  package func leases(notices: Notices) throws(StoreError) -> [String: Lease] {
    var found: [String: Lease] = [:]
    for (path, stores) in try holders(of: .leases, notices: notices) {
      guard let name = path.name(without: ".json"), !path.isBrokenLease else { continue }
      let unknown = Lease(
        work: "unknown", process: nil, began: Timestamp(secondsSince1970: 0))
      let copies = stores.compactMap { store in
        (try? store.readAll(path, limit: documentByteLimit)).flatMap {
          try? CheckedDocument.decode(Lease.self, from: $0)
        }
      }
      // Its holder has ended since it was listed.
      if copies.isEmpty, isGone(path) { continue }
      // The copy that was written first has seen least, and is as old as its newest beat.
      var lease = copies.min { $0.seen.count < $1.seen.count } ?? unknown
      lease.beat = copies.map(\.beat).max() ?? lease.beat
      found[String(name)] = lease
    }
    return found
  }

  /// Takes a lease for ended. Its holder finds a mark, whatever it writes itself.
  package func breakLease(_ name: String) throws(StoreError) {
    try put(CheckedDocument.encode(BrokenLease(broken: .now)), at: .brokenLease(name))
    try delete(.lease(name))
  }

  /// Removes the lease of a process that is gone: nobody is left to be told.
  package func removeLease(_ name: String) throws(StoreError) { try delete(.lease(name)) }
}

/// The mark of a lease that was broken (`leases/NAME.broken.json`).
private struct BrokenLease: Codable { var broken: Timestamp }
