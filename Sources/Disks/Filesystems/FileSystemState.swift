/// How a file system was found, as every listing says it.
package struct FileSystemState: Sendable, Equatable {
  package enum Journal: Sendable, Equatable {
    /// The machine had finished what it was doing, or there is no journal.
    case clean
    /// What the journal held was read over the file system; nothing was written.
    case replayed(transactions: Int)
    /// What was synced after the last commit, of so many files and directories, was read over that;
    /// nothing was written.
    case synced(files: Int, since: FileTime?)
    /// The journal holds something that was not replayed, so what is shown may be behind.
    case notReplayed(reason: String)
  }

  package var journal: Journal
  /// What else a reader should know: "it was not unmounted", "errors were found on it".
  package var warnings: [String]

  package init(journal: Journal = .clean, warnings: [String] = []) {
    self.journal = journal
    self.warnings = warnings
  }

  package var sentence: String {
    let first =
      switch journal {
      case .clean: "clean"
      case .replayed(1): "journal replayed (1 transaction)"
      case .replayed(let count): "journal replayed (\(count) transactions)"
      case .synced(let count, let time):
        "log replayed (\(count) \(count == 1 ? "file" : "files") synced since the last commit"
          + (time.map { ", \($0.text)" } ?? "") + ")"
      case .notReplayed(let reason): "journal not replayed: \(reason)"
      }
    return ([first] + warnings).joined(separator: "; ")
  }
}
