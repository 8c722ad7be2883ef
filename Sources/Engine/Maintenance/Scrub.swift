internal import Stores
internal import Synchronization
package import Tiers
package import Vaults
package import Workers

/// Reads every byte of every copy and checks it, which takes no key; repairs what is wrong from any
/// copy in any tier.
///
/// May be stopped at any moment; the next scrub goes on where it was.
package struct Scrub {
  package let vault: Vault
  package let notices: Notices
  /// Whether what is missing or damaged is written anew.
  package var repairs = false
  /// Whether to begin from the start, whatever an earlier scrub left.
  package var restarts = false
  /// Bytes a second that are read at most, over all stores.
  package var bytesPerSecond: UInt64?
  /// How long after the stores were listed something has to be there to be missed: a backup that
  /// runs meanwhile writes to one store a little sooner than to the next.
  package var settling = Duration.zero
  package var workerCount = availableCores()
  package var now = Timestamp.now

  package init(_ vault: Vault, notices: Notices) {
    self.vault = vault
    self.notices = notices
  }

  /// - Throws: ``Cancelled``; ``StoreError`` where no store of a tier can be listed.
  package func run(progress: Progress, cancellation: Cancellation) throws -> Report {
    let contents = ScrubContents(of: vault, notices: notices)
    let findings = try check(contents, progress, cancellation)
    var repair = try ScrubRepair(
      of: vault, contents: contents, findings: findings, notices: notices, repairs: repairs,
      settling: settling,
      lacks: LackRepair(of: vault, now: now, notices: notices, workerCount: workerCount))
    let report = try repair.run(cancellation: cancellation)
    do { try vault.removeScrubState() } catch {
      notices.add("the next scrub begins where an earlier one stopped: \(error)")
    }
    return report
  }

  /// Reads what no earlier part of this scrub has read.
  private func check(
    _ contents: ScrubContents, _ progress: Progress, _ cancellation: Cancellation
  ) throws -> ScrubFindings {
    let findings = ScrubFindings(
      contents, resuming: restarts ? nil : vault.scrubState(), vault: vault)
    let objects = findings.objects
    progress.expect(objects.reduce(0) { $0 + $1.byteCount })
    let throttle = bytesPerSecond.map { Throttle(bytesPerSecond: $0) }
    let stores = contents.stores.map(\.store)
    let documents = vault.documents
    let own = cancellation.child()
    do {
      try share(
        Array(objects.indices), among: workerCount, cancellation: own,
        makeWorker: {
          ObjectChecker(
            stores: stores, documents: documents, throttle: throttle, cancellation: own,
            progress: progress)
        },
        each: { checker, number in
          try own.check()
          findings.note(number, problem: try checker.problem(with: objects[number]))
        })
    } catch {
      findings.save(notices: notices)
      throw error
    }
    return findings
  }
}

/// All stores of a vault and everything in them.
struct ScrubContents {
  struct ScrubbedStore {
    let tier: Tier
    let store: any Store
    var objects: [ObjectPath: UInt64] = [:]
    /// Files that are in the way of no object.
    var foreign: [ObjectPath] = []
  }

  private(set) var stores: [ScrubbedStore] = []
  let listed: ContinuousClock.Instant

  /// Lists all stores. One that cannot be listed is noted and left out.
  init(of vault: Vault, notices: Notices) {
    for tier in vault.tiers {
      for store in tier.stores {
        do throws(StoreError) { stores.append(try Self.list(store, of: tier)) } catch {
          notices.add("store \(store.name) is left out: \(error)")
        }
      }
    }
    listed = .now
  }

  private static func list(
    _ store: any Store, of tier: Tier
  ) throws(StoreError) -> ScrubbedStore {
    var scrubbed = ScrubbedStore(tier: tier, store: store)
    for folder in ObjectFolder.kept {
      for object in try store.list(folder) {
        if object.path.isObject(in: folder) {
          scrubbed.objects[object.path] = object.byteCount
        } else {
          scrubbed.foreign.append(object.path)
        }
      }
    }
    return scrubbed
  }

  /// The stores of a tier, by their numbers.
  func stores(of tier: Tier.Name) -> [Int] {
    stores.indices.filter { stores[$0].tier.name == tier }
  }
}

/// What was found so far; shared by all workers.
final class ScrubFindings: Sendable {
  /// What has to be read, in the order of paths.
  let objects: [StoredObject]
  private let names: [String]
  private let vault: Vault
  /// Where an earlier part of this scrub stopped.
  private let resumedAt: String
  private let state: Mutex<State>

  private struct State {
    /// All objects before this one have been checked.
    var next = 0
    /// Those behind it that have been checked as well.
    var done: Set<Int> = []
    var readBytes: UInt64
    var problems: [ScrubState.Finding]
    var lastSave = ContinuousClock.now
  }

  private static let savePause = Duration.seconds(10)

  init(_ contents: ScrubContents, resuming earlier: ScrubState?, vault: Vault) {
    self.vault = vault
    names = contents.stores.map(\.store.name)
    let all = contents.stores.enumerated().flatMap { number, store in
      store.objects.map { StoredObject(store: number, path: $0.key, byteCount: $0.value) }
    }
    let start = earlier?.nextPath ?? ""
    // What was damaged is read again: somebody may have healed it since.
    let damaged = (earlier?.problems ?? []).filter { finding in
      contents.stores.contains {
        $0.store.name == finding.store && $0.objects[ObjectPath(listed: finding.object)] != nil
      }
    }
    let again = Set(damaged.map(\.object))
    objects = all.filter { $0.path.description >= start || again.contains($0.path.description) }
      .sorted { ($0.path, $0.store) < ($1.path, $1.store) }
    resumedAt = start
    state = Mutex(State(readBytes: earlier?.readBytes ?? 0, problems: damaged))
  }

  var readBytes: UInt64 { state.withLock { $0.readBytes } }

  /// The damaged objects of each store, by the store's name.
  var damaged: [String: [ObjectPath: String]] {
    var found: [String: [ObjectPath: String]] = [:]
    for problem in state.withLock({ $0.problems }) {
      found[problem.store, default: [:]][ObjectPath(listed: problem.object)] = problem.reason
    }
    return found
  }

  /// Takes note of an object that has been checked.
  func note(_ number: Int, problem: String?) {
    let object = objects[number]
    let toSave: ScrubState? = state.withLock { state in
      state.done.insert(number)
      while state.done.remove(state.next) != nil { state.next += 1 }
      let (store, path) = (names[object.store], object.path.description)
      if path < resumedAt {
        state.problems.removeAll { $0.store == store && $0.object == path }
      } else {
        state.readBytes += object.byteCount
      }
      if let problem {
        state.problems.append(ScrubState.Finding(store: store, object: path, reason: problem))
      }
      guard state.lastSave.duration(to: .now) > Self.savePause else { return nil }
      state.lastSave = .now
      return snapshot(state)
    }
    // Saving is for a scrub that is stopped; one that is not can do without.
    if let toSave { try? vault.saveScrubState(toSave) }
  }

  /// Keeps what was done, for the next scrub to go on from.
  func save(notices: Notices) {
    let reached: ScrubState = state.withLock { snapshot($0) }
    do { try vault.saveScrubState(reached) } catch {
      notices.add("the next scrub begins from the start: \(error)")
    }
  }

  private func snapshot(_ state: State) -> ScrubState {
    let next = state.next < objects.count ? objects[state.next].path.description : "~"
    let path = max(next, resumedAt)
    return ScrubState(
      nextPath: path, readBytes: state.readBytes,
      problems: state.problems.filter { $0.object < path })
  }
}
