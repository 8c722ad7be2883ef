internal import Bytes
package import Compression
internal import Encryption
package import Hashing
package import Packs

/// Names chunks and maps and hands those that are new to the writer; one for each thread.
package struct RecordSink: ~Copyable {
  private let writer: TierWriter
  private var index: TierIndex
  private var digester = Digester()
  private var namer: ContentNamer
  private var sealer: RecordSealer
  private var chunkRun = RecordRun()
  private var mapRun = RecordRun()

  package init(writer: TierWriter, compression: CompressionSetting) {
    self.writer = writer
    index = writer.open.index
    let protection = writer.open.tier.protection
    namer = ContentNamer(protection)
    sealer = RecordSealer(compression, protection)
  }

  /// Looks at the index as it is now, with what was published meanwhile.
  package mutating func refreshIndex() { index = writer.open.index }

  /// The name of `plain`, which is stored under it if it is new.
  ///
  /// - Returns: bytes that storing it takes; nil where it is stored already.
  package mutating func add(
    _ plain: RawSpan, kind: RecordKind
  ) throws -> (id: ContentID, storedByteCount: Int?) {
    if sealer.isLocked { throw LockedError() }
    let id = namer.name(plain)
    return (id, try add(plain, id: id, kind: kind))
  }

  /// The names of parts of `bytes`, many at a time.
  package mutating func names(of parts: [Range<Int>], in bytes: RawSpan) throws -> [ContentID] {
    if sealer.isLocked { throw LockedError() }
    return namer.names(of: parts, in: bytes)
  }

  /// Stores what is named already; gives the bytes that this takes, nil where it is stored.
  @discardableResult
  package mutating func add(
    _ plain: RawSpan, id: ContentID, kind: RecordKind
  ) throws -> Int? {
    if sealer.isLocked { throw LockedError() }
    guard writer.claim(id, index: index) else { return nil }
    switch kind {
    case .chunk:
      try makeRoom(in: &chunkRun, for: plain.byteCount, kind, writer, &digester)
      return chunkRun.append(plain, id: id, kind: kind, with: &sealer)
    case .map:
      try makeRoom(in: &mapRun, for: plain.byteCount, kind, writer, &digester)
      return mapRun.append(plain, id: id, kind: kind, with: &sealer)
    }
  }

  /// Stores a record of another tier as it is sealed there, if it is new.
  package mutating func add(sealed payload: RawSpan, of entry: PackEntry) throws {
    guard writer.claim(entry.id, index: index) else { return }
    switch entry.kind {
    case .chunk:
      try makeRoom(in: &chunkRun, for: payload.byteCount, .chunk, writer, &digester)
      chunkRun.append(sealed: payload, of: entry)
    case .map:
      try makeRoom(in: &mapRun, for: payload.byteCount, .map, writer, &digester)
      mapRun.append(sealed: payload, of: entry)
    }
  }

  /// Stores records of a whole pack as they are sealed there, those that are new.
  package mutating func add(_ entries: [PackEntry], of pack: SealedPack) throws {
    for entry in entries {
      let start = Int(entry.offset) + RecordHeader.byteCount
      try pack.withBytes { bytes in
        try add(
          sealed: bytes.extracting(start..<start + Int(entry.storedByteCount)), of: entry)
      }
    }
  }

  /// Hands over what is left. To be called after the last chunk and map.
  package mutating func finish() throws {
    try writer.add(&chunkRun, kind: .chunk, digester: &digester)
    try writer.add(&mapRun, kind: .map, digester: &digester)
  }
}

/// Hands `run` over when it is large enough, or has no room for a payload of `byteCount`.
private func makeRoom(
  in run: inout RecordRun, for byteCount: Int, _ kind: RecordKind, _ writer: TierWriter,
  _ digester: inout Digester
) throws {
  guard run.byteCount >= runByteCount || !run.hasRoom(for: byteCount) else { return }
  try writer.add(&run, kind: kind, digester: &digester)
}

/// Records are handed over in runs of about this size.
private let runByteCount = 1 << 20
