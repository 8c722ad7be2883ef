import Stores
import TestSupport
import Tiers

/// What happens to stores between operations. Nothing is done that no promise covers: of every
/// acknowledged point a store is left that has to give it back.
extension World {
  func inflict(_ kind: Step.Kind, random: inout SeededRandom) throws {
    let store = stores[random.below(stores.count)]
    switch kind {
    case .lose: try setAway(true, store)
    case .bringBack:
      let away = stores.filter(\.isAway)
      if !away.isEmpty { try setAway(false, away[random.below(away.count)]) }
    case .empty: try empty(store, &random)
    case .remember:
      store.earlier = SimulatedStore.Earlier(
        contents: try store.place.contents(), isSuspect: store.isSuspect,
        isForgetful: store.isForgetful, promised: store.promised)
      log.append("remember \(store.name)")
    case .rollBack: try rollBack(store, &random)
    case .damage: try damage(store, &random)
    case .limit: limit(store, &random)
    case .relieve: for store in stores where store.isLimited { relieve(store) }
    default: preconditionFailure("\(kind) is no fault")
    }
  }

  /// Ends all faults that pass: every store is there and can be written to.
  func endPassingFaults() throws {
    for store in stores {
      if store.isAway { try setAway(false, store) }
      if store.isLimited { relieve(store) }
    }
  }

  private func setAway(_ isAway: Bool, _ store: SimulatedStore) throws {
    guard store.isAway != isAway else { return }
    try store.place.setAway(isAway)
    store.isAway = isAway
    log.append("\(store.name) \(isAway ? "is away" : "comes back")")
  }

  /// A new disk in the place of the old one, with the vault's descriptor and nothing else.
  private func empty(_ store: SimulatedStore, _ random: inout SeededRandom) throws {
    guard mayLose(store, keeping: [], &random) else { return }
    try store.place.replaceContents(with: [:])
    store.isSuspect = false
    store.isForgetful = true
    store.promised = []
    forgetWhatCameBack()
    log.append("\(store.name) is emptied")
  }

  private func rollBack(_ store: SimulatedStore, _ random: inout SeededRandom) throws {
    guard let earlier = store.earlier, mayLose(store, keeping: earlier.promised, &random)
    else { return }
    try store.place.replaceContents(with: earlier.contents)
    store.isSuspect = earlier.isSuspect
    store.isForgetful = earlier.isForgetful
    store.promised = earlier.promised
    forgetWhatCameBack()
    log.append("\(store.name) is rolled back to points \(earlier.promised.sorted())")
  }

  private func damage(_ store: SimulatedStore, _ random: inout SeededRandom) throws {
    let folders: [ObjectFolder] = [.packs, .packs, .packs, .index, .points, .machines]
    guard mayLose(store, keeping: [], &random) else { return }
    let all = random.below(4) == 0
    var victims: [ObjectPath] = []
    for _ in 0...random.below(3) {
      let paths = try store.place.paths(in: folders[random.below(folders.count)]).sorted()
      guard !paths.isEmpty else { continue }
      victims += all ? paths : [paths[random.below(paths.count)]]
    }
    guard !victims.isEmpty else { return }
    store.becomeSuspect()
    forgetWhatCameBack()
    let contents = try store.place.contents()
    for path in Set(victims).sorted() {
      guard let bytes = contents[path] else { continue }
      if path.segment != nil { store.isForgetful = true }
      log.append("\(store.name): " + (try damage(bytes, at: path, in: store.place, &random)))
    }
  }

  private func damage(
    _ bytes: [UInt8], at path: ObjectPath, in place: any StorePlace, _ random: inout SeededRandom
  ) throws -> String {
    var bytes = bytes
    let what: String
    switch random.below(10) {
    case 0, 1:
      try place.drop(path)
      return "\(path) is dropped"
    case 2, 3:
      bytes.removeLast(1 + random.below(bytes.count))
      what = "is cut to \(bytes.count)"
    case 4 where random.below(3) == 0:
      bytes += random.bytes(1 + random.below(100))
      what = "is longer"
    default:
      let bit = random.below(bytes.count * 8)
      bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      what = "has bit \(bit) flipped"
    }
    try place.place(bytes, at: path)
    return "\(path) \(what)"
  }

  private func limit(_ store: SimulatedStore, _ random: inout SeededRandom) {
    guard let memory = (store.place as? MemoryPlace)?.store else { return }
    store.isLimited = true
    if random.below(2) == 0 {
      memory.setReadOnly(true)
      log.append("\(store.name) is read-only")
    } else {
      let used = memory.contents.values.reduce(0) { $0 + $1.count }
      memory.limitCapacity(to: used + random.below(20_000))
      log.append("\(store.name) is full")
    }
  }

  private func relieve(_ store: SimulatedStore) {
    guard let memory = (store.place as? MemoryPlace)?.store else { return }
    memory.setReadOnly(false)
    memory.limitCapacity(to: .max)
    store.isLimited = false
    log.append("\(store.name) takes writes")
  }

  /// Whether a store may lose what it has.
  ///
  /// Mostly what the tier itself promises: another of its stores has all. At times only some other
  /// tier has it.
  private func mayLose(
    _ store: SimulatedStore, keeping kept: Set<Int>, _ random: inout SeededRandom
  ) -> Bool {
    let siblings = stores(of: store.tier).filter { $0 !== store }
    let isStrict = !siblings.isEmpty && random.below(5) > 0
    if isStrict, !siblings.contains(where: { !$0.isSuspect }) { return false }
    return store.promised.subtracting(kept).allSatisfy { number in
      if points[number].acknowledged.isEmpty { return true }
      return (isStrict ? siblings : stores).contains {
        $0 !== store && $0.promised.contains(number)
      }
    }
  }
}
