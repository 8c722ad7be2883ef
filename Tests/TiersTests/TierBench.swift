import Bytes
import Compression
import Encryption
import Hashing
import Packs
import Stores
import TestSupport
import Tiers

/// A tier of memory stores, and what a test does with it again and again.
struct TierBench: Sendable {
  let stores: [MemoryStore]
  let tier: Tier
  let notices = Notices()

  var store: MemoryStore { stores[0] }

  init(copies: Int = 1, protection: ContentProtection = .none) {
    stores = (0..<copies).map { MemoryStore(name: "copy \($0)") }
    // A store without a descriptor counts as not mounted.
    for store in stores { store.place([0], at: .descriptor) }
    tier = Tier(.vault, stores: stores, protection: protection)
  }

  /// The tier as whoever has no key sees it.
  var locked: Tier { Tier(.vault, stores: stores, protection: .locked) }

  func open() throws -> OpenTier { try OpenTier(tier, notices: notices) }

  /// Stores what is new of `plains` in one run, as a backup does.
  func save(
    _ plains: [[UInt8]], kind: RecordKind = .chunk, for purpose: OpenTier.Purpose = .reading
  ) throws {
    let writer = TierWriter(try OpenTier(tier, notices: notices, for: purpose))
    var digester = Digester()
    do { try add(plains, kind: kind, to: writer) } catch {
      writer.abandon()
      throw error
    }
    try writer.finish(digester: &digester)
  }

  /// Claims and hands over `plains`; gives how many were new.
  @discardableResult
  func add(_ plains: [[UInt8]], kind: RecordKind = .chunk, to writer: TierWriter) throws -> Int {
    var run = RecordRun()
    var sealer = RecordSealer(.standard)
    var digester = Digester()
    let index = writer.open.index
    var claimed = 0
    for plain in plains where writer.claim(contentID(plain), index: index) {
      claimed += 1
      if !run.hasRoom(for: plain.count) { try writer.add(&run, kind: kind, digester: &digester) }
      _ = run.append(plain.span.bytes, id: contentID(plain), kind: kind, with: &sealer)
    }
    try writer.add(&run, kind: kind, digester: &digester)
    return claimed
  }

  /// The plains that cannot be read, or not as they were, by number.
  func unreadable(_ plains: [[UInt8]]) throws -> [Int] {
    var reader = TierReader(try open())
    return plains.indices.filter { number in
      do { return !areEqual(try read(plains[number], &reader), plains[number]) } catch {
        return true
      }
    }
  }

  /// Every record that lies in any pack, by walking them.
  func storedRecords() -> [PackEntry] {
    store.paths(in: .packs).flatMap { path -> [PackEntry] in
      let bytes = store.bytes(at: path)!
      return walkRecords(ofPack: bytes.span.bytes)
    }
  }
}

/// What the tier gives for the name of `plain`.
func read(_ plain: [UInt8], _ reader: inout TierReader) throws -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: plain.count)
  var span = bytes.mutableSpan
  var target = span.mutableBytes
  try reader.read(contentID(plain), into: &target)
  return bytes
}

/// Chunks of many sizes, all different.
func samplePlains(_ count: Int, _ random: inout SeededRandom) -> [[UInt8]] {
  (0..<count).map { _ in
    let start = random.bytes(16)
    return random.below(2) == 0
      ? start + random.bytes(random.below(3000)) : repeated(start, 16 + random.below(9000))
  }
}
