internal import CLinux
internal import Glibc

/// Memory of a fixed size that begins on a page, for reading and writing disks.
///
/// The bytes start as zeros, unless they come from a ``BufferPool``. Freed when the value goes;
/// never grows. Pages that are never touched cost no memory.
package struct AlignedBuffer: ~Copyable, @unchecked Sendable {
  package let capacity: Int
  private let base: UnsafeMutableRawPointer

  private let pool: BufferPool?

  /// - Parameter capacity: bytes, at least 1.
  package init(capacity: Int) {
    self.init(base: mapMemory(capacity), capacity: capacity, pool: nil)
  }

  init(base: UnsafeMutableRawPointer, capacity: Int, pool: BufferPool?) {
    self.base = base
    self.capacity = capacity
    self.pool = pool
  }

  deinit {
    if let pool { pool.takeBack(base) } else { unmapMemory(base, capacity) }
  }

  /// All bytes, for reading.
  package var bytes: RawSpan {
    @_lifetime(borrow self)
    borrowing get {
      let span = RawSpan(_unsafeStart: UnsafeRawPointer(base), byteCount: capacity)
      return _overrideLifetime(span, borrowing: self)
    }
  }

  /// All bytes, for writing.
  package var mutableBytes: MutableRawSpan {
    @_lifetime(&self)
    mutating get {
      let span = MutableRawSpan(_unsafeStart: base, byteCount: capacity)
      return _overrideLifetime(span, mutating: &self)
    }
  }

  /// A part of the bytes, for writing.
  @_lifetime(&self)
  package mutating func mutableBytes(_ range: Range<Int>) -> MutableRawSpan {
    precondition(range.lowerBound >= 0 && range.upperBound <= capacity, "a range of the buffer")
    let span = MutableRawSpan(_unsafeStart: base + range.lowerBound, byteCount: range.count)
    return _overrideLifetime(span, mutating: &self)
  }

  /// Calls `body` with a part of the bytes, for an owner that is a class.
  package borrowing func withBytes<Result, Failure: Error>(
    _ range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(bytes.extracting(range))
  }

  /// Moves a part of the bytes to the start; the two may overlap.
  package mutating func moveToStart(_ range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= capacity, "a range of the buffer")
    memmove(base, base + range.lowerBound, range.count)
  }
}

/// A large page of the processors that there are.
private let largePageByteCount = 2 << 20

func mapMemory(_ byteCount: Int) -> UnsafeMutableRawPointer {
  precondition(byteCount > 0, "a buffer holds at least one byte")
  let memory = mmap(
    nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
  if memory == MAP_FAILED { linux_end_for_want_of("memory") }
  // Faults and translations cost less in large pages; advice, so its failure means nothing.
  if byteCount >= largePageByteCount { _ = madvise(memory, byteCount, MADV_HUGEPAGE) }
  return memory!
}

func unmapMemory(_ base: UnsafeMutableRawPointer, _ byteCount: Int) { munmap(base, byteCount) }
