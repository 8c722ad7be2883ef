internal import Synchronization

/// What was found degraded while the work went on: a damaged copy, an index that had to be made
/// anew.
///
/// Whoever runs the command shows these and exits with status 3. The same notice is kept once.
///
/// Beside them it keeps notes: what a person had better know although nothing is degraded.
package final class Notices: Sendable {
  private let entries = Mutex<[Entry]>([])
  private let noted = Mutex<[String]>([])

  private struct Entry {
    let text: String
    let kind: String?
    /// Further notices of the kind, which are only counted.
    var more = 0
  }

  package init() {}

  /// - Parameter kind: what there may be many of; after a few of them the others are counted.
  package func add(_ text: String, of kind: String? = nil) {
    entries.withLock { entries in
      guard !entries.contains(where: { $0.text == text }), entries.count < Notices.limit else {
        return
      }
      if let kind, entries.count(where: { $0.kind == kind }) >= Notices.shownOfKind,
        let last = entries.lastIndex(where: { $0.kind == kind })
      {
        entries[last].more += 1
      } else {
        entries.append(Entry(text: text, kind: kind))
      }
    }
  }

  /// Keeps a note, once.
  package func note(_ text: String) {
    noted.withLock { notes in
      if !notes.contains(text), notes.count < Notices.limit { notes.append(text) }
    }
  }

  package var notes: [String] { noted.withLock { $0 } }

  package var all: [String] {
    entries.withLock { entries in
      entries.flatMap { entry in
        entry.more == 0 ? [entry.text] : [entry.text, "and \(entry.more) more \(entry.kind ?? "")"]
      }
    }
  }

  /// Further ones tell a person no more.
  private static let limit = 1000
  private static let shownOfKind = 3
}
