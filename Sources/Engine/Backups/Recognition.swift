internal import Files
internal import Hashing
internal import Maps
internal import Synchronization
internal import SystemPackage

/// Recognises the chunks of a disk that are as they were at its last backup, by fingerprints that
/// cost a fifth of a digest; and remembers those of this backup for the next.
///
/// Shared by all workers.
final class Recognition: Sendable {
  let key: [UInt8]
  private let known: FingerprintFile?
  private let writer: Mutex<FingerprintFileWriter>

  /// - Parameter isRehashing: whether what the file at `path` knows is left aside.
  init(_ path: FilePath, isRehashing: Bool = false) {
    known = isRehashing ? nil : FingerprintFile(path)
    key = known?.key ?? Fingerprinter.randomKey()
    writer = Mutex(FingerprintFileWriter(path, key: key))
  }

  /// The map of a region as it was; nil where nothing is known of it.
  func map(ofRegion index: UInt64) -> ContentID? { known?.region(index)?.map }

  /// The chunks of a region as they were.
  ///
  /// - Parameter map: what ``map(ofRegion:)`` named.
  func chunks(ofRegion index: UInt64, _ map: RegionMap) -> KnownChunks? {
    guard let known, let region = known.region(index) else { return nil }
    return KnownChunks(map, region, in: known)
  }

  func remember(region: UInt64, map: ContentID, _ fingerprints: [Fingerprint]) {
    writer.withLock { $0.append(region: region, map: map, fingerprints) }
  }

  /// - Returns: why the next backup will recognise nothing; nil where it will.
  func finish() -> FileError? {
    writer.withLock { writer in
      writer.finish()
      return writer.failure
    }
  }

  func abandon() { writer.withLock { $0.abandon() } }
}

/// Walks along the chunks of a region as they were, beside one who cuts it anew.
struct KnownChunks {
  private let file: FingerprintFile
  private let region: FingerprintFile.Region
  private let items: [RegionMap.Item]
  /// The item that is looked at next, where it begins, and how many chunks lie before it.
  private var next = 0
  private var start = 0
  private var chunkNumber = 0

  /// Nil where the two do not belong together.
  fileprivate init?(
    _ map: RegionMap, _ region: FingerprintFile.Region, in file: FingerprintFile
  ) {
    var chunkCount = 0
    for case .chunk in map.items { chunkCount += 1 }
    guard chunkCount == region.count else { return nil }
    items = map.items
    self.region = region
    self.file = file
  }

  /// The chunk that had exactly this place. Places must be asked for in their order.
  mutating func chunk(
    at offset: Int, byteCount: Int
  ) -> (id: ContentID, fingerprint: Fingerprint)? {
    while next < items.count, start < offset {
      start += items[next].byteCount
      if case .chunk = items[next] { chunkNumber += 1 }
      next += 1
    }
    guard next < items.count, start == offset, case .chunk(let id, byteCount) = items[next] else {
      return nil
    }
    return (id, file.fingerprint(chunkNumber, of: region))
  }
}
