internal import Hashing
internal import Synchronization
internal import Tiers

/// What was checked so far: a bit for each record of the index, and what turned out damaged.
final class CheckedRecords: Sendable {
  private let index: TierIndex
  private let state: Mutex<State>

  private struct State {
    var taken: RecordSet
    var report = Verification.Report()
    var damage: [ContentID: String] = [:]
    var hasBrokenTree = false
  }

  init(_ index: TierIndex) {
    self.index = index
    state = Mutex(State(taken: RecordSet(over: index)))
  }

  var report: Verification.Report { state.withLock { $0.report } }
  var hasDamage: Bool { state.withLock { $0.hasBrokenTree || !$0.damage.isEmpty } }

  func damage(of id: ContentID) -> String? { state.withLock { $0.damage[id] } }
  func noteBrokenTree() { state.withLock { $0.hasBrokenTree = true } }

  /// Whether nobody checked or took on this record before; the caller does now.
  func isNew(_ id: ContentID) -> Bool {
    guard let number = index.number(of: id) else { return true }
    return state.withLock { $0.taken.insert(number) }
  }

  func map(_ id: ContentID, read: () throws -> [UInt8]) rethrows -> [UInt8] {
    let bytes = try read()
    state.withLock {
      $0.report.mapCount += 1
      $0.report.byteCount += UInt64(bytes.count)
    }
    return bytes
  }

  func noteChunk(_ byteCount: Int) {
    state.withLock {
      $0.report.chunkCount += 1
      $0.report.byteCount += UInt64(byteCount)
    }
  }

  func noteDamage(_ id: ContentID, _ reason: String) {
    state.withLock { $0.damage[id] = reason }
  }
}
