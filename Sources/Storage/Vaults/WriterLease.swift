internal import Files
internal import Glibc
internal import Stores
internal import Synchronization
internal import SystemPackage
internal import Tiers
internal import Workers

/// That somebody writes to a tier (`leases/NAME.json`).
///
/// What is on its way out (``Tombstone``) goes only when every writer that may lean on it has
/// ended: everyone who has not seen the tombstone.
package struct Lease: Codable, Sendable, Equatable {
  /// What is being done, for a person.
  package var work: String
  /// Which process does it, as its host knows it.
  package var process: String?
  package var began: Timestamp
  /// When it was last heard of.
  package var beat: Timestamp
  /// The tombstones that were there before it looked anything up.
  package var seen: [String]

  package init(work: String, process: String?, began: Timestamp, seen: [String] = []) {
    self.work = work
    self.process = process
    self.began = began
    beat = began
    self.seen = seen
  }

  /// After so many seconds without a sign its holder counts as ended: it shows one every minute.
  package static let patienceSeconds: Int64 = 3600

  /// Whether its holder was heard of in the last so many seconds.
  package func wasHeardOf(within seconds: Int64) -> Bool {
    Timestamp.now.secondsSince1970 - beat.secondsSince1970 < seconds
  }

  /// Whether its holder has certainly ended: a process of this host that is gone.
  package var isOfDeadProcess: Bool { process.map { ProcessIdentity($0).isDead } ?? false }
}

/// A lease of this process, kept alive until it ends.
///
/// One that was not heard of for long may be broken by whoever reclaims. Its holder finds out
/// before and after it commits a point, and acknowledges nothing then.
final class WriterLease: Sendable {
  let name: String
  let tier: Tier
  private let core: HeldLease
  private let ticker: Ticker

  private static let pulse = Duration.seconds(60)

  /// - Throws: ``StoreError`` where it is not durable on as many stores as a write needs.
  init(on tier: Tier, for work: String) throws(StoreError) {
    name = randomName()
    self.tier = tier
    let core = HeldLease(
      name: name, tier: tier,
      Lease(work: work, process: ProcessIdentity.own?.text, began: .now))
    try core.put()
    self.core = core
    ticker = Ticker(every: Self.pulse) { core.pulse() }
  }

  deinit {
    ticker.stop()
    for store in tier.stores {
      // One that stays is taken for that of a process that has ended.
      do throws(StoreError) { try store.delete(.lease(name)) } catch {}
    }
  }

  /// Notes what was there before anything was looked up; what comes later is not noted.
  func note(seen tombstones: [String]) throws(StoreError) { try core.note(seen: tombstones) }

  /// - Throws: ``LeaseError`` where it was broken.
  func check() throws(LeaseError) {
    if core.isBroken() { throw LeaseError(tier: tier.name) }
  }
}

/// What a lease and the thread that keeps it alive share.
private final class HeldLease: Sendable {
  private let name: String
  private let tier: Tier
  private let state: Mutex<State>

  private struct State {
    var lease: Lease
    var isNoted = false
    var isBroken = false
  }

  init(name: String, tier: Tier, _ lease: Lease) {
    self.name = name
    self.tier = tier
    state = Mutex(State(lease: lease))
  }

  private var bytes: [UInt8] { CheckedDocument.encode(state.withLock { $0.lease }) }

  func put() throws(StoreError) { try tier.put(bytes, at: .lease(name)) }

  func note(seen tombstones: [String]) throws(StoreError) {
    let isNews = state.withLock { state -> Bool in
      defer { state.isNoted = true }
      guard !state.isNoted, !tombstones.isEmpty else { return false }
      state.lease.seen = tombstones.sorted()
      return true
    }
    if isNews { try put() }
  }

  func isBroken() -> Bool {
    if state.withLock({ $0.isBroken }) { return true }
    guard isBrokenNow() else { return false }
    state.withLock { $0.isBroken = true }
    return true
  }

  /// A store that does not answer says nothing.
  private func isBrokenNow() -> Bool {
    tier.writable.contains { store in
      do throws(StoreError) {
        if try store.byteCount(of: .lease(name)) == nil { return true }
        return try store.byteCount(of: .brokenLease(name)) != nil
      } catch { return false }
    }
  }

  func pulse() {
    if isBroken() { return }
    state.withLock { $0.lease.beat = .now }
    let bytes = bytes
    for store in tier.writable {
      // It is heard of where it can be.
      do throws(StoreError) { try store.put(bytes.span.bytes, at: .lease(name)) } catch {}
    }
  }
}

/// A lease that others took for ended, so that what its holder leans on may be gone.
package struct LeaseError: Error, CustomStringConvertible {
  let tier: Tier.Name

  package var description: String {
    "this command stood still for so long that `kluis reclaim` took it for ended, and may have "
      + "freed in the \(tier.rawValue) tier what it was to use: run it again"
  }
}

/// The leases that a vault's user holds; shared by all that describe the same vault.
package final class Leases: Sendable {
  private let held = Mutex<[WriterLease]>([])

  package init() {}

  /// The lease on a tier's stores, taken where there is none.
  func lease(on tier: Tier, for work: String) throws(StoreError) -> WriterLease {
    let names = Set(tier.writable.map(\.name))
    let known = held.withLock { held in
      held.first { $0.tier.name == tier.name && names.isSubset(of: $0.tier.stores.map(\.name)) }
    }
    if let known { return known }
    let lease = try WriterLease(on: tier, for: work)
    held.withLock { $0.append(lease) }
    // Those of processes that were killed are in nobody's way, and of no use.
    for (name, other) in try tier.leases(notices: Notices()) where other.isOfDeadProcess {
      try tier.removeLease(name)
    }
    return lease
  }

  var names: Set<String> { Set(held.withLock { $0.map(\.name) }) }

  /// Whether none was broken.
  @Sendable func areHeld() -> Bool {
    do throws(LeaseError) { try check() } catch { return false }
    return true
  }

  func check() throws(LeaseError) {
    for lease in held.withLock({ $0 }) { try lease.check() }
  }
}

/// A process as its host knows it: the host's boot, its process namespace, its number, and when it
/// began.
private struct ProcessIdentity {
  let text: String

  init(_ text: String) { self.text = text }

  static let own = identity(of: getpid())

  private static func identity(of process: pid_t) -> ProcessIdentity? {
    guard let space = space, let start = start(of: process) else { return nil }
    return ProcessIdentity("\(space) \(process) \(start)")
  }

  /// The host's boot and the namespace in which process numbers hold.
  private static let space: String? = {
    guard let boot = line("/proc/sys/kernel/random/boot_id") else { return nil }
    var buffer = [CChar](repeating: 0, count: 64)
    let count = readlink("/proc/self/ns/pid", &buffer, buffer.count - 1)
    guard count > 0 else { return nil }
    return "\(boot) \(String(decoding: buffer.prefix(count).map { UInt8($0) }, as: UTF8.self))"
  }()

  private static func start(of process: pid_t) -> String? {
    // The name of the program comes in brackets and may hold anything.
    line("/proc/\(process)/stat").flatMap { line in
      let fields = line[(line.lastIndex(of: ")") ?? line.startIndex)...].split(separator: " ")
      return fields.count > 20 ? String(fields[20]) : nil
    }
  }

  private static func line(_ path: String) -> String? {
    do throws(FileError) {
      let bytes = try readSmallFile(FilePath(path), limit: 4096)
      return String(decoding: bytes, as: UTF8.self).split(separator: "\n").first.map { String($0) }
    } catch { return nil }
  }

  /// Whether it ran here and does no more. Of another host's nothing is known.
  var isDead: Bool {
    let parts = text.split(separator: " ")
    guard parts.count == 4, let space = Self.space, text.hasPrefix("\(space) "),
      let number = pid_t(parts[2])
    else { return false }
    return Self.start(of: number) != String(parts[3])
  }
}

/// Sixteen hexadecimal digits that nobody else has.
func randomName() -> String {
  let text = String(UInt64.random(in: .min ... .max), radix: 16)
  return String(repeating: "0", count: 16 - text.count) + text
}
