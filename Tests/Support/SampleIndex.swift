internal import Compression
internal import Hashing
package import Packs

/// Entries with random names for a pack of a given size, none of which exists.
package func randomEntries(
  _ count: Int, _ random: inout SeededRandom, packByteCount: UInt32 = 1 << 24
) -> [PackEntry] {
  (0..<count).map { _ in
    PackEntry(
      id: ContentID(digest(random.next())), kind: .chunk, codec: .stored,
      offset: UInt32.random(in: 16..<packByteCount, using: &random),
      storedByteCount: UInt32.random(in: 1...4096, using: &random),
      plainByteCount: UInt32.random(in: 4096...65_536, using: &random))
  }
}
