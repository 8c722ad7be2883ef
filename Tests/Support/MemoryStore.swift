package import Bytes
package import Stores
internal import Synchronization

/// A store in memory that breaks when it is told to. What was put is durable: it outlives a loss
/// of power, as a store promises.
package final class MemoryStore: Store {
  package enum Operation: Sendable { case put, read, byteCount, map, list, delete }

  private struct State {
    var objects: [ObjectPath: [UInt8]] = [:]
    var counts: [Operation: Int] = [:]
    var failing: [Operation: Int] = [:]
    var capacity = Int.max
    var putsUntilPowerIsLost = Int.max
    var hasPower = true
    var isReadOnly = false
    var advised: [(path: ObjectPath, range: Range<UInt64>)] = []
    var alarm: (operation: Operation, count: Int, action: @Sendable () -> Void)?
  }

  private let state = Mutex(State())
  package let name: String

  package init(name: String = "memory") { self.name = name }

  // MARK: faults

  /// From now on the n-th operation of this kind is refused, counting from 1, and no other.
  package func fail(_ operation: Operation, number: Int) {
    state.withLock {
      $0.counts[operation] = 0
      $0.failing[operation] = number
    }
  }

  /// No more than so many bytes fit in.
  package func limitCapacity(to byteCount: Int) { state.withLock { $0.capacity = byteCount } }

  /// After so many further puts every operation is refused until ``restorePower()``.
  package func losePower(afterPuts count: Int) {
    state.withLock { $0.putsUntilPowerIsLost = count }
  }

  package func restorePower() {
    state.withLock {
      $0.hasPower = true
      $0.putsUntilPowerIsLost = .max
    }
  }

  /// Every put and every deletion is refused while this is so.
  package func setReadOnly(_ isReadOnly: Bool) { state.withLock { $0.isReadOnly = isReadOnly } }

  /// Calls `action` once, when so many further operations of a kind are done; nil forgets it.
  package func call(
    after count: Int, of operation: Operation = .put, _ action: (@Sendable () -> Void)?
  ) {
    state.withLock { state in state.alarm = action.map { (operation, count, $0) } }
  }

  package func flipBit(_ bit: Int, of path: ObjectPath) {
    state.withLock { $0.objects[path]![bit / 8] ^= 1 << UInt8(bit % 8) }
  }

  package func drop(_ path: ObjectPath) { state.withLock { $0.objects[path] = nil } }

  // MARK: what a test wants to know

  /// Puts an object without any of the faults.
  package func place(_ bytes: [UInt8], at path: ObjectPath) {
    state.withLock { $0.objects[path] = bytes }
  }

  package func bytes(at path: ObjectPath) -> [UInt8]? { state.withLock { $0.objects[path] } }

  package func paths(in folder: ObjectFolder) -> [ObjectPath] {
    state.withLock { $0.objects.keys.filter { isIn(folder, $0) } }
      .sorted { $0.description < $1.description }
  }

  /// Everything that it holds.
  package var contents: [ObjectPath: [UInt8]] { state.withLock { $0.objects } }

  /// How often an operation was asked for since the start or the last ``fail(_:number:)``.
  package func count(of operation: Operation) -> Int {
    state.withLock { $0.counts[operation] ?? 0 }
  }

  /// Whether ``willNeed(_:_:)`` announced all of a part of an object.
  package func isAdvised(_ path: ObjectPath, _ range: Range<UInt64>) -> Bool {
    state.withLock { state in
      state.advised.contains { $0.path == path && $0.range.contains(range) }
    }
  }

  // MARK: Store

  package func put(_ bytes: RawSpan, at path: ObjectPath) throws(StoreError) {
    let copy = [UInt8](bytes)
    try perform(.put, path) { state in
      let others = state.objects.reduce(0) { $0 + ($1.key == path ? 0 : $1.value.count) }
      guard others + copy.count <= state.capacity else { return .full }
      guard state.putsUntilPowerIsLost > 0 else {
        state.hasPower = false
        return .refused("the power is lost")
      }
      state.putsUntilPowerIsLost -= 1
      state.objects[path] = copy
      return nil
    }
  }

  private func soundAlarm(after operation: Operation) {
    let action: (@Sendable () -> Void)? = state.withLock { state in
      guard let alarm = state.alarm, alarm.operation == operation else { return nil }
      state.alarm = alarm.count > 1 ? (operation, alarm.count - 1, alarm.action) : nil
      return alarm.count > 1 ? nil : alarm.action
    }
    action?()
  }

  package func read(
    _ path: ObjectPath, from offset: UInt64, into target: inout MutableRawSpan
  ) throws(StoreError) {
    var object: [UInt8] = []
    try perform(.read, path) { state in
      guard let found = state.objects[path] else { return .missing }
      object = found
      return nil
    }
    guard offset <= UInt64(object.count), target.byteCount <= object.count - Int(offset) else {
      throw StoreError(.truncated, path, in: name)
    }
    let all = object.span.bytes
    all.extracting(Int(offset)..<Int(offset) + target.byteCount).copy(into: &target)
  }

  package func willNeed(_ path: ObjectPath, _ range: Range<UInt64>) {
    state.withLock { $0.advised.append((path, range)) }
  }

  package func byteCount(of path: ObjectPath) throws(StoreError) -> UInt64? {
    var count: UInt64?
    try perform(.byteCount, path) { state in
      count = state.objects[path].map { UInt64($0.count) }
      return nil
    }
    return count
  }

  package func map(_ path: ObjectPath) throws(StoreError) -> SharedBytes {
    var object: [UInt8] = []
    try perform(.map, path) { state in
      guard let found = state.objects[path], !found.isEmpty else { return .missing }
      object = found
      return nil
    }
    return SharedBytes(copying: object)
  }

  package func list(_ folder: ObjectFolder) throws(StoreError) -> [ListedObject] {
    var found: [ListedObject] = []
    try perform(.list, .descriptor) { state in
      found = state.objects.filter { isIn(folder, $0.key) }
        .map { ListedObject(path: $0.key, byteCount: UInt64($0.value.count)) }
      return nil
    }
    return found
  }

  package func delete(_ path: ObjectPath) throws(StoreError) {
    try perform(.delete, path) { state in
      state.objects[path] = nil
      return nil
    }
  }

  /// Nothing: an object in memory is there whole or not at all.
  package func sweep() {}

  /// Counts the operation, lets it fail if it shall, else runs it.
  private func perform(
    _ operation: Operation, _ path: ObjectPath, _ body: (inout State) -> StoreError.Kind?
  ) throws(StoreError) {
    let problem: StoreError.Kind? = state.withLock { state in
      let number = (state.counts[operation] ?? 0) + 1
      state.counts[operation] = number
      guard state.hasPower else { return .refused("the power is lost") }
      if state.isReadOnly, operation == .put || operation == .delete {
        return .refused("the file system is read-only")
      }
      if state.failing[operation] == number { return .refused("injected into \(operation)") }
      return body(&state)
    }
    if let problem { throw StoreError(problem, path, in: name) }
    soundAlarm(after: operation)
  }
}

private func isIn(_ folder: ObjectFolder, _ path: ObjectPath) -> Bool {
  path.description.hasPrefix("\(folder.rawValue)/")
}
