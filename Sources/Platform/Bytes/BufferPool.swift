internal import Synchronization

/// Large buffers that are used again, since memory that is new to a process costs the system a
/// fault and a page of zeros every 4 KiB.
///
/// A buffer comes back by itself when its value goes.
package final class BufferPool: Sendable {
  private let capacity: Int
  private let idle = Mutex(Idle())

  private struct Idle: @unchecked Sendable { var memory: [UnsafeMutableRawPointer] = [] }

  /// - Parameter capacity: bytes of each buffer.
  package init(capacity: Int) { self.capacity = capacity }

  deinit {
    idle.withLock { for base in $0.memory { unmapMemory(base, capacity) } }
  }

  /// A buffer with whatever its last user left in it.
  package func take() -> AlignedBuffer {
    let used = idle.withLock { idle in idle.memory.popLast().map { UInt(bitPattern: $0) } }
    let base = used.flatMap { UnsafeMutableRawPointer(bitPattern: $0) } ?? mapMemory(capacity)
    return AlignedBuffer(base: base, capacity: capacity, pool: self)
  }

  func takeBack(_ base: UnsafeMutableRawPointer) {
    let address = UInt(bitPattern: base)
    idle.withLock { $0.memory.append(UnsafeMutableRawPointer(bitPattern: address)!) }
  }
}
