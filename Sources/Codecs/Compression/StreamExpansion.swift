internal import Bytes
internal import CZlib
internal import CZstd

/// Expansion of streams that other programs wrote, which may be shorter than the room for them and
/// be followed by something else.
extension Decompressor {
  /// Expands the stream at the start of `payload` into `target`.
  ///
  /// - Returns: how many bytes came; nil where the stream is damaged or gives more than there is
  ///   room for. `target` is written to in any case, but never past its end.
  package mutating func expand(
    _ payload: RawSpan, codec: Codec, into target: inout MutableRawSpan
  ) -> Int? {
    switch codec {
    case .stored:
      guard payload.byteCount <= target.byteCount else { return nil }
      payload.copy(into: &target)
      return payload.byteCount
    case .zstd: return expandFrame(payload, into: &target)
    case .zlib: return expandZlib(payload, into: &target)
    }
  }
}

private func expandZlib(_ payload: RawSpan, into target: inout MutableRawSpan) -> Int? {
  target.withUnsafeMutableBytes { to in
    payload.withUnsafeBytes { from in
      var count = uLongf(to.count)
      var used = uLong(from.count)
      let status = uncompress2(
        to.bindMemory(to: UInt8.self).baseAddress, &count,
        from.bindMemory(to: UInt8.self).baseAddress, &used)
      return status == Z_OK ? Int(count) : nil
    }
  }
}
