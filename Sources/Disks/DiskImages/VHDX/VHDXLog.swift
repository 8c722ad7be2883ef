internal import BlockDevices
internal import Bytes

/// The log of a VHDX file: a ring of entries, each of which says what to write where.
///
///     entry      := header descriptor* padding data*       descriptors padded to 4 KiB
///     header     := "loge" checksum:u32 byteCount:u32 tail:u32 sequence:u64 descriptorCount:u32
///                   reserved:u32 logID:16 flushedByteCount:u64 lastByteCount:u64
///     descriptor := "zero" reserved:u32 byteCount:u64 offset:u64 sequence:u64
///                 | "desc" trailing:4 leading:8 offset:u64 sequence:u64
///     data       := "data" sequenceHigh:u32 bytes:4084 sequenceLow:u32     4 KiB
///
/// A descriptor's leading and trailing bytes stand where the data have their marks. The newest
/// entry says where the sequence begins that is to be replayed up to it. Source: [MS-VHDX] 2.3,
/// "Log".
struct VHDXLog {
  /// What an entry has written, in the order in which it is.
  struct Write {
    let range: Range<UInt64>
    /// nil for zeros.
    let bytes: [UInt8]?
  }

  private struct Entry {
    /// In the ring.
    let offset: Int
    let byteCount: Int
    let tail: Int
    let sequence: UInt64
    let descriptorCount: Int
    /// How long the file is at least.
    let flushedByteCount: UInt64
    /// How long it has to be in the end.
    let lastByteCount: UInt64

    /// The sectors before the data.
    var descriptorByteCount: Int {
      (VHDXLog.headerByteCount + descriptorCount * VHDXLog.descriptorByteCount
        + VHDXLog.sectorByteCount - 1) / VHDXLog.sectorByteCount * VHDXLog.sectorByteCount
    }
  }

  private enum Descriptor {
    case zeros(Range<UInt64>)
    case data(at: UInt64, leading: [UInt8], trailing: [UInt8])
  }

  private let file: HostFile
  private let id: [UInt8]
  private let ring: [UInt8]

  private static let sectorByteCount = 4096
  private static let headerByteCount = 64
  private static let descriptorByteCount = 32

  init(_ log: VHDXHeader.Log, in file: HostFile) throws {
    self.file = file
    id = log.id
    ring = try file.bytes(at: log.offset, count: log.byteCount)
  }

  /// The file as it is once the log is replayed.
  ///
  /// - Throws: ``DiskImageError`` where no sequence of entries is whole, which the format has be
  ///   an error, and where the file is shorter than it was when the newest was made.
  func replayed() throws -> ReplayedFile {
    let sequence = try activeSequence()
    guard let head = sequence.last else {
      throw VHDXHeader.damage(
        file,
        "it was not closed, and its log, in which its last changes are, is not whole; "
          + "`qemu-img convert` reads it without them")
    }
    guard head.flushedByteCount <= file.byteCount else {
      throw VHDXHeader.damage(
        file, "it had \(head.flushedByteCount) bytes, and has \(file.byteCount)")
    }
    var writes: [Write] = []
    for entry in sequence { try append(entry, to: &writes) }
    return ReplayedFile(file, writes, byteCount: head.lastByteCount)
  }

  /// The newest sequence that is whole; empty where none is.
  private func activeSequence() throws -> [Entry] {
    let entries = try entries()
    // Newest first, so that the end of what follows an entry is known before its own.
    let sorted = entries.values.sorted { ($0.sequence, $0.offset) > ($1.sequence, $1.offset) }
    var ends: [Int: Int] = [:]
    for entry in sorted {
      ends[entry.offset] = next(entry, entries).flatMap { ends[$0.offset] } ?? entry.offset
    }
    let head = sorted.first { ends[$0.offset] == $0.offset && ends[$0.tail] == $0.offset }
    guard let head, var entry = entries[head.tail] else { return [] }
    var sequence = [entry]
    while entry.offset != head.offset, let following = next(entry, entries) {
      sequence.append(following)
      entry = following
    }
    return sequence
  }

  private func next(_ entry: Entry, _ entries: [Int: Entry]) -> Entry? {
    let following = entries[(entry.offset + entry.byteCount) % ring.count]
    return following.flatMap { $0.sequence == entry.sequence &+ 1 ? $0 : nil }
  }

  /// All that are whole, by where they begin.
  private func entries() throws -> [Int: Entry] {
    var entries: [Int: Entry] = [:]
    // Of entries that overlap, which no log has many of, every one is looked through.
    var budget = 8 * ring.count
    for offset in stride(from: 0, to: ring.count, by: Self.sectorByteCount) {
      guard let entry = try entry(at: offset), try isSound(entry) else { continue }
      budget -= entry.byteCount
      guard budget >= 0 else { throw VHDXHeader.damage(file, "entries of its log overlap") }
      if try isUndamaged(entry) { entries[offset] = entry }
    }
    return entries
  }

  private func entry(at offset: Int) throws -> Entry? {
    let header = ring.span.bytes.extracting(offset..<offset + Self.headerByteCount)
    guard header.starts(with: "loge"),
      try header.field(at: 32, count: 16).isEqual(to: id.span.bytes)
    else { return nil }
    let entry = Entry(
      offset: offset, byteCount: Int(try header.littleEndian(at: 8, as: UInt32.self)),
      tail: Int(try header.littleEndian(at: 12, as: UInt32.self)),
      sequence: try header.littleEndian(at: 16),
      descriptorCount: Int(try header.littleEndian(at: 24, as: UInt32.self)),
      flushedByteCount: try header.littleEndian(at: 48),
      lastByteCount: try header.littleEndian(at: 56))
    guard entry.byteCount.isMultiple(of: Self.sectorByteCount), entry.byteCount <= ring.count,
      entry.tail.isMultiple(of: Self.sectorByteCount), entry.tail < ring.count,
      entry.sequence > 0, entry.descriptorByteCount <= entry.byteCount,
      entry.lastByteCount <= UInt64(Int64.max)
    else { return nil }
    return entry
  }

  /// Whether all its sectors are what they should be, so that no other entry begins among them.
  private func isSound(_ entry: Entry) throws -> Bool {
    var place = entry.descriptorByteCount
    for number in 0..<entry.descriptorCount {
      guard let descriptor = try descriptor(number, of: entry) else { return false }
      guard case .data = descriptor else { continue }
      guard place < entry.byteCount else { return false }
      let sector = sector(place, of: entry)
      guard sector.starts(with: "data"),
        try sector.littleEndian(at: 4) == UInt32(truncatingIfNeeded: entry.sequence >> 32),
        try sector.littleEndian(at: 4092) == UInt32(truncatingIfNeeded: entry.sequence)
      else { return false }
      place += Self.sectorByteCount
    }
    return true
  }

  private func isUndamaged(_ entry: Entry) throws -> Bool {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(entry.byteCount)
    for place in stride(from: 0, to: entry.byteCount, by: Self.sectorByteCount) {
      bytes += Array(sector(place, of: entry))
    }
    return try bytes.span.bytes.littleEndian(at: 4) == vhdxChecksum(bytes.span.bytes)
  }

  private func append(_ entry: Entry, to writes: inout [Write]) throws {
    var place = entry.descriptorByteCount
    for number in 0..<entry.descriptorCount {
      switch try descriptor(number, of: entry) {
      case nil: preconditionFailure("an entry that was looked through")
      case .zeros(let range): writes.append(Write(range: range, bytes: nil))
      case .data(let offset, let leading, let trailing):
        let bytes = leading + Array(sector(place, of: entry))[8..<4092] + trailing
        writes.append(Write(range: offset..<offset + UInt64(bytes.count), bytes: bytes))
        place += Self.sectorByteCount
      }
    }
  }

  /// nil for what is none.
  private func descriptor(_ number: Int, of entry: Entry) throws -> Descriptor? {
    let place = Self.headerByteCount + number * Self.descriptorByteCount
    let within = place % Self.sectorByteCount
    let bytes = sector(place - within, of: entry)
      .extracting(within..<within + Self.descriptorByteCount)
    let offset: UInt64 = try bytes.littleEndian(at: 16)
    let size = UInt64(Self.sectorByteCount)
    guard try bytes.littleEndian(at: 24) == entry.sequence, offset.isMultiple(of: size),
      offset <= UInt64(Int64.max) - size
    else { return nil }
    if bytes.starts(with: "desc") {
      return .data(
        at: offset, leading: Array(try bytes.field(at: 8, count: 8)),
        trailing: Array(try bytes.field(at: 4, count: 4)))
    }
    let byteCount: UInt64 = try bytes.littleEndian(at: 8)
    guard bytes.starts(with: "zero"), byteCount.isMultiple(of: size),
      byteCount <= UInt64(Int64.max) - offset
    else { return nil }
    return .zeros(offset..<offset + byteCount)
  }

  /// A sector of an entry, which may go on at the ring's start.
  @_lifetime(borrow self)
  private func sector(_ place: Int, of entry: Entry) -> RawSpan {
    let start = (entry.offset + place) % ring.count
    return ring.span.bytes.extracting(start..<start + Self.sectorByteCount)
  }
}
