internal import Bytes
internal import Compression
internal import Hashing
internal import Packs
internal import Tiers
internal import Workers

/// Moves what is needed out of packs of which little is, as it is sealed, into new ones.
struct PackRewrite {
  private let open: OpenTier
  private let marking: Marking
  private let compression: CompressionSetting

  init(_ open: OpenTier, _ marking: Marking, compression: CompressionSetting) {
    self.open = open
    self.marking = marking
    self.compression = compression
  }

  /// Durable and listed when it returns; when it throws, what came so far lies there twice.
  ///
  /// - Parameter packs: that look-ups take for absent already, with the bytes that are needed of
  ///   each.
  /// - Returns: the packs of which everything that is needed was moved.
  func run(
    _ packs: [ReclaimPlan.SparsePack], _ progress: Progress, _ cancellation: Cancellation
  ) throws -> [PackID] {
    let writer = TierWriter(open)
    let rewritten: [PackID]
    do { rewritten = try move(packs, to: writer, progress, cancellation) } catch {
      writer.abandon()
      throw error
    }
    var digester = Digester()
    try writer.finish(digester: &digester)
    return rewritten
  }

  private func move(
    _ packs: [ReclaimPlan.SparsePack], to writer: TierWriter, _ progress: Progress,
    _ cancellation: Cancellation
  ) throws -> [PackID] {
    var sink = RecordSink(writer: writer, compression: compression)
    var digester = Digester()
    let pool = OpenTier.makePackPool()
    var rewritten: [PackID] = []
    for sparse in packs {
      try cancellation.check()
      let pack: SealedPack
      do throws(PackError) {
        pack = try open.wholePack(sparse.id, pool: pool, digester: &digester)
      } catch {
        open.notices.add("\(error); it is not rewritten before `kluis scrub --repair` healed it")
        continue
      }
      progress.expect(UInt64(pack.byteCount))
      let needed = pack.entries(where: { marking.isLive($0, in: sparse.id) })
      // An index that lists more than the pack has would have something left behind.
      guard needed.reduce(0, { $0 + UInt64($1.recordByteCount) }) == sparse.neededBytes else {
        open.notices.add("the index does not agree with pack \(sparse.id), which is not rewritten")
        continue
      }
      try sink.add(needed, of: pack)
      progress.advance(UInt64(pack.byteCount))
      rewritten.append(sparse.id)
    }
    try sink.finish()
    return rewritten
  }
}
