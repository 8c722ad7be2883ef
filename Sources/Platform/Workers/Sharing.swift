/// Shares items out among workers that have a thread each: whoever is done takes the next one.
///
/// When one fails the others are asked to stop, and the first failure that is a cause is thrown.
/// - Parameters:
///   - workers: threads at most; never more than there are items, and at least one.
///   - cancellation: raised by a failure, so it had better be this work's own.
///   - makeWorker: what a thread works with, made on that thread.
///   - finish: called with each worker once no item is left.
package func share<Item: Sendable, Worker: ~Copyable>(
  _ items: [Item], among workers: Int, cancellation: Cancellation,
  makeWorker: @escaping @Sendable () -> Worker,
  finish: @escaping @Sendable (inout Worker) throws -> Void = { _ in },
  each: @escaping @Sendable (inout Worker, Item) throws -> Void
) throws {
  let next = Counter()
  try runWorkers(count: max(1, min(workers, items.count))) { _ in
    var worker = makeWorker()
    do {
      while let number = next.take(below: items.count) { try each(&worker, items[number]) }
      try finish(&worker)
    } catch {
      cancellation.request()
      throw error
    }
  }
}
