internal import BlockDevices
internal import Bytes

/// The devices on which a file system lies, as far as they are there.
struct BtrfsDevices: Sendable {
  private struct Member: Sendable {
    let device: any BlockDevice
    let superblock: BtrfsSuperblock
    /// Where it is among those that the file system was opened beside; nil of the one it was opened
    /// on.
    let index: Int?
  }

  /// The superblock that was written last.
  let superblock: BtrfsSuperblock
  private(set) var warnings: [String]
  private let members: [[UInt8]: Member]
  /// What the headers of nodes may name: seeds keep nodes of their own.
  let nodeUUIDs: [[UInt8]]

  /// - Parameters:
  ///   - first: the device that was named.
  ///   - others: devices that may belong to the same file system.
  init(_ first: any BlockDevice, _ found: BtrfsSuperblockSearch, beside others: [any BlockDevice])
    throws
  {
    var warnings = found.warnings
    var family = [Member(device: first, superblock: found.superblock, index: nil)]
    var seeds: [Member] = []
    for (index, other) in others.enumerated() {
      guard let search = try? BtrfsSuperblockSearch(other) else { continue }
      let member = Member(device: other, superblock: search.superblock, index: index)
      if search.superblock.fsid == found.superblock.fsid {
        // A copy of the same device is another file system, whatever it is called.
        if search.superblock.device.uuid != found.superblock.device.uuid { family.append(member) }
      } else if search.superblock.isSeed {
        seeds.append(member)
      }
    }
    var newest = found.superblock
    for member in family.dropFirst() where member.superblock.isNewer(than: newest) {
      newest = member.superblock
    }
    var members: [[UInt8]: Member] = [:]
    for member in family {
      let superblock = member.superblock
      // One generation behind it may be because the machine was stopped between two writes. More,
      // and it was not there for a while: what lies on it may be older than it seems.
      guard superblock.generation &+ 1 >= newest.generation else {
        warnings.append(
          "device \(superblock.device.id) was left behind (generation \(superblock.generation) of "
            + "\(newest.generation)) and is not used")
        continue
      }
      let known = members[superblock.device.uuid]
      if let known, known.superblock.generation >= superblock.generation { continue }
      members[superblock.device.uuid] = member
    }
    for seed in seeds where members[seed.superblock.device.uuid] == nil {
      members[seed.superblock.device.uuid] = seed
    }
    superblock = newest
    self.members = members
    self.warnings = warnings
    nodeUUIDs = [newest.metadataUUID] + seeds.map(\.superblock.metadataUUID)
  }

  /// The device that holds a stripe; nil where it is missing.
  func device(_ uuid: [UInt8]) -> (device: any BlockDevice, isFirst: Bool)? {
    members[uuid].map { ($0.device, $0.index == nil) }
  }

  /// Which of those beside the first one belong to the file system, by their places.
  ///
  /// - Parameter items: the devices that the chunk tree knows.
  func indices(of items: [BtrfsDeviceItem]) -> [Int] {
    items.compactMap { members[$0.uuid]?.index }
  }

  /// Says which devices are missing.
  mutating func compare(with items: [BtrfsDeviceItem]) {
    for item in items where members[item.uuid] == nil {
      warnings.append("\(deviceName(item.id, item.uuid)) is missing")
    }
  }
}

/// How a person finds a device: `btrfs filesystem show` prints both.
func deviceName(_ id: UInt64, _ uuid: [UInt8]) -> String {
  let text = hexadecimal(uuid.span.bytes)
  var parts: [Substring] = []
  var rest = Substring(text)
  for length in [8, 4, 4, 4, 12] {
    parts.append(rest.prefix(length))
    rest = rest.dropFirst(length)
  }
  return "device \(id) (\(parts.joined(separator: "-")))"
}

extension BtrfsSuperblock {
  /// Whether it was written later than another one of the same file system.
  fileprivate func isNewer(than other: BtrfsSuperblock) -> Bool {
    if generation != other.generation { return generation > other.generation }
    return logRoot != nil && other.logRoot == nil
  }
}
