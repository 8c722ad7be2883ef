internal import Glibc

extension RawSpan {
  /// Copies these bytes to the start of `target`, which must be large enough.
  package func copy(into target: inout MutableRawSpan) {
    precondition(byteCount <= target.byteCount, "the target is shorter than what is copied to it")
    withUnsafeBytes { from in
      target.withUnsafeMutableBytes { to in
        if let source = from.baseAddress {
          to.baseAddress!.copyMemory(from: source, byteCount: from.count)
        }
      }
    }
  }

  /// Whether both hold the same bytes.
  package func isEqual(to other: RawSpan) -> Bool {
    guard byteCount == other.byteCount else { return false }
    return withUnsafeBytes { a in
      other.withUnsafeBytes { b in
        a.isEmpty || memcmp(a.baseAddress!, b.baseAddress!, a.count) == 0
      }
    }
  }

  /// Whether these bytes begin with a format's magic number.
  package func starts(with magic: StaticString) -> Bool {
    guard byteCount >= magic.utf8CodeUnitCount else { return false }
    return withUnsafeBytes {
      memcmp($0.baseAddress!, magic.utf8Start, magic.utf8CodeUnitCount) == 0
    }
  }

  /// Whether every byte is zero. Reads no further than the first that is not.
  package var isZero: Bool {
    withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return true }
      // Equal to itself one byte further on, and the first byte zero: then all are.
      return bytes[0] == 0 && memcmp(base, base + 1, bytes.count - 1) == 0
    }
  }
}

extension Array where Element == UInt8 {
  package init(_ span: RawSpan) {
    self = span.withUnsafeBytes { [UInt8]($0) }
  }
}

extension MutableRawSpan {
  package mutating func fillWithZeros() {
    withUnsafeMutableBytes { bytes in
      if let base = bytes.baseAddress { memset(base, 0, bytes.count) }
    }
  }
}
