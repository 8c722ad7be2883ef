internal import Bytes
internal import Hashing
internal import Maps
internal import Tiers

/// Recognises the chunks of one region after the other; one for each thread.
struct ChunkRecognizer: ~Copyable {
  private let open: OpenTier
  private var reader: TierReader
  /// Of the disk whose region is being cut; nil where each digest is to be computed.
  private var recognition: Recognition?
  /// Under the disk's key; nil as ``recognition`` is.
  private var fingerprinter: Fingerprinter?
  private var known: KnownChunks?
  /// Of the region's chunks so far.
  private var fingerprints: [Fingerprint] = []

  init(_ open: OpenTier) {
    self.open = open
    reader = TierReader(open)
  }

  /// - Parameters:
  ///   - byteCount: the region's length.
  ///   - recognition: of the disk's chunks.
  mutating func begin(_ region: UInt64, byteCount: Int, _ recognition: Recognition?) {
    if recognition !== self.recognition {
      self.recognition = recognition
      fingerprinter = recognition.map { Fingerprinter(key: $0.key) }
    }
    fingerprints.removeAll(keepingCapacity: true)
    known = recognition.flatMap { chunks(ofRegion: region, byteCount: byteCount, $0) }
  }

  /// Notes the fingerprint of the region's next chunk; gives its name where it is as it was.
  ///
  /// - Parameter offset: where in the region the chunk begins.
  mutating func recognize(_ chunk: RawSpan, at offset: Int) -> ContentID? {
    guard let fingerprint = fingerprinter?.fingerprint(chunk) else { return nil }
    fingerprints.append(fingerprint)
    guard let was = known?.chunk(at: offset, byteCount: chunk.byteCount),
      was.fingerprint == fingerprint
    else { return nil }
    return was.id
  }

  /// Remembers the region for the next backup.
  mutating func end(_ region: UInt64, map: ContentID) {
    recognition?.remember(region: region, map: map, fingerprints)
  }

  /// The region's chunks at the last backup. A map that is gone or lost is no loss here.
  private mutating func chunks(
    ofRegion region: UInt64, byteCount: Int, _ recognition: Recognition
  ) -> KnownChunks? {
    guard let id = recognition.map(ofRegion: region), open.index.contains(id) else { return nil }
    do {
      let bytes = try reader.map(id)
      return recognition.chunks(
        ofRegion: region, try RegionMap(decoding: bytes.span.bytes, byteCount: byteCount))
    } catch { return nil }
  }
}
