internal import Bytes
internal import Encryption
internal import Hashing
internal import Indexes
internal import Packs
internal import Stores
internal import Tiers

/// Finds good bytes for packs of a tier: a whole copy in any store of any tier, else a pack put
/// together again from records that are good somewhere.
struct PackRepair: ~Copyable {
  private let own: OpenTier
  private let others: [OpenTier]
  private let pool: BufferPool
  private var digester = Digester()
  private var assembly: PackAssembly

  /// - Parameter others: every other tier that can be read.
  init(of own: OpenTier, others: [OpenTier], pool: BufferPool) {
    self.own = own
    self.others = others
    self.pool = pool
    assembly = PackAssembly(tiers: [own] + others)
  }

  /// Good bytes of a pack and where they come from, or what of it is lost.
  enum Outcome {
    case whole(SealedPack, from: String)
    /// The records that no store of any tier gives, if it is known what the pack held; and the best
    /// that can be made of it.
    case lost(records: [LostRecord], salvage: [UInt8]?, reason: String)
  }

  /// A record of a pack that cannot be read from the pack any more.
  struct LostRecord {
    let id: ContentID
    /// A chunk, where only the index tells of it: that does not know.
    let kind: RecordKind
    let plainByteCount: Int
    /// Whether no other pack of any tier has it either.
    let isLostEverywhere: Bool
  }

  mutating func goodCopy(of id: PackID) -> Outcome {
    var reason = "no store has it"
    for store in ([own] + others).flatMap(\.tier.stores) {
      do throws(PackError) {
        let pack = try SealedPack.load(id, from: store, pool: pool, digester: &digester)
        return .whole(pack, from: store.name)
      } catch { if case .damaged = error { reason = "no copy of it is whole" } }
    }
    switch assembly.assemble(id, digester: &digester) {
    case .whole(let bytes):
      return .whole(
        SealedPack(id: id, copying: bytes, pool: pool), from: "records that are good elsewhere")
    case .partial(let lost, let bytes):
      return .lost(records: lost, salvage: bytes, reason: reason)
    case .unknown: return .lost(records: [], salvage: nil, reason: reason)
    }
  }
}

/// Puts a pack together again from whatever records of it are good in some store.
///
/// A pack is its header, its records and a directory that follows from them, so with every record
/// at hand it comes out as it was, which its name proves.
private struct PackAssembly: ~Copyable {
  private let tiers: [OpenTier]
  private let isLocked: Bool
  private var opener: RecordOpener

  /// - Parameter tiers: of one vault.
  init(tiers: [OpenTier]) {
    self.tiers = tiers
    let protection = tiers[0].tier.protection
    isLocked = protection.isLocked
    opener = RecordOpener(protection)
  }

  enum Outcome {
    case whole([UInt8])
    case partial([PackRepair.LostRecord], [UInt8]?)
    /// Nothing tells what was in it, or what of that is good.
    case unknown
  }

  /// Where a record lies in the pack.
  private struct Place {
    let id: ContentID
    let range: Range<Int>
    let kind: RecordKind
    let plainByteCount: Int

    init(
      id: ContentID, kind: RecordKind = .chunk, offset: UInt32, _ storedByteCount: UInt32,
      _ plainByteCount: UInt32
    ) {
      self.id = id
      self.kind = kind
      let start = Int(offset)
      range = start..<start + RecordHeader.byteCount + Int(storedByteCount)
      self.plainByteCount = Int(plainByteCount)
    }
  }

  mutating func assemble(_ id: PackID, digester: inout Digester) -> Outcome {
    let copies = damagedCopies(of: id)
    if isLocked {
      let agreed = PackAgreement(copies).pack(id, digester: &digester)
      return agreed.map { .whole($0) } ?? .unknown
    }
    guard let (places, byteCount, base) = layout(of: id, &digester) else { return .unknown }
    // What is around the records is kept from the copy that has it good.
    var bytes =
      base ?? copies.first { $0.count == byteCount } ?? [UInt8](repeating: 0, count: byteCount)
    var entries: [PackEntry] = []
    var lost: [PackRepair.LostRecord] = []
    for place in places {
      let (record, isFromCopy) = goodRecord(at: place, copies)
      if !isFromCopy {
        lost.append(
          PackRepair.LostRecord(
            id: place.id, kind: place.kind, plainByteCount: place.plainByteCount,
            isLostEverywhere: record == nil && !isReadable(place)))
      }
      guard let record else { continue }
      bytes.replaceSubrange(place.range, with: record.bytes)
      entries.append(record.entry)
    }
    if entries.count == places.count {
      let made = PackFormat.assemble(records: bytes, entries: entries, digester: &digester)
      if digester.digest(made.span.bytes) == id.digest { return .whole(made) }
    }
    return .partial(lost, copies.isEmpty ? nil : bytes)
  }

  private func damagedCopies(of id: PackID) -> [[UInt8]] {
    tiers.flatMap(\.tier.stores).compactMap { store in
      // A store that gives nothing has no copy to offer.
      try? store.readAll(.pack(id), limit: PackFormat.maximumByteCount)
    }
  }

  /// What lies where in the pack: as a copy's own directory has it, which is checked by its digest,
  /// and that copy; else as the index has it.
  private func layout(
    of id: PackID, _ digester: inout Digester
  ) -> (places: [Place], byteCount: Int, base: [UInt8]?)? {
    for store in tiers.flatMap(\.tier.stores) {
      guard let byteCount = try? store.byteCount(of: .pack(id)),
        let entries = try? store.directory(
          ofPack: id, byteCount: byteCount, digester: &digester)
      else { continue }
      let places = entries.map {
        Place(
          id: $0.id, kind: $0.kind, offset: $0.offset, $0.storedByteCount, $0.plainByteCount)
      }
      let copy = try? store.readAll(.pack(id), limit: PackFormat.maximumByteCount)
      return (places, Int(byteCount), copy)
    }
    for tier in tiers {
      guard let listed = tier.listedEntries(of: id), !listed.entries.isEmpty,
        listed.byteCount <= UInt64(PackFormat.maximumByteCount)
      else { continue }
      let places = listed.entries.map {
        Place(id: $0.id, offset: $0.offset, $0.storedByteCount, $0.plainByteCount)
      }
      if places.allSatisfy({ isSound($0, in: Int(listed.byteCount)) }) {
        return (places, Int(listed.byteCount), nil)
      }
    }
    return nil
  }

  private func isSound(_ place: Place, in byteCount: Int) -> Bool {
    place.range.upperBound <= byteCount
      && place.plainByteCount <= RecordHeader.maximumPlainByteCount
  }

  private struct GoodRecord {
    let bytes: ArraySlice<UInt8>
    let entry: PackEntry
  }

  /// The record as a damaged copy of the pack, or another pack of any tier, has it.
  private mutating func goodRecord(
    at place: Place, _ copies: [[UInt8]]
  ) -> (record: GoodRecord?, isFromCopy: Bool) {
    for copy in copies where place.range.upperBound <= copy.count {
      let record = copy[place.range]
      if let entry = entry(of: record, place) {
        return (GoodRecord(bytes: record, entry: entry), true)
      }
    }
    return (recordElsewhere(at: place), false)
  }

  private mutating func recordElsewhere(at place: Place) -> GoodRecord? {
    for tier in tiers {
      for location in tier.index.locations(of: place.id)
      where location.recordByteCount == place.range.count {
        for store in tier.tier.stores {
          guard let record = bytes(at: location, in: store) else { continue }
          if let entry = entry(of: record[...], place) {
            return GoodRecord(bytes: record[...], entry: entry)
          }
        }
      }
    }
    return nil
  }

  private func bytes(at location: RecordLocation, in store: any Store) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: location.recordByteCount)
    var span = bytes.mutableSpan
    var raw = span.mutableBytes
    do throws(StoreError) {
      try store.read(.pack(location.pack), from: UInt64(location.offset), into: &raw)
    } catch { return nil }
    return bytes
  }

  /// What the record's header says, if the record is good.
  private mutating func entry(of record: ArraySlice<UInt8>, _ place: Place) -> PackEntry? {
    let bytes = Array(record)
    let offset = UInt32(place.range.lowerBound)
    var plain = [UInt8](repeating: 0, count: place.plainByteCount)
    var span = plain.mutableSpan
    var target = span.mutableBytes
    do throws(PackDamage) {
      try opener.open(bytes.span.bytes, at: offset, expecting: place.id, into: &target)
    } catch { return nil }
    return RecordHeader.read(
      bytes.span.bytes.extracting(0..<RecordHeader.byteCount), offset: offset)
  }

  /// Whether any tier gives the bytes, in whatever way they are sealed there.
  private func isReadable(_ place: Place) -> Bool {
    var plain = [UInt8](repeating: 0, count: place.plainByteCount)
    var span = plain.mutableSpan
    var target = span.mutableBytes
    for tier in tiers {
      var reader = TierReader(tier)
      do {
        try reader.read(place.id, into: &target)
        return true
      } catch { continue }
    }
    return false
  }
}
