internal import BlockDevices
internal import Bytes

/// The block of a cache that was looked at last, so that what lies near it is found without asking.
struct CacheWindow {
  private let cache: BlockCache
  private let blockByteCount: UInt64
  private var start: UInt64 = .max
  private var bytes: [UInt8] = []

  init(_ cache: BlockCache) {
    self.cache = cache
    blockByteCount = UInt64(cache.blockByteCount)
  }

  /// A little-endian integer that does not reach from one block into the next.
  mutating func integer<Value: FixedWidthInteger & BitwiseCopyable>(
    at offset: UInt64, as type: Value.Type = Value.self
  ) throws -> Value {
    if offset < start || offset - start >= blockByteCount {
      let number = offset / blockByteCount
      bytes = try cache.block(number)
      start = number * blockByteCount
    }
    return try bytes.span.bytes.littleEndian(at: Int(offset - start))
  }
}
