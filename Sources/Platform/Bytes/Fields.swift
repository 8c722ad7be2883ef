/// Fields of formats that are laid out at fixed places, never past the end.
extension RawSpan {
  /// The little-endian integer that begins `offset` bytes from the start.
  package func littleEndian<Value: FixedWidthInteger & BitwiseCopyable>(
    at offset: Int, as type: Value.Type = Value.self
  ) throws(TruncatedInput) -> Value {
    Value(littleEndian: try field(at: offset))
  }

  /// The big-endian integer that begins `offset` bytes from the start.
  package func bigEndian<Value: FixedWidthInteger & BitwiseCopyable>(
    at offset: Int, as type: Value.Type = Value.self
  ) throws(TruncatedInput) -> Value {
    Value(bigEndian: try field(at: offset))
  }

  /// `count` bytes from `offset` on.
  @_lifetime(copy self)
  package func field(at offset: Int, count: Int) throws(TruncatedInput) -> RawSpan {
    guard offset >= 0, count >= 0, offset <= byteCount, count <= byteCount - offset else {
      throw TruncatedInput(offset: offset, wanted: count)
    }
    return extracting(offset..<offset + count)
  }

  @inline(__always)
  private func field<Value: FixedWidthInteger & BitwiseCopyable>(
    at offset: Int
  ) throws(TruncatedInput) -> Value {
    let size = MemoryLayout<Value>.size
    guard offset >= 0, size <= byteCount, offset <= byteCount - size else {
      throw TruncatedInput(offset: offset, wanted: size)
    }
    return unsafeLoadUnaligned(fromByteOffset: offset, as: Value.self)
  }
}
