internal import Synchronization

/// Hands out files, and pieces of large ones, in the order in which they lie on the disk.
final class FileQueue: Sendable {
  enum Work {
    /// A small file, from opening it to its name.
    case file(Int)
    case piece(RestoredFile, Range<UInt64>)
  }

  private struct State {
    var next = 0
    var large: RestoredFile?
  }

  /// Files by their numbers in the plan.
  private let files: [Int]
  private let isLarge: @Sendable (Int) -> Bool
  private let open: @Sendable (Int) -> RestoredFile?
  private let state = Mutex(State())

  /// - Parameter open: opens a large file; nil where that failed, and was noted.
  init(
    _ files: [Int], isLarge: @escaping @Sendable (Int) -> Bool,
    open: @escaping @Sendable (Int) -> RestoredFile?
  ) {
    self.files = files
    self.isLarge = isLarge
    self.open = open
  }

  func next() -> Work? {
    state.withLock { state in
      while true {
        if let large = state.large {
          if let piece = large.nextPiece() { return .piece(large, piece) }
          state.large = nil
        }
        guard state.next < files.count else { return nil }
        let number = files[state.next]
        state.next += 1
        if !isLarge(number) { return .file(number) }
        state.large = open(number)
      }
    }
  }

  /// Files that were begun and cannot go on, for who was stopped.
  func abandon() {
    state.withLock { state in
      state.large?.abandon()
      state.large = nil
      state.next = files.count
    }
  }
}
