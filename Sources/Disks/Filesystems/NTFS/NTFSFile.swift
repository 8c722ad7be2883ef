internal import Bytes

/// A file or directory: its first record, and where further ones hold attributes of it.
struct NTFSFile: Sendable {
  /// Microsoft's limit for the list of attributes.
  private static let listByteLimit = 256 << 10

  let record: NTFSRecord
  /// All attributes; nil where they all are in the first record.
  let list: [NTFSListEntry]?
  private let volume: NTFSVolume

  var reference: NTFSReference { record.reference }
  var structure: String { record.structure }

  /// - Throws: ``FileSystemError`` where there is no such file any more, or it cannot be read.
  init(_ reference: NTFSReference, on volume: NTFSVolume) throws {
    let record = try volume.record(reference.record)
    guard record.isInUse else {
      throw damagedNTFS(record.structure, "it is named, but belongs to no file")
    }
    guard reference.sequence == 0 || reference.sequence == record.sequence else {
      throw damagedNTFS(
        record.structure,
        "it is named as use \(reference.sequence) of it, but this is use \(record.sequence)")
    }
    guard record.base.record == 0 || record.base == record.reference else {
      throw damagedNTFS(record.structure, "it is a part of record \(record.base.record)")
    }
    try self.init(record, on: volume)
  }

  init(_ record: NTFSRecord, on volume: NTFSVolume) throws {
    self.record = record
    self.volume = volume
    guard let attribute = record.attributes.first(where: { $0.type == NTFSAttributeType.list })
    else {
      list = nil
      return
    }
    let structure = "the list of attributes of \(record.structure)"
    let stream = try NTFSStream(
      [NTFSPart(record: record, attribute: attribute)], clusterCount: volume.boot.clusterCount,
      structure: structure)
    let bytes = try volume.bytes(of: stream, limit: Self.listByteLimit)
    do { list = try NTFSListEntry.all(in: bytes.span.bytes) } catch is TruncatedInput {
      throw damagedNTFS(structure, "it ends within an entry")
    } catch let fault as NTFSFault {
      throw damagedNTFS(structure, fault.reason)
    }
  }

  // MARK: attributes

  /// All parts of an attribute, in their order; none where the file has no such attribute.
  func parts(_ type: UInt32, named name: [UInt16] = []) throws -> [NTFSPart] {
    guard let list else {
      return record.attributes.filter { $0.type == type && record.hasName(name, $0) }
        .map { NTFSPart(record: record, attribute: $0) }
    }
    return try parts(list.filter { $0.type == type && $0.name == name })
      .sorted { $0.attribute.firstCluster < $1.attribute.firstCluster }
  }

  /// The first part of an attribute, which says how long it is; nil where there is none.
  func first(_ type: UInt32, named name: [UInt16] = []) throws -> NTFSPart? {
    guard let list else {
      return record.attributes.first { $0.type == type && record.hasName(name, $0) }
        .map { NTFSPart(record: record, attribute: $0) }
    }
    return try list.first { $0.type == type && $0.name == name && $0.firstCluster == 0 }.map(part)
  }

  /// The first parts of all attributes of a type, whatever their names.
  func all(_ type: UInt32) throws -> [NTFSPart] {
    guard let list else {
      return record.attributes.filter { $0.type == type && $0.firstCluster == 0 }
        .map { NTFSPart(record: record, attribute: $0) }
    }
    return try parts(list.filter { $0.type == type && $0.firstCluster == 0 })
  }

  /// Whether it has an attribute, as far as its first record and its list tell.
  func has(_ type: UInt32) -> Bool {
    list?.contains { $0.type == type } ?? record.attributes.contains { $0.type == type }
  }

  /// Each record is read once, however many of them are in it.
  private func parts(_ entries: [NTFSListEntry]) throws -> [NTFSPart] {
    var records: [NTFSReference: NTFSRecord] = [:]
    return try entries.map { entry in
      let holder = try records[entry.record] ?? holder(of: entry)
      records[entry.record] = holder
      return try part(entry, in: holder)
    }
  }

  /// The part of an attribute that an entry of the list tells of.
  func part(_ entry: NTFSListEntry) throws -> NTFSPart {
    try part(entry, in: holder(of: entry))
  }

  private func holder(of entry: NTFSListEntry) throws -> NTFSRecord {
    entry.record.record == record.number ? record : try extensionRecord(entry)
  }

  private func part(_ entry: NTFSListEntry, in holder: NTFSRecord) throws -> NTFSPart {
    guard
      let attribute = holder.attributes.first(where: {
        $0.type == entry.type && $0.id == entry.id && $0.firstCluster == entry.firstCluster
          && holder.hasName(entry.name, $0)
      })
    else {
      throw damagedNTFS(
        structure, "its attribute \(entry.id) is not in \(holder.structure), where it should be")
    }
    return NTFSPart(record: holder, attribute: attribute)
  }

  private func extensionRecord(_ entry: NTFSListEntry) throws -> NTFSRecord {
    let found = try volume.record(entry.record.record)
    guard found.isInUse, found.base.record == record.number,
      found.base.sequence == record.sequence, found.sequence == entry.record.sequence
    else {
      throw damagedNTFS(found.structure, "it is no part of \(structure), which names it as one")
    }
    return found
  }

  // MARK: bytes

  /// An attribute whole; nil where the file has none such.
  ///
  /// - Parameter structure: what it is, for errors.
  func stream(
    _ type: UInt32, named name: [UInt16] = [], _ structure: String? = nil
  ) throws -> NTFSStream? {
    let parts = try parts(type, named: name)
    if parts.isEmpty { return nil }
    return try NTFSStream(
      parts, clusterCount: volume.boot.clusterCount, structure: structure ?? self.structure)
  }

  /// The bytes of an attribute that is small; nil where the file has none such.
  func value(
    _ type: UInt32, named name: [UInt16] = [], limit: Int, _ structure: String? = nil
  ) throws -> [UInt8]? {
    guard let stream = try stream(type, named: name, structure) else { return nil }
    return try volume.bytes(of: stream, limit: limit)
  }

  /// The value of an attribute that always stands in a record; nil where the file has none such.
  func residentValue(_ type: UInt32, named name: [UInt16] = []) throws -> [UInt8]? {
    guard let part = try first(type, named: name) else { return nil }
    guard case .resident(let range) = part.attribute.form else {
      throw damagedNTFS(part.record.structure, "an attribute that belongs into it lies outside")
    }
    return part.record.array(range)
  }
}

/// An entry of a file's list of attributes, which says in which record a part of one stands:
///
///     entry := type:u32 bytes:u16 nameUnits:u8 name:u8 first:u64 record:u64 id:u16 …
struct NTFSListEntry: Sendable {
  let type: UInt32
  let name: [UInt16]
  /// The first cluster of the attribute that the part tells of.
  let firstCluster: UInt64
  let record: NTFSReference
  let id: UInt16

  static func all(in bytes: RawSpan) throws -> [NTFSListEntry] {
    var entries: [NTFSListEntry] = []
    var place = 0
    while place < bytes.byteCount {
      let byteCount = Int(try bytes.littleEndian(at: place + 4, as: UInt16.self))
      guard byteCount >= 26 else { throw NTFSFault("an entry of \(byteCount) bytes is none") }
      entries.append(try NTFSListEntry(bytes.field(at: place, count: byteCount)))
      place += byteCount
    }
    return entries
  }

  private init(_ entry: RawSpan) throws(TruncatedInput) {
    type = try entry.littleEndian(at: 0)
    firstCluster = try entry.littleEndian(at: 8)
    record = NTFSReference(try entry.littleEndian(at: 16))
    id = try entry.littleEndian(at: 24)
    name = try entry.utf16Units(
      at: Int(try entry.littleEndian(at: 7, as: UInt8.self)),
      count: Int(try entry.littleEndian(at: 6, as: UInt8.self)))
  }
}

extension RawSpan {
  /// Units of a name.
  func utf16Units(at place: Int, count: Int) throws(TruncatedInput) -> [UInt16] {
    if count == 0 { return [] }
    let field = try field(at: place, count: count * 2)
    var units: [UInt16] = []
    units.reserveCapacity(count)
    for index in 0..<count { units.append(try field.littleEndian(at: index * 2)) }
    return units
  }
}
