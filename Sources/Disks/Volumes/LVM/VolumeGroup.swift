/// What LVM2 knows of a volume group.
struct VolumeGroup: Sendable, Equatable {
  struct PhysicalVolume: Sendable, Equatable {
    let uuid: String
    /// Where the machine saw it last: "/dev/sda2".
    let hint: String?
    /// Where its first extent begins, in bytes.
    let start: UInt64
    let extentCount: UInt64
    /// Whether it was lost, so that what is on it is old.
    let isMissing: Bool
  }

  struct LogicalVolume: Sendable, Equatable {
    let name: String
    let uuid: String
    /// Whether it is for people to use, and not a part of another.
    let isVisible: Bool
    let segments: [Segment]
  }

  struct Segment: Sendable, Equatable {
    let extentCount: UInt64
    let type: String
    let settings: MetadataSection
  }

  let name: String
  let uuid: String
  /// Counts the changes of the group: of two texts that with the higher one is in force.
  let sequence: UInt64
  let extentByteCount: UInt64
  /// By the names that they have within the text.
  let physicalVolumes: [String: PhysicalVolume]
  let physicalVolumeOrder: [String]
  let logicalVolumes: [LogicalVolume]

  /// - Throws: ``MetadataDamage``.
  init(_ text: [UInt8]) throws(MetadataDamage) {
    let settings = try parseMetadata(text)
    let sections = settings.names.filter { settings.section($0) != nil }
    guard let name = sections.first, sections.count == 1, let group = settings.section(name) else {
      throw MetadataDamage("its text is not about one volume group")
    }
    guard isLVMName(name) else { throw MetadataDamage("its volume group's name is none") }
    self.name = name
    uuid = try group.text("id")
    sequence = try group.number("seqno")
    extentByteCount = try bytes(ofSectors: group.number("extent_size"))
    guard extentByteCount > 0 else { throw MetadataDamage("its extents are empty") }
    let members = group.section("physical_volumes") ?? MetadataSection()
    physicalVolumeOrder = members.names
    var physicalVolumes: [String: PhysicalVolume] = [:]
    for name in members.names {
      guard let member = members.section(name) else { continue }
      physicalVolumes[name] = PhysicalVolume(
        uuid: try member.text("id"), hint: try? member.text("device"),
        start: try bytes(ofSectors: member.number("pe_start")),
        extentCount: try member.number("pe_count"),
        isMissing: member.words("flags").contains("MISSING"))
    }
    self.physicalVolumes = physicalVolumes
    let volumes = group.section("logical_volumes") ?? MetadataSection()
    var logicalVolumes: [LogicalVolume] = []
    for name in volumes.names {
      guard let volume = volumes.section(name) else { continue }
      guard isLVMName(name) else { throw MetadataDamage("a logical volume's name is none") }
      logicalVolumes.append(try LogicalVolume(name, volume))
    }
    self.logicalVolumes = logicalVolumes
  }
}

extension VolumeGroup.LogicalVolume {
  fileprivate init(_ name: String, _ settings: MetadataSection) throws(MetadataDamage) {
    self.name = name
    uuid = try settings.text("id")
    isVisible = settings.words("status").contains("VISIBLE")
    var segments: [VolumeGroup.Segment] = []
    let count = try settings.number("segment_count")
    var extent: UInt64 = 0
    for number in 0..<count {
      guard let segment = settings.section("segment\(number + 1)") else {
        throw MetadataDamage("segment \(number + 1) of \(name) is missing")
      }
      let extentCount = try segment.number("extent_count")
      guard try segment.number("start_extent") == extent else {
        throw MetadataDamage("segment \(number + 1) of \(name) does not follow the one before")
      }
      let (end, overflow) = extent.addingReportingOverflow(extentCount)
      guard !overflow else { throw MetadataDamage("\(name) is larger than any device") }
      extent = end
      segments.append(
        VolumeGroup.Segment(
          extentCount: extentCount, type: try segment.text("type"), settings: segment))
    }
    self.segments = segments
  }

  var extentCount: UInt64 { segments.reduce(0) { $0 + $1.extentCount } }
}

/// Sectors of 512 bytes, in which LVM2 counts, in bytes.
func bytes(ofSectors count: UInt64) throws(MetadataDamage) -> UInt64 {
  guard let product = bytes(ofSectors: count, 512) else {
    throw MetadataDamage("it speaks of \(count) sectors, more than any device has")
  }
  return product
}

/// Whether LVM2 takes this as a name.
private func isLVMName(_ name: String) -> Bool {
  !name.isEmpty && name.utf8.count < 128
    && name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
      default: "+_.-".utf8.contains(byte)
      }
    }
}

extension MetadataSection {
  func section(_ name: String) -> MetadataSection? {
    if case .section(let section)? = self[name] { return section }
    return nil
  }

  /// - Throws: ``MetadataDamage`` where it is not there, or no text.
  func text(_ name: String) throws(MetadataDamage) -> String {
    if case .text(let text)? = self[name] { return text }
    throw MetadataDamage("its text does not say \(name)")
  }

  /// - Throws: ``MetadataDamage`` where it is not there, or no number from 0 on.
  func number(_ name: String) throws(MetadataDamage) -> UInt64 {
    if case .integer(let number)? = self[name], number >= 0 { return UInt64(number) }
    throw MetadataDamage("its text does not say \(name)")
  }

  func list(_ name: String) -> [MetadataValue] {
    if case .list(let values)? = self[name] { return values }
    return []
  }

  /// The texts of a list.
  func words(_ name: String) -> [String] {
    list(name).compactMap { if case .text(let text) = $0 { text } else { nil } }
  }
}
