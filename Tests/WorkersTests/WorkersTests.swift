import Synchronization
import TestSupport
import Testing
import Workers

@Suite struct WorkersTests {
  private struct Broken: Error, Equatable { let worker: Int }

  @Test("a queue gives back in order what several threads push, each element once")
  func queue() throws {
    let queue = BoundedQueue<Int>(capacity: 3)
    let received = Mutex<[Int]>([])
    let reader = WorkerThread {
      while let next = queue.pop() { received.withLock { $0.append(next) } }
    }
    try runWorkers(count: 4) { worker in
      for number in 0..<500 where !queue.push(worker * 1000 + number) {
        throw Broken(worker: worker)
      }
    }
    queue.close()
    try reader.join()
    let all = received.withLock { $0 }
    #expect(all.count == 2000 && Set(all).count == 2000)
    for worker in 0..<4 {
      let own = all.filter { $0 / 1000 == worker }
      #expect(own == own.sorted())
    }
  }

  @Test("a closed queue refuses, gives what is in it, and then nothing")
  func closing() {
    let queue = BoundedQueue<Int>(capacity: 2)
    #expect(queue.push(1) && queue.push(2))
    queue.close()
    #expect(!queue.push(3))
    #expect(queue.pop() == 1 && queue.pop() == 2 && queue.pop() == nil && queue.pop() == nil)
  }

  @Test("closing wakes who waits to push into a full queue, and the element is not in it")
  func closingWakes() throws {
    let queue = BoundedQueue<Int>(capacity: 1)
    #expect(queue.push(1))
    let accepted = Mutex<Bool?>(nil)
    let pusher = WorkerThread {
      accepted.withLock { $0 = nil }
      let done = queue.push(2)
      accepted.withLock { $0 = done }
    }
    queue.close()
    try pusher.join()
    #expect(accepted.withLock { $0 } == false)
    #expect(queue.pop() == 1 && queue.pop() == nil)
  }

  @Test("numbers are given out once each, whoever asks")
  func counter() throws {
    let counter = Counter()
    let taken = Mutex<[Int]>([])
    try runWorkers(count: 4) { _ in
      while let number = counter.take(below: 1000) { taken.withLock { $0.append(number) } }
    }
    #expect(taken.withLock { $0.sorted() } == Array(0..<1000))
    #expect(counter.take(below: 1000) == nil)
  }

  @Test("every worker runs, all are waited for, and the first failure by number is thrown")
  func failures() {
    let finished = Atomic(0)
    let error = #expect(throws: Broken.self) {
      try runWorkers(count: 5) { worker in
        finished.add(1, ordering: .relaxed)
        if worker >= 2 { throw Broken(worker: worker) }
      }
    }
    #expect(error == Broken(worker: 2))
    #expect(finished.load(ordering: .relaxed) == 5)
  }

  @Test("a cause is thrown rather than that another worker stopped because of it")
  func causes() {
    let error = #expect(throws: Broken.self) {
      try runWorkers(count: 3) { worker in
        if worker == 1 { throw Broken(worker: 1) }
        throw Cancelled()
      }
    }
    #expect(error == Broken(worker: 1))
    #expect(throws: Cancelled.self) { try runWorkers(count: 2) { _ in throw Cancelled() } }
  }

  @Test("a request reaches the parts of the work, and a part's own does not reach the whole")
  func cancellation() {
    let whole = Cancellation()
    let part = whole.child()
    let other = whole.child()
    part.request()
    #expect(part.isRequested && !whole.isRequested && !other.isRequested)
    whole.request()
    #expect(other.isRequested && other.child().isRequested)
    #expect(throws: Cancelled.self) { try other.check() }
  }

  @Test("progress adds up over threads")
  func progress() throws {
    let progress = Progress()
    progress.expect(4000)
    try runWorkers(count: 4) { _ in for _ in 0..<1000 { progress.advance(1) } }
    #expect(progress.doneBytes.load(ordering: .relaxed) == 4000)
    #expect(progress.expectedBytes.load(ordering: .relaxed) == 4000)
    #expect(availableCores() >= 1)
  }
}
