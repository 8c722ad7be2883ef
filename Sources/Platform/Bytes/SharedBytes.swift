/// Bytes that never change and stay where they are while somebody holds this.
package final class SharedBytes: @unchecked Sendable {
  private let base: UnsafeRawPointer
  private let release: @Sendable () -> Void
  package let byteCount: Int

  /// - Parameter release: gives the memory back; called when the last reference goes.
  package init(
    base: UnsafeRawPointer, byteCount: Int, release: @escaping @Sendable () -> Void
  ) {
    self.base = base
    self.byteCount = byteCount
    self.release = release
  }

  /// A copy of `bytes` in memory of its own.
  package convenience init(copying bytes: [UInt8]) {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count + 1, alignment: 8)
    memory.copyBytes(from: bytes)
    nonisolated(unsafe) let owned = memory
    self.init(base: UnsafeRawPointer(memory.baseAddress!), byteCount: bytes.count) {
      owned.deallocate()
    }
  }

  deinit { release() }

  package var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      let span = RawSpan(_unsafeStart: base, byteCount: byteCount)
      return _overrideLifetime(span, borrowing: self)
    }
  }
}
