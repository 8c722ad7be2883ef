package import Bytes
internal import Synchronization
internal import Workers

/// A store that is given up when it does not answer in time: a network file system whose server is
/// gone, a disk that is dying.
///
/// For a store that is not the only one, since giving up makes sense where another can be asked.
/// Once given up it refuses everything, for the rest of the command. Writes are waited for, however
/// long they take: they count only when they are durable.
package final class PatientStore: Store {
  private let store: any Store
  private let patience: Duration
  private let isGivenUp = Atomic(false)
  private let idle = Mutex<[Line]>([])

  /// - Parameter patience: how long one read or question may take.
  package init(_ store: any Store, patience: Duration = .seconds(20)) {
    self.store = store
    self.patience = patience
  }

  package var name: String { store.name }

  package func read(
    _ path: ObjectPath, from offset: UInt64, into target: inout MutableRawSpan
  ) throws(StoreError) {
    let store = store
    let byteCount = target.byteCount
    let line = try answer(path) { line throws(StoreError) in
      try line.fill(byteCount) { span throws(StoreError) in
        try store.read(path, from: offset, into: &span)
      }
    }.line
    line.copy(byteCount, into: &target)
    idle.withLock { $0.append(line) }
  }

  package func readAll(_ path: ObjectPath, limit: Int) throws(StoreError) -> [UInt8] {
    let store = store
    return try ask(path) { () throws(StoreError) in try store.readAll(path, limit: limit) }
  }

  package func willNeed(_ path: ObjectPath, _ range: Range<UInt64>) {
    let store = store
    do throws(StoreError) {
      try ask(path) { () throws(StoreError) in store.willNeed(path, range) }
    } catch {}
  }

  package func byteCount(of path: ObjectPath) throws(StoreError) -> UInt64? {
    let store = store
    return try ask(path) { () throws(StoreError) in try store.byteCount(of: path) }
  }

  package func map(_ path: ObjectPath) throws(StoreError) -> SharedBytes {
    let store = store
    return try ask(path) { () throws(StoreError) in try store.map(path) }
  }

  package func list(_ folder: ObjectFolder) throws(StoreError) -> [ListedObject] {
    let store = store
    return try ask(ObjectPath(listed: folder.rawValue)) { () throws(StoreError) in
      try store.list(folder)
    }
  }

  package func put(_ bytes: RawSpan, at path: ObjectPath) throws(StoreError) {
    try refuseIfGivenUp(path)
    try store.put(bytes, at: path)
  }

  package func delete(_ path: ObjectPath) throws(StoreError) {
    try refuseIfGivenUp(path)
    try store.delete(path)
  }

  package func sweep() throws(StoreError) {
    try refuseIfGivenUp(.descriptor)
    try store.sweep()
  }

  private func ask<Answer: Sendable>(
    _ path: ObjectPath, _ body: @escaping @Sendable () throws(StoreError) -> Answer
  ) throws(StoreError) -> Answer {
    let (answer, line) = try answer(path) { _ throws(StoreError) in try body() }
    idle.withLock { $0.append(line) }
    return answer
  }

  /// What `body` gives, if it comes in time; one that comes too late is thrown away, with the line.
  private func answer<Answer: Sendable>(
    _ path: ObjectPath, _ body: @escaping @Sendable (Line) throws(StoreError) -> Answer
  ) throws(StoreError) -> (answer: Answer, line: Line) {
    try refuseIfGivenUp(path)
    let line = idle.withLock { $0.popLast() } ?? Line()
    let outcome = Mailbox<Answer>()
    let isInTime = line.caller.call(waiting: patience) {
      do throws(StoreError) { outcome.set(.success(try body(line))) } catch {
        outcome.set(.failure(error))
      }
    }
    guard isInTime, let result = outcome.take() else {
      isGivenUp.store(true, ordering: .relaxed)
      throw tooLate(path)
    }
    do throws(StoreError) { return (try result.get(), line) } catch {
      idle.withLock { $0.append(line) }
      throw error
    }
  }

  private func refuseIfGivenUp(_ path: ObjectPath) throws(StoreError) {
    if isGivenUp.load(ordering: .relaxed) { throw tooLate(path) }
  }

  private func tooLate(_ path: ObjectPath) -> StoreError {
    StoreError(.refused("no answer within \(patience)"), path, in: name)
  }
}

/// A thread that asks the store, and memory for what it reads.
///
/// Both belong to the call that uses them, and are left to it should it never end.
private final class Line: Sendable {
  let caller = Caller()
  private let memory = Mutex(AlignedBuffer(capacity: 2 << 20))

  func fill(
    _ byteCount: Int, _ body: (inout MutableRawSpan) throws(StoreError) -> Void
  ) throws(StoreError) {
    try memory.withLock { buffer throws(StoreError) in
      if buffer.capacity < byteCount { buffer = AlignedBuffer(capacity: byteCount) }
      var span = buffer.mutableBytes(0..<byteCount)
      try body(&span)
    }
  }

  func copy(_ byteCount: Int, into target: inout MutableRawSpan) {
    memory.withLock { buffer in
      buffer.bytes.extracting(0..<byteCount).copy(into: &target)
    }
  }
}

/// An answer on its way from one thread to another.
private final class Mailbox<Answer: Sendable>: Sendable {
  private let result = Mutex<Result<Answer, StoreError>?>(nil)

  func set(_ result: Result<Answer, StoreError>) { self.result.withLock { $0 = result } }
  func take() -> Result<Answer, StoreError>? { result.withLock { $0 } }
}
