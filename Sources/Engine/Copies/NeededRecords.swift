internal import Hashing
internal import Indexes
internal import Packs
internal import Synchronization
internal import Tiers

/// Which records of a tier have to be sent to another.
final class NeededRecords: Sendable {
  private let source: Tier.Name
  private let index: TierIndex
  private let targetIndex: TierIndex
  private let state: Mutex<State>

  private struct State {
    /// Maps and chunks that somebody has come upon.
    var seen: RecordSet
    /// Those of them that the target lacks.
    var needed: RecordSet
    /// Those of the needed that are maps.
    var maps: RecordSet
    /// Those of the needed that somebody has taken to send them.
    var taken: RecordSet

    /// - Returns: whether it was not needed before.
    mutating func need(_ number: Int, _ kind: RecordKind) -> Bool {
      guard needed.insert(number) else { return false }
      if kind == .map { _ = maps.insert(number) }
      return true
    }
  }

  init(of source: OpenTier, lackedBy target: OpenTier) {
    self.source = source.tier.name
    index = source.index
    targetIndex = target.index
    let none = RecordSet(over: index)
    state = Mutex(State(seen: none, needed: none, maps: none, taken: none))
  }

  /// Notes that a point needs this map or chunk.
  ///
  /// - Returns: whether nobody came upon it before.
  /// - Throws: ``ReadError`` where neither the source nor the target has it.
  func mark(_ id: ContentID, as kind: RecordKind) throws(ReadError) -> Bool {
    let isLacking = !targetIndex.contains(id)
    guard let number = index.number(of: id) else {
      if !isLacking { return true }
      throw .unknown(id, tier: source, missingPacks: index.missingPacks)
    }
    return state.withLock { state in
      guard state.seen.insert(number) else { return false }
      if isLacking { _ = state.need(number, kind) }
      return true
    }
  }

  /// Whether the source lists it.
  func has(_ id: ContentID) -> Bool { index.number(of: id) != nil }

  /// Notes that a point needs this map or chunk, which the source has and the target lacks.
  ///
  /// - Returns: whether nobody came upon it before.
  func mark(lacking id: ContentID, as kind: RecordKind) -> Bool {
    guard let number = index.number(of: id) else { return false }
    return state.withLock { $0.need(number, kind) }
  }

  /// Whether anything has to be sent.
  var isAnythingNeeded: Bool {
    let needed = state.withLock { $0.needed }
    return !needed.isEmpty
  }

  /// Marks all that the source lists and the target lacks, whatever needs it.
  func markEverything() {
    for number in 0..<index.recordCount {
      let id = index.id(numbered: number)
      // What lies twice is sent once.
      guard index.number(of: id) == number, !targetIndex.contains(id) else { continue }
      state.withLock { _ = $0.needed.insert(number) }
    }
  }

  /// Whether it is needed, and lies in that pack by the index.
  func isNeeded(_ id: ContentID, in pack: PackID) -> Bool {
    guard let number = index.number(of: id), index.location(numbered: number).pack == pack else {
      return false
    }
    return state.withLock { $0.needed.contains(number) }
  }

  /// The packs that hold what was marked since this was asked last, in the order of their names.
  func takePacks() -> [NeededPack] {
    let pending = state.withLock { state in
      var pending = state.needed
      pending.subtract(state.taken)
      state.taken = state.needed
      return pending
    }
    var sizes: [PackID: Int] = [:]
    pending.visit { number in
      let location = index.location(numbered: number)
      sizes[location.pack, default: 0] += location.recordByteCount
    }
    return sizes.map { NeededPack(id: $0.key, neededByteCount: $0.value) }
      .sorted { $0.id < $1.id }
  }

  /// What is needed of one pack. Looks through all that is needed, so it is for packs that are
  /// damaged.
  func records(in pack: PackID) -> [NeededRecord] {
    let (needed, maps) = state.withLock { ($0.needed, $0.maps) }
    var found: [NeededRecord] = []
    needed.visit { number in
      let location = index.location(numbered: number)
      guard location.pack == pack else { return }
      found.append(
        NeededRecord(
          id: index.id(numbered: number), kind: maps.contains(number) ? .map : .chunk))
    }
    return found
  }
}

/// A pack that holds something that has to be sent.
struct NeededPack: Sendable {
  let id: PackID
  /// Bytes of the records that are needed.
  let neededByteCount: Int
}

/// A map or chunk that has to be sent.
struct NeededRecord: Sendable {
  let id: ContentID
  let kind: RecordKind
}
