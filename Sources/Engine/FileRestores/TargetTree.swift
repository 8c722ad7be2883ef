internal import Files
internal import Filesystems
internal import Synchronization
internal import SystemPackage

/// The directories that a plan is restored into, each opened from the one above it without
/// following links. A limited number stays open.
final class TargetTree: Sendable {
  let top: OpenDirectory
  private let plan: RestorePlan
  private let known = Mutex(Known())

  private struct Known {
    var open: [Int: OpenDirectory] = [:]
    /// In the order in which they were opened.
    var order: [Int] = []
  }

  private static let openLimit = 128

  init(_ plan: RestorePlan, in top: OpenDirectory) {
    self.plan = plan
    self.top = top
  }

  /// The directory in which an item is made.
  func parent(of number: Int) throws(FileError) -> OpenDirectory {
    guard let parent = plan.items.parent(of: number) else { return top }
    return try directory(parent)
  }

  /// A directory of the plan that was made, or was there before.
  func directory(_ number: Int) throws(FileError) -> OpenDirectory {
    var missing: [Int] = []
    var next: Int? = number
    var found = top
    while let current = next {
      if let directory = known.withLock({ $0.open[current] }) {
        found = directory
        break
      }
      missing.append(current)
      next = plan.items.parent(of: current)
    }
    for current in missing.reversed() {
      found = try found.directory(named: plan.items[current].name.bytes)
      remember(found, current)
    }
    return found
  }

  private func remember(_ directory: OpenDirectory, _ number: Int) {
    known.withLock { known in
      if known.open.updateValue(directory, forKey: number) == nil { known.order.append(number) }
      if known.order.count > Self.openLimit {
        for oldest in known.order.prefix(Self.openLimit / 2) { known.open[oldest] = nil }
        known.order.removeFirst(Self.openLimit / 2)
      }
    }
  }
}

/// Names for what is not whole yet.
final class TemporaryNames: Sendable {
  /// Of this run alone, for a run that was killed may have left its names behind.
  private let run = String(UInt64.random(in: .min ... .max), radix: 36)
  private let next = Atomic(0)

  func make() -> [UInt8] {
    let number = next.add(1, ordering: .relaxed).newValue
    return Array(".kluis-\(run)-\(String(number, radix: 36))".utf8)
  }
}
