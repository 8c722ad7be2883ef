/// Writes `count` bytes at `place` that repeat those from `distance` before it on; the two may
/// overlap, and then repeat.
///
/// The caller has checked that `distance` is from 1 to `place` and that `count` bytes fit. Up to
/// seven bytes behind them, which the caller fills later or not at all, may be overwritten.
@inline(__always)
func copyMatch(
  _ output: UnsafeMutableRawBufferPointer, at place: Int, distance: Int, count: Int
) {
  precondition(
    distance > 0 && distance <= place && count <= output.count - place, "a match in the output")
  let end = place + count
  var place = place
  if distance >= 8 && end + 8 <= output.count {
    while place < end {
      let word = output.loadUnaligned(fromByteOffset: place - distance, as: UInt64.self)
      output.storeBytes(of: word, toByteOffset: place, as: UInt64.self)
      place += 8
    }
    return
  }
  while place < end {
    output[place] = output[place - distance]
    place += 1
  }
}
