internal import BlockDevices

/// The file allocation table: for each cluster the one that follows.
///
///     12 bits: two entries in three bytes, the first in the lower bits
///     16 bits: u16      32 bits: u32, of which the upper four do not count
struct FATTable: Sendable {
  let width: FATWidth
  /// Where its copies begin on the device, the one to be believed first.
  let copies: [UInt64]
  let heap: ClusterHeap
  let cache: BlockCache

  /// Whether a copy begins as that of a boot sector: with its media byte, in an entry that is
  /// otherwise of ones.
  func begins(with media: UInt8) throws -> Bool {
    var window = CacheWindow(cache)
    let ones: UInt32 = width == .bits12 ? 0xF00 : 0xFF00
    return try outcomes(of: { try value(of: 0, in: $0, &window) }).contains {
      $0 & (0xFF | ones) == ones | UInt32(media)
    }
  }

  /// What is found in the copies that can be read.
  ///
  /// - Throws: where there is none, what the first one threw.
  private func outcomes<Found>(of look: (_ copy: UInt64) throws -> Found) throws -> [Found] {
    let results = copies.map { copy in Result { try look(copy) } }
    let found = results.compactMap { try? $0.get() }
    return try found.isEmpty ? [results[0].get()] : found
  }

  /// The entry that has no cluster and says how the volume was left.
  ///
  /// - Returns: whether it was unmounted, and whether no errors were met.
  func state() throws -> (isUnmounted: Bool, isWithoutErrors: Bool) {
    var window = CacheWindow(cache)
    let word = try outcomes(of: { try value(of: 1, in: $0, &window) })[0]
    switch width {
    case .bits12: return (true, true)
    case .bits16: return (word & 0x8000 != 0, word & 0x4000 != 0)
    case .bits32: return (word & 0x0800_0000 != 0, word & 0x0400_0000 != 0)
    }
  }

  fileprivate func value(
    of cluster: UInt32, in copy: UInt64, _ window: inout CacheWindow
  ) throws -> UInt32 {
    let index = UInt64(cluster)
    switch width {
    case .bits12:
      let place = copy + index + index / 2
      let low: UInt8 = try window.integer(at: place)
      let high: UInt8 = try window.integer(at: place + 1)
      let pair = UInt32(high) << 8 | UInt32(low)
      return cluster.isMultiple(of: 2) ? pair & 0xFFF : pair >> 4
    case .bits16: return UInt32(try window.integer(at: copy + index * 2, as: UInt16.self))
    case .bits32:
      return try window.integer(at: copy + index * 4, as: UInt32.self) & 0x0FFF_FFFF
    }
  }
}

/// A walk through the table.
struct FATLinks: ClusterLinks {
  private let table: FATTable
  private let highest: UInt32
  private var window: CacheWindow

  init(_ table: FATTable) {
    self.table = table
    highest = 0x0FFF_FFFF >> UInt32(table.width == .bits32 ? 0 : 28 - table.width.bitCount)
    window = CacheWindow(table.cache)
  }

  /// Asks the next copy where one cannot be read or holds what no table can hold.
  ///
  /// That a cluster is free is believed: the copies differ so when a machine was stopped while it
  /// took a file away, and what the other one says is over.
  mutating func link(from cluster: UInt32) throws -> ClusterLink {
    var first: Result<ClusterLink, any Error>?
    for copy in table.copies {
      do {
        let value = try table.value(of: cluster, in: copy, &window)
        let link = link(of: value, from: cluster)
        guard case .broken = link, value != 0 else { return link }
        first = first ?? .success(link)
      } catch {
        first = first ?? .failure(error)
      }
    }
    guard let first else { preconditionFailure("a table has at least one copy") }
    return try first.get()
  }

  private func link(of value: UInt32, from cluster: UInt32) -> ClusterLink {
    if value >= 2, value - 2 < table.heap.clusterCount { return .next(value) }
    if value >= highest - 7 { return .end }
    let what =
      switch value {
      case 0: "is free"
      case highest - 8: "is marked as bad"
      default: "is followed by cluster \(value), which is not there"
      }
    return .broken(reason: "cluster \(cluster) \(what)")
  }
}
