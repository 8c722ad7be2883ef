internal import BlockDevices

/// Puts the logical volumes of a group together from its physical volumes.
struct LogicalVolumeMapping {
  private let group: VolumeGroup
  private let volumes: [String: VolumeGroup.LogicalVolume]
  /// By the names that physical volumes have within the group.
  private let devices: [String: any BlockDevice]
  /// What volumes are made of others in ways that change what is on them.
  private let entangled: [String: String]
  /// Volumes that were tried, for one may be part of many.
  private var made: [String: Result<any BlockDevice, any Error>] = [:]
  /// Volumes that are being made, one for the other.
  private var underWay: [String] = []

  /// Volumes of volumes of volumes; LVM2 makes four.
  private static let depthLimit = 16
  /// Stripes of one segment, as LVM2 has it.
  private static let stripeLimit = 128

  /// - Parameter devices: those physical volumes that are there.
  init(_ group: VolumeGroup, _ devices: [String: any BlockDevice]) {
    self.group = group
    self.devices = devices
    volumes = Dictionary(group.logicalVolumes.map { ($0.name, $0) }) { first, _ in first }
    entangled = snapshots(in: group)
  }

  /// The bytes of a logical volume.
  ///
  /// - Throws: ``MetadataDamage`` with the reason why it cannot be read.
  mutating func device(of name: String) throws -> any BlockDevice {
    if let known = made[name] { return try known.get() }
    let result = Result { try make(name) }
    made[name] = result
    return try result.get()
  }

  private mutating func make(_ name: String) throws -> any BlockDevice {
    guard let volume = volumes[name] else {
      throw MetadataDamage("it is made of \(name), which is not there")
    }
    if let reason = entangled[name] { throw MetadataDamage(reason) }
    guard !underWay.contains(name), underWay.count < Self.depthLimit else {
      throw MetadataDamage("it is made of itself")
    }
    underWay.append(name)
    defer { underWay.removeLast() }
    var segments: [MappedDevice.Segment] = []
    for segment in volume.segments {
      segments.append(
        MappedDevice.Segment(
          byteCount: try byteCount(ofExtents: segment.extentCount), target: try target(of: segment))
      )
    }
    return try MappedDevice(segments)
  }

  func byteCount(ofExtents count: UInt64) throws(MetadataDamage) -> UInt64 {
    let (product, overflow) = count.multipliedReportingOverflow(by: group.extentByteCount)
    guard !overflow, product <= UInt64(Int64.max) else {
      throw MetadataDamage("it is larger than any device")
    }
    return product
  }

  private mutating func target(
    of segment: VolumeGroup.Segment
  ) throws -> MappedDevice.Segment.Target {
    switch segment.type {
    case "striped", "linear":
      let areas = try areas(segment.settings.list("stripes"))
      guard areas.count > 1 else { return .linear(areas[0]) }
      return .striped(areas, stripeByteCount: try stripeByteCount(segment))
    case "zero": return .zeros
    case "mirror":
      // The first leg takes every write before it is done; others may lag behind.
      return .linear(try areas(segment.settings.list("mirrors"))[0])
    case "raid1", "raid0", "raid0_meta", "raid10", "raid10_near":
      return try raidTarget(of: segment)
    default:
      throw MetadataDamage(unsupported[segment.type] ?? "it is of the unknown type \(segment.type)")
    }
  }

  func stripeByteCount(_ segment: VolumeGroup.Segment) throws(MetadataDamage) -> UInt64 {
    try bytes(ofSectors: segment.settings.number("stripe_size"))
  }

  /// Pairs of a name and an extent.
  ///
  /// - Returns: at least one.
  private mutating func areas(_ list: [MetadataValue]) throws -> [MappedDevice.Area] {
    guard !list.isEmpty, list.count.isMultiple(of: 2), list.count <= 2 * Self.stripeLimit else {
      throw MetadataDamage("where it lies is not said")
    }
    var areas: [MappedDevice.Area] = []
    for place in stride(from: 0, to: list.count, by: 2) {
      guard case .text(let name) = list[place], case .integer(let extent) = list[place + 1],
        extent >= 0
      else { throw MetadataDamage("where it lies is not said") }
      areas.append(try area(name, extent: UInt64(extent)))
    }
    return areas
  }

  private mutating func area(_ name: String, extent: UInt64) throws -> MappedDevice.Area {
    let offset = try byteCount(ofExtents: extent)
    guard let member = group.physicalVolumes[name] else {
      return MappedDevice.Area(try device(of: name), from: offset)
    }
    guard let device = devices[name] else {
      throw MetadataDamage("a part of it lies on \(member.name), which is missing")
    }
    return MappedDevice.Area(device, from: member.start + offset)
  }
}

extension VolumeGroup.PhysicalVolume {
  /// For sentences.
  var name: String {
    "physical volume \(uuid)" + (hint.map { " (\($0) on the machine)" } ?? "")
  }
}

/// Types of segments that are known and not read.
private let unsupported: [String: String] = [
  "error": "it was made to give errors",
  "snapshot": "it is a snapshot, which is not read",
  "thin": "it is a thin volume, which is not read",
  "thin-pool": "it is a thin pool, which holds other volumes",
  "cache": "it has a cache, and what is in that may be newer than what is on the volume",
  "cache-pool": "it is a cache's pool, which holds no file system",
  "writecache": "it has a write cache, and what is in that may be newer than what is on the volume",
  "vdo": "it is a VDO volume, which is not read",
  "vdo-pool": "it is a VDO pool, which holds other volumes",
  "integrity": "it has integrity data of its own, which is not read",
  "raid4": "it is a RAID 4, which is not read",
].merging(raidLayouts(of: 5) + raidLayouts(of: 6)) { first, _ in first }

private func raidLayouts(of level: Int) -> [(String, String)] {
  [
    "", "_la", "_ra", "_ls", "_rs", "_n", "_zr", "_nr", "_nc", "_ls_6", "_la_6", "_rs_6", "_ra_6",
    "_n_6",
  ].map { ("raid\(level)\($0)", "it is a RAID \(level), which is not read") }
}

extension VolumeGroup {
  /// The volumes that are for people, by name: those that say so, and snapshots.
  var visibleVolumes: [LogicalVolume] {
    let stores = snapshots(in: self)
    return logicalVolumes.filter { volume in
      stores[volume.name] != nil
        || volume.isVisible && !volume.segments.contains { $0.type == "snapshot" }
    }
    .sorted { $0.name < $1.name }
  }
}

/// Volumes that a snapshot changes, and in what way.
///
/// A snapshot is two volumes: one that names the origin and the store where what was changed is
/// kept, and that store, which has the snapshot's name for people. The origin is read as it is.
private func snapshots(in group: VolumeGroup) -> [String: String] {
  var found: [String: String] = [:]
  for volume in group.logicalVolumes {
    for segment in volume.segments where segment.type == "snapshot" {
      let origin = (try? segment.settings.text("origin")) ?? "another volume"
      if let store = try? segment.settings.text("cow_store") {
        found[store] = "it is a snapshot of \(origin), which is not read"
      }
      if let store = try? segment.settings.text("merging_store") {
        found[store] = "it is a snapshot that is being merged into \(origin)"
        found[origin] = "the snapshot \(store) is being merged into it"
      }
    }
  }
  return found
}
