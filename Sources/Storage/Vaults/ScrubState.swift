package import Stores
internal import Tiers

/// How far a scrub came that was stopped (`scrub.json`), so that the next one goes on from there.
package struct ScrubState: Codable, Sendable, Equatable {
  /// All objects whose paths come before this one have been checked.
  package var nextPath: String
  package var readBytes: UInt64
  package var problems: [Finding]

  /// An object that was found damaged.
  package struct Finding: Codable, Sendable, Equatable {
    package var store: String
    package var object: String
    package var reason: String

    package init(store: String, object: String, reason: String) {
      self.store = store
      self.object = object
      self.reason = reason
    }
  }

  package init(nextPath: String, readBytes: UInt64, problems: [Finding]) {
    self.nextPath = nextPath
    self.readBytes = readBytes
    self.problems = problems
  }
}

extension Vault {
  /// What a scrub left that was stopped; nil where there is nothing, or nothing that can be read.
  package func scrubState() -> ScrubState? {
    for store in tiers.flatMap(\.stores) {
      guard let bytes = try? store.readAll(.scrubState, limit: documentByteLimit) else { continue }
      if let state = try? CheckedDocument.decode(ScrubState.self, from: bytes) { return state }
    }
    return nil
  }

  /// Keeps a scrub's state in the first store that takes it.
  ///
  /// - Throws: ``StoreError`` where no store takes it.
  package func saveScrubState(_ state: ScrubState) throws(StoreError) {
    let document = CheckedDocument.encode(state)
    var failure: StoreError?
    for store in tiers.flatMap(\.stores) {
      do throws(StoreError) { return try store.put(document.span.bytes, at: .scrubState) } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }

  /// Removes what a scrub left, from every store.
  ///
  /// - Throws: ``StoreError`` where a store does not let go of it; the others have.
  package func removeScrubState() throws(StoreError) {
    var failure: StoreError?
    for store in tiers.flatMap(\.stores) {
      do throws(StoreError) {
        // A store that may not be written to has none to remove.
        if try store.byteCount(of: .scrubState) != nil { try store.delete(.scrubState) }
      } catch { failure = error }
    }
    if let failure { throw failure }
  }
}
