internal import FoundationEssentials

/// What became of a point that was deleted (`trash/MACHINE/POINT.json`).
///
/// It outlives the point, so that a store that was away, and still holds the point, does not bring
/// it back. Of what several tiers tell, that holds which was written last.
package struct Removal: Codable, Sendable, Equatable {
  package enum State: String, Codable, Sendable {
    /// It is in the trash, and can come back.
    case removed
    /// Its time in the trash is over.
    case gone
    /// It was brought back.
    case restored
  }

  package var state: State
  /// When it was deleted.
  package var removed: Timestamp
  /// Until when it can be brought back.
  package var until: Timestamp
  /// Whether a policy did it, not a person.
  package var isExpiry: Bool
  /// The point as it lay in the store, in tiers that had it; not when it is gone.
  var document: Data?
  package var updated: Timestamp?
  /// When it was deleted and brought back before this, oldest first.
  ///
  /// Grows whenever it is deleted or brought back once more, also where that was cut off; what is
  /// gone keeps neither this nor the point and is smaller than all before. So of one point no two
  /// documents with the same size in the stores of one tier promise another thing, and nobody has
  /// to read them all to know that they are alike.
  var earlier: [Timestamp]?

  init(removed: Timestamp, until: Timestamp, isExpiry: Bool, updated: Timestamp) {
    state = .removed
    self.removed = removed
    self.until = until
    self.isExpiry = isExpiry
    self.updated = updated
  }

  /// The same, as a tier tells it that has the point, or as one that has not.
  func holding(_ document: [UInt8]?) -> Removal {
    var holding = self
    holding.document = document.map { Data($0) }
    return holding
  }

  /// Whether the point is not to be listed.
  package var hidesPoint: Bool { state != .restored }

  /// Whether the point can be brought back.
  package func isKept(at now: Timestamp) -> Bool { state == .removed && now < until }

  /// Whether what the point needs has to stay: a little longer than it can be brought back, since
  /// clocks differ.
  package func isNeeded(at now: Timestamp) -> Bool {
    guard state == .removed, until > removed else { return false }
    return now.secondsSince1970 < until.secondsSince1970 + 300
  }

  /// What ``earlier`` says in whatever is told after this.
  var history: [Timestamp] { (earlier ?? []) + [updated ?? removed] }

  /// What became of it then.
  func ended(as state: State, updated: Timestamp) -> Removal {
    var ended = self
    ended.state = state
    ended.earlier = state == .gone ? nil : history
    if state == .gone { ended.document = nil }
    ended.updated = updated
    return ended
  }

  /// Whether this one holds, and not the other, which tells of the same point.
  func holds(over other: Removal) -> Bool {
    if updated != other.updated { return updated.isLater(than: other.updated) }
    // Of two that were written at one time the one that keeps more of the point.
    if (state == .restored) != (other.state == .restored) { return state == .restored }
    return document != nil && other.document == nil
  }
}

/// Until when a point cannot be deleted (`locks/MACHINE/POINT.json`).
package struct PointLock: Codable, Sendable, Equatable {
  package var until: Timestamp
  package var updated: Timestamp?

  package init(until: Timestamp, updated: Timestamp? = nil) {
    self.until = until
    self.updated = updated
  }
}

/// A point that cannot be deleted yet, or brought back no more.
package enum RemovalError: Error, Sendable, CustomStringConvertible {
  case locked(String, until: Timestamp)
  case notDeleted(String)
  case notInTrash(String)
  case over(String)
  case lockShortened(String, until: Timestamp)

  package var description: String {
    switch self {
    case .locked(let point, let until):
      "\(point) is locked until \(until): `kluis lock \(point) --off` takes the lock away"
    case .notDeleted(let point): "\(point) is not deleted"
    case .notInTrash(let point):
      "\(point) is not in the trash (see `kluis points --deleted`): what is listed is deleted "
        + "first, without --purge"
    case .over(let point):
      "\(point) cannot be brought back: its time in the trash is over"
    case .lockShortened(let point, let until):
      "\(point) is locked until \(until), and a lock is not shortened: take it away first with "
        + "`kluis lock \(point) --off`"
    }
  }
}
