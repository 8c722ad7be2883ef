package import Hashing
package import Indexes
internal import Packs
internal import Stores
internal import Synchronization

/// Where everything in a tier lies: all segments of its index, and what packs hold that none lists.
///
/// A value: a copy stays as it was while the tier goes on.
package struct TierIndex: Sendable {
  /// Segments that lie in the stores.
  package private(set) var published: [Segment] { didSet { gatherSegments() } }
  /// Segments made in memory for packs that no segment lists: left by a backup that was killed, or
  /// by an index that was damaged. The next commit publishes them.
  package private(set) var adopted: [AdoptedSegment] { didSet { gatherSegments() } }
  /// All of them, the published ones first; kept, since every look-up goes through them.
  package private(set) var segments: [Segment] = []

  /// A segment that is not in any store yet.
  package struct AdoptedSegment: Sendable {
    package let segment: Segment
    package let bytes: [UInt8]
    /// Whether all its packs are on their way out, so that it is never published.
    var isLeaving = false
  }

  /// Differs between any two times that the index was read from the stores.
  let revision: Int

  init(published: [Segment] = [], adopted: [AdoptedSegment] = []) {
    self.published = published
    self.adopted = adopted
    revision = lastRevision.add(1, ordering: .relaxed).newValue
    gatherSegments()
  }

  private mutating func gatherSegments() { segments = published + adopted.map(\.segment) }

  /// Packs that the index names and no store holds.
  package var missingPacks: [PackID] { published.flatMap(\.missingPacks) }

  /// Packs that segments in the stores list, whether they are there or not.
  package var publishedPacks: Set<PackID> { Set(published.flatMap { $0.packs.map(\.id) }) }

  /// Whether a chunk or map is stored, and not only in packs on their way out.
  ///
  /// - Complexity: a cache line for each segment that does not list it.
  package func contains(_ id: ContentID) -> Bool {
    segments.contains { $0.mayContain(id) && $0.find(id) != nil }
  }

  /// Where a chunk or map lies; nil where it is not stored. Does not trust the filters.
  package func location(of id: ContentID) -> RecordLocation? {
    for segment in segments {
      if let number = segment.find(id) { return segment.location(of: number) }
    }
    for segment in segments {
      if let number = segment.findTombstoned(id) { return segment.location(of: number) }
    }
    return nil
  }

  /// Every place where it lies: a chunk that two backups stored at once lies twice.
  package func locations(of id: ContentID) -> [RecordLocation] {
    segments.compactMap { segment in segment.find(id).map(segment.location(of:)) }
      + segments.compactMap { segment in segment.findTombstoned(id).map(segment.location(of:)) }
  }

  /// Records that are listed, those that lie twice counted twice.
  package var recordCount: Int { segments.reduce(0) { $0 + $1.entryCount } }

  /// A number below ``recordCount`` that stands for a stored chunk or map, nil for one that is not.
  /// Of one that lies in several packs that of a pack which stays, if any does.
  package func number(of id: ContentID) -> Int? {
    number { $0.find(id) } ?? number { $0.findTombstoned(id) }
  }

  private func number(_ find: (Segment) -> Int?) -> Int? {
    var base = 0
    for segment in segments {
      if let number = find(segment) { return base + number }
      base += segment.entryCount
    }
    return nil
  }

  /// Where the record with that ``number(of:)`` lies.
  package func location(numbered number: Int) -> RecordLocation {
    let (segment, entry) = place(ofNumber: number)
    return segment.location(of: entry)
  }

  /// The name of the record with that ``number(of:)``.
  package func id(numbered number: Int) -> ContentID {
    let (segment, entry) = place(ofNumber: number)
    return segment.id(of: entry)
  }

  private func place(ofNumber number: Int) -> (segment: Segment, entry: Int) {
    var rest = number
    for segment in segments {
      if rest < segment.entryCount { return (segment, rest) }
      rest -= segment.entryCount
    }
    preconditionFailure("no record has the number \(number)")
  }

  mutating func publish(_ segment: Segment) { published.append(segment) }

  mutating func replace(_ old: Set<Digest>, with segment: Segment) {
    published.removeAll { old.contains($0.name) }
    published.append(segment)
  }

  /// Moves an adopted segment, which was put into the stores, among the published ones.
  mutating func publishAdopted(_ segment: Segment) {
    adopted.removeAll { $0.segment.name == segment.name }
    published.append(segment)
  }

  mutating func forgetAdopted() { adopted.removeAll { !$0.isLeaving } }

  /// Takes packs for being on their way out.
  mutating func bury(_ packs: Set<PackID>) {
    published = published.map { Segment($0, tombstoned: packs) }
    adopted = adopted.map {
      AdoptedSegment(
        segment: Segment($0.segment, tombstoned: packs), bytes: $0.bytes, isLeaving: $0.isLeaving)
    }
  }

  mutating func remove(_ name: Digest) { published.removeAll { $0.name == name } }
}

private let lastRevision = Atomic(0)
