internal import Bytes
internal import Compression
internal import Encryption
internal import Hashing
internal import Packs
internal import Tiers
internal import Workers

/// Sends all packs that hold something that is needed, in parallel.
struct PackShipment {
  let source: OpenTier
  let target: OpenTier
  /// For records that have to be sealed anew, as their pack is damaged.
  let compression: CompressionSetting
  let workerCount: Int

  /// Durable and listed when it returns; when it throws, what came so far is found by the next run.
  ///
  /// - Returns: bytes of the packs that were written.
  func send(
    _ needed: NeededRecords, _ progress: Progress, _ cancellation: Cancellation
  ) throws -> UInt64 {
    let writer = TierWriter(target)
    do { try send(needed, to: writer, progress, cancellation) } catch {
      writer.abandon()
      throw error
    }
    var digester = Digester()
    try writer.finish(digester: &digester)
    return writer.writtenByteCount
  }

  private func send(
    _ needed: NeededRecords, to writer: TierWriter, _ progress: Progress,
    _ cancellation: Cancellation
  ) throws {
    let packs = needed.takePacks()
    progress.expect(packs.reduce(0) { $0 + UInt64($1.neededByteCount) })
    let pool = OpenTier.makePackPool()
    let (source, compression) = (source, compression)
    try share(
      packs, among: workerCount, cancellation: cancellation,
      makeWorker: {
        PackSender(
          from: source, needed: needed, writer: writer, compression: compression, pool: pool)
      },
      finish: { try $0.finish() },
      each: { sender, pack in
        try cancellation.check()
        try sender.send(pack)
        progress.advance(UInt64(pack.neededByteCount))
      })
  }
}

/// Sends packs, whole or in part, as they are sealed; one for each thread.
struct PackSender: ~Copyable {
  private let source: OpenTier
  private let needed: NeededRecords
  private let writer: TierWriter
  private let pool: BufferPool
  private var sink: RecordSink
  private var digester = Digester()

  init(
    from source: OpenTier, needed: NeededRecords, writer: TierWriter,
    compression: CompressionSetting, pool: BufferPool
  ) {
    self.source = source
    self.needed = needed
    self.writer = writer
    self.pool = pool
    sink = RecordSink(writer: writer, compression: compression)
  }

  /// Sends what is needed of a pack, which is checked whole by its name, without any key.
  mutating func send(_ wanted: NeededPack) throws {
    let pack: SealedPack
    do throws(PackError) {
      pack = try source.wholePack(wanted.id, pool: pool, digester: &digester)
    } catch {
      source.notices.add("\(error)")
      return try sendSingly(wanted)
    }
    let found = pack.entries(where: { needed.isNeeded($0, in: wanted.id) })
    // A bit that flipped in the index has it look for something in a pack that lies in another.
    guard found.reduce(0, { $0 + $1.recordByteCount }) == wanted.neededByteCount else {
      return try sendSingly(wanted)
    }
    // A name that is on its way out there must not come back.
    if Self.isWorthSendingWhole(pack, neededByteCount: wanted.neededByteCount),
      !writer.open.tombstoned.contains(pack.id)
    {
      return try writer.add(pack)
    }
    try sink.add(found, of: pack)
  }

  /// A pack of which nearly all is lacking is sent as it is: nothing has to be put together anew,
  /// and both tiers have the same pack, so that either can heal the other.
  private static func isWorthSendingWhole(_ pack: SealedPack, neededByteCount: Int) -> Bool {
    let records = pack.entries.reduce(0) { $0 + $1.recordByteCount }
    return neededByteCount * 8 >= records * 7
  }

  /// Sends what is needed of a pack that is damaged, or not as the index has it.
  ///
  /// Each record is read and checked by itself, which takes the vault's key.
  private mutating func sendSingly(_ wanted: NeededPack) throws {
    if source.tier.protection.isLocked { throw LockedError() }
    var reader = TierReader(source)
    for record in needed.records(in: wanted.id) {
      let plain = try reader.bytes(of: record.id)
      try sink.add(plain.span.bytes, id: record.id, kind: record.kind)
    }
  }

  /// Hands over what is left. To be called after the last pack.
  mutating func finish() throws { try sink.finish() }
}
