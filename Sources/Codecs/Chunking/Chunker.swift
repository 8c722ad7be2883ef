internal import Bytes
package import Hashing

/// Cuts a disk's blocks into chunks and runs of zeros.
///
/// A cut falls only on a block boundary: after a block whose keyed hash is under a threshold, never
/// before the minimum and always at the maximum; before a block of zeros; and at the end. Since a
/// cut depends on the chunk's own bytes alone, the same file gives the same chunks wherever it
/// lies.
package struct Chunker: Sendable {
  /// What the next bytes are.
  package enum Piece: Equatable, Sendable {
    /// So many bytes, all zero.
    case zeros(Int)
    /// A chunk of so many bytes.
    case chunk(Int)

    package var byteCount: Int {
      switch self {
      case .zeros(let count), .chunk(let count): count
      }
    }
  }

  package let sizes: ChunkSizes
  private let hash: BoundaryHash
  private let threshold: UInt64

  /// - Parameter seed: the vault's, 32 bytes that key the hash.
  package init(sizes: ChunkSizes, seed: Digest) {
    self.sizes = sizes
    hash = BoundaryHash(seed: seed)
    // After the minimum every further block ends the chunk with this chance, so that the minimum
    // and the expected rest add up to the average.
    let block = ChunkSizes.blockByteCount
    threshold = UInt64.max / UInt64((sizes.average - sizes.minimum) / block + 1)
  }

  /// The piece at the start of `window`.
  ///
  /// - Parameter window: bytes that begin at a block boundary of the disk: at least the maximum, or
  ///   all up to the end of the region or disk. Only the last block may be a part of one.
  /// - Complexity: reads what it returns and at most one block more.
  package func nextPiece(in window: RawSpan) -> Piece {
    precondition(window.byteCount > 0, "a piece of something")
    let block = ChunkSizes.blockByteCount
    let end = window.byteCount
    if isZeroBlock(window, at: 0) {
      var length = min(block, end)
      while length < end, isZeroBlock(window, at: length) { length = min(length + block, end) }
      return .zeros(length)
    }
    let limit = min(sizes.maximum, end)
    var length = min(block, end)
    while length < limit {
      if length >= sizes.minimum, hash.value(of: window, at: length - block) < threshold { break }
      if isZeroBlock(window, at: length) { break }
      length = min(length + block, limit)
    }
    return .chunk(length)
  }
}

@inline(__always)
private func isZeroBlock(_ window: RawSpan, at offset: Int) -> Bool {
  let end = min(offset + ChunkSizes.blockByteCount, window.byteCount)
  if end - offset >= 8, window.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self) != 0 {
    return false
  }
  return window.extracting(offset..<end).isZero
}
