internal import Glibc
internal import Hashing

/// What was read lately by its name, up to a limit of memory; what several threads want at once is
/// read by one of them.
final class ContentCache<Value: Sendable>: @unchecked Sendable {
  private struct Entry {
    let value: Value
    let cost: Int
  }

  /// Half of the limit: when the younger generation reaches it, the older one is dropped.
  private let generationLimit: Int
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let loaded = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var young: [ContentID: Entry] = [:]
  private var old: [ContentID: Entry] = [:]
  private var youngCost = 0
  private var loading: Set<ContentID> = []

  /// - Parameter costLimit: of all values that are kept, in bytes.
  init(costLimit: Int) {
    generationLimit = costLimit / 2
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(loaded, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(loaded)
    mutex.deallocate()
    loaded.deallocate()
  }

  /// The value of that name; loaded where it is not kept. A failed load is not remembered.
  func value(_ id: ContentID, load: () throws -> (value: Value, cost: Int)) throws -> Value {
    if let known = knownOrClaimed(id) { return known }
    let found: (value: Value, cost: Int)
    do { found = try load() } catch {
      finish(id, nil)
      throw error
    }
    finish(id, Entry(value: found.value, cost: found.cost))
    return found.value
  }

  /// The value where it is kept or being loaded; nil where it is neither.
  func known(_ id: ContentID) -> Value? {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return waitFor(id)
  }

  /// Whether it is kept or being loaded; never waits.
  func isPresent(_ id: ContentID) -> Bool {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return young[id] != nil || old[id] != nil || loading.contains(id)
  }

  /// Nil where the caller has to load it now, and others wait for that.
  private func knownOrClaimed(_ id: ContentID) -> Value? {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    if let value = waitFor(id) { return value }
    loading.insert(id)
    return nil
  }

  /// Waits for whoever loads it. Nil where nobody does and it is not kept.
  private func waitFor(_ id: ContentID) -> Value? {
    while true {
      if let entry = young[id] { return entry.value }
      if let entry = old[id] {
        keep(entry, id)
        return entry.value
      }
      guard loading.contains(id) else { return nil }
      pthread_cond_wait(loaded, mutex)
    }
  }

  private func finish(_ id: ContentID, _ entry: Entry?) {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    loading.remove(id)
    if let entry { keep(entry, id) }
    pthread_cond_broadcast(loaded)
  }

  private func keep(_ entry: Entry, _ id: ContentID) {
    if youngCost + entry.cost > generationLimit {
      old = young
      young = [:]
      youngCost = 0
    }
    young[id] = entry
    youngCost += entry.cost
  }
}
