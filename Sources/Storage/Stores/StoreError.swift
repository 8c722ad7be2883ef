/// What went wrong with an object in a store.
package struct StoreError: Error, Sendable, CustomStringConvertible {
  package enum Kind: Sendable, Equatable {
    /// The object is not there.
    case missing
    /// The object ends before the range that was asked for.
    case truncated
    /// The system refused; says why.
    case refused(String)
    /// There is no room for the object.
    case full
  }

  package let kind: Kind
  package let path: ObjectPath
  /// The store's own name: its directory.
  package let store: String

  package init(_ kind: Kind, _ path: ObjectPath, in store: String) {
    self.kind = kind
    self.path = path
    self.store = store
  }

  package var description: String {
    switch kind {
    case .missing: "\(path) is missing from store \(store)"
    case .truncated: "\(path) in store \(store) ends too early"
    case .refused(let reason): "\(path) in store \(store): \(reason)"
    case .full:
      "store \(store) is full: no room for \(path); free some space and run the command again"
    }
  }
}
