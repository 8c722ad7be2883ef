/// Input that ends before what its format promises.
package struct TruncatedInput: Error, Equatable {
  /// Where more was wanted, in bytes from the start.
  package let offset: Int
  /// Bytes that were wanted there.
  package let wanted: Int
}

/// Reads little-endian fields of a format one after the other, never past the end.
package struct ByteReader: ~Escapable {
  private let bytes: RawSpan
  /// Where the next field begins, in bytes from the start.
  package private(set) var offset = 0

  @_lifetime(copy bytes)
  package init(_ bytes: RawSpan) { self.bytes = bytes }

  /// Bytes not read yet.
  package var remaining: Int { bytes.byteCount - offset }

  @_lifetime(self: copy self)
  package mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(
    _ type: Value.Type = Value.self
  ) throws(TruncatedInput) -> Value {
    let start = try advance(MemoryLayout<Value>.size)
    return Value(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: start, as: Value.self))
  }

  /// The next `count` bytes as they stand.
  @_lifetime(copy self)
  package mutating func take(_ count: Int) throws(TruncatedInput) -> RawSpan {
    let start = try advance(count)
    return bytes.extracting(start..<start + count)
  }

  @_lifetime(self: copy self)
  private mutating func advance(_ count: Int) throws(TruncatedInput) -> Int {
    guard count >= 0, count <= remaining else {
      throw TruncatedInput(offset: offset, wanted: count)
    }
    defer { offset += count }
    return offset
  }
}
