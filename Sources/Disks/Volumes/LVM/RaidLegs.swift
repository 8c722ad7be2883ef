internal import BlockDevices
internal import Bytes

/// RAID as device-mapper makes it for LVM2: each image has a volume for metadata beside it.
///
///     metadata := "DmRd" features:u32 devices:u32 position:u32 events:u64 failed:u64
///                 recovered:u64 resynced:u64 …
///
/// Little-endian. `failed` has a bit for each image that was lost; `recovered` is all ones where an
/// image is whole. Source: Linux, drivers/md/dm-raid.c, `struct dm_raid_superblock`.
private struct RaidMetadata {
  let events: UInt64
  let failed: UInt64
  let isWhole: Bool

  /// - Returns: nil where nothing was written there yet.
  init?(_ device: any BlockDevice) throws {
    guard device.holds(48, at: 0) else { return nil }
    let bytes = try device.bytes(at: 0, count: 48)
    let fields = bytes.span.bytes
    guard fields.starts(with: "DmRd") else { return nil }
    events = try fields.littleEndian(at: 16)
    failed = try fields.littleEndian(at: 24)
    isWhole = try fields.littleEndian(at: 32, as: UInt64.self) == .max
  }
}

extension LogicalVolumeMapping {
  mutating func raidTarget(
    of segment: VolumeGroup.Segment
  ) throws -> MappedDevice.Segment.Target {
    for setting in ["data_offset", "delta_disks", "reshape_count"]
    where segment.settings[setting] != nil {
      throw MetadataDamage("it is being changed to another layout, which is not read")
    }
    let images: [RaidImage]
    switch segment.type {
    case "raid0": images = segment.settings.words("raid0_lvs").map { RaidImage(data: $0) }
    default: images = try pairs(segment.settings.words("raids"))
    }
    guard !images.isEmpty, images.count <= 64 else {
      throw MetadataDamage("where it lies is not said")
    }
    switch segment.type {
    case "raid1": return .linear(.init(try wholeImages(images, copies: images.count)[0], from: 0))
    case "raid0", "raid0_meta":
      return .striped(
        try images.map { .init(try device(of: $0.data), from: 0) },
        stripeByteCount: try stripeByteCount(segment))
    default:
      let copies = segment.settings["data_copies"] ?? .integer(2)
      guard copies == .integer(2), images.count.isMultiple(of: 2) else {
        throw MetadataDamage("it is a RAID 10 of an uneven layout, which is not read")
      }
      return .striped(
        try wholeImages(images, copies: 2).map { .init($0, from: 0) },
        stripeByteCount: try stripeByteCount(segment))
    }
  }

  /// Names of metadata and data in turn.
  private func pairs(_ names: [String]) throws(MetadataDamage) -> [RaidImage] {
    guard names.count.isMultiple(of: 2) else {
      throw MetadataDamage("where it lies is not said")
    }
    return stride(from: 0, to: names.count, by: 2).map {
      RaidImage(data: names[$0 + 1], metadata: names[$0])
    }
  }

  /// Of each `copies` images that follow one another, the first that is there and whole.
  ///
  /// An image is whole where its metadata is as new as any other's, that says of none newer that it
  /// failed, and it is not being rebuilt. Where no metadata was ever written, nothing else was.
  private mutating func wholeImages(
    _ images: [RaidImage], copies: Int
  ) throws -> [any BlockDevice] {
    var found: [(device: (any BlockDevice)?, metadata: RaidMetadata?, problem: (any Error)?)] = []
    for image in images {
      do {
        let device = try device(of: image.data)
        let metadata = try image.metadata.map { try self.device(of: $0) }
        found.append((device, try metadata.flatMap { try RaidMetadata($0) }, nil))
      } catch { found.append((nil, nil, error)) }
    }
    let newest = found.compactMap(\.metadata).max { $0.events < $1.events }
    return try stride(from: 0, to: images.count, by: copies).map { start in
      for index in start..<start + copies {
        guard let device = found[index].device else { continue }
        guard let newest else { return device }
        guard let metadata = found[index].metadata, metadata.isWhole,
          metadata.events == newest.events, newest.failed >> UInt64(index) & 1 == 0
        else { continue }
        return device
      }
      let problem = found[start..<start + copies].compactMap(\.problem).first
      throw problem ?? MetadataDamage("none of its images is whole")
    }
  }
}

/// A leg of a RAID: names of the volumes it consists of.
private struct RaidImage {
  let data: String
  var metadata: String?
}
