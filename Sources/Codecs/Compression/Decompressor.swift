internal import Bytes
internal import CZlib
internal import CZstd

/// Expands chunk after chunk; one for each thread.
package struct Decompressor: ~Copyable {
  private let zstd: OpaquePointer

  package init() {
    guard let zstd = ZSTD_createDCtx() else { preconditionFailure("zstd has no memory") }
    self.zstd = zstd
  }

  deinit { ZSTD_freeDCtx(zstd) }

  /// Expands `payload` so that it fills `target` exactly. Never writes past it, whatever the
  /// payload says.
  package mutating func decompress(
    _ payload: RawSpan, codec: Codec, into target: inout MutableRawSpan
  ) throws(DecompressionError) {
    let expected = target.byteCount
    let produced: Int?
    switch codec {
    case .stored:
      produced = payload.byteCount
      if payload.byteCount == expected { payload.copy(into: &target) }
    case .zstd:
      produced = target.withUnsafeMutableBytes { to in
        payload.withUnsafeBytes { from in
          ZSTD_decompressDCtx(zstd, to.baseAddress, to.count, from.baseAddress, from.count)
        }
      }
    case .zlib:
      produced = target.withUnsafeMutableBytes { to in
        payload.withUnsafeBytes { from in
          var count = uLongf(to.count)
          let status = uncompress(
            to.bindMemory(to: UInt8.self).baseAddress, &count,
            from.bindMemory(to: UInt8.self).baseAddress, uLong(from.count))
          return status == Z_OK ? Int(count) : nil
        }
      }
    }
    guard produced == expected else {
      throw DecompressionError(format: .pack(codec), expected: expected)
    }
  }

  /// Expands the frame at the start of `payload`; nil where it is damaged or too long for `target`.
  mutating func expandFrame(_ payload: RawSpan, into target: inout MutableRawSpan) -> Int? {
    let zstd = zstd
    return target.withUnsafeMutableBytes { to in
      payload.withUnsafeBytes { from in
        let frame = ZSTD_findFrameCompressedSize(from.baseAddress, from.count)
        guard ZSTD_isError(frame) == 0, frame <= from.count else { return nil }
        let count = ZSTD_decompressDCtx(zstd, to.baseAddress, to.count, from.baseAddress, frame)
        return ZSTD_isError(count) == 0 ? count : nil
      }
    }
  }
}
