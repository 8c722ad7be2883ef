internal import Hashing
internal import Synchronization

/// Chunks and maps that this run stores and that no published segment lists yet.
///
/// The first worker to claim an id stores it; all others take it for stored. Sixty-four parts with
/// a lock each, so that workers hardly ever wait.
final class Claims: Sendable {
  private final class Part: Sendable {
    let ids = Mutex<Set<ContentID>>([])
  }

  private let parts = (0..<64).map { _ in Part() }

  /// Whether the caller is the first, and so has to store it.
  func claim(_ id: ContentID) -> Bool { part(of: id).ids.withLock { $0.insert(id).inserted } }

  /// Forgets what a published segment lists now.
  func release(_ id: ContentID) { part(of: id).ids.withLock { _ = $0.remove(id) } }

  private func part(of id: ContentID) -> Part { parts[Int(id.digest.words.3 & 63)] }
}
