/// How large chunks are: a vault's choice, fixed when it is made.
///
/// All are whole blocks of 4,096 bytes. Two vaults share chunks only if these agree.
package struct ChunkSizes: Sendable, Equatable {
  /// Bytes; a chunk is shorter only before zeros and at the end of a region or disk.
  package let minimum: Int
  /// Bytes, of a chunk in data that has no zeros.
  package let average: Int
  /// Bytes; no chunk is longer.
  package let maximum: Int

  package static let blockByteCount = 4096
  /// 64 KiB on average.
  package static let standard = ChunkSizes(average: 65_536)!

  /// A quarter of the average at the least, four times the average at the most.
  ///
  /// - Parameter average: a power of two from 16 KiB to 1 MiB; nil for anything else.
  package init?(average: Int) {
    guard average >= 16_384, average <= 1_048_576, average.nonzeroBitCount == 1 else { return nil }
    minimum = average / 4
    self.average = average
    maximum = average * 4
  }
}
