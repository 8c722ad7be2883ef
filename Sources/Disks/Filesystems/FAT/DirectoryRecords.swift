internal import BlockDevices
internal import Bytes

/// Bytes of an entry of a FAT or exFAT directory; none reaches from one cluster into the next.
let directoryRecordByteCount = 32

/// Calls `visit` with the place and the bytes of each record in `ranges`, until it returns false.
///
/// - Parameter ranges: they begin at multiples of 32 and were found on the device.
func forEachRecord(
  in ranges: [Range<UInt64>], of cache: BlockCache,
  _ visit: (_ offset: UInt64, _ record: RawSpan) throws -> Bool
) throws {
  let blockByteCount = UInt64(cache.blockByteCount)
  for range in ranges {
    var offset = range.lowerBound
    while offset < range.upperBound {
      let number = offset / blockByteCount
      let block = try cache.block(number)
      let bytes = block.span.bytes
      let start = number * blockByteCount
      let stop = min(range.upperBound, start + blockByteCount)
      while offset < stop {
        let record = try bytes.field(at: Int(offset - start), count: directoryRecordByteCount)
        if !(try visit(offset, record)) { return }
        offset += UInt64(directoryRecordByteCount)
      }
    }
  }
}
