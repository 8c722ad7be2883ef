internal import Bytes
package import Hashing

/// A node of the tree above the region maps.
///
///     diskMap := "KDSK" version:u32 level:u32 count:u32 id:32*count
///
/// Integers are little-endian. At level 1 the children are region maps, above it nodes of the level
/// below. The n-th child covers the n-th 1,024th of what the node covers; an id of zeros stands for
/// a child that holds zeros only. `count` ends with the last child that holds something. Version 1.
package struct DiskMap: Sendable, Equatable {
  package static let childCount = 1024

  package let level: Int
  package private(set) var children: [ContentID] = []

  private static let version: UInt32 = 1

  package init(level: Int) { self.level = level }

  /// Levels that a disk's tree has above its region maps; 1 for the smallest.
  package static func levels(diskByteCount: UInt64) -> Int {
    var regions = Region.count(diskByteCount: diskByteCount)
    var levels = 1
    while regions > UInt64(childCount) {
      regions = (regions + UInt64(childCount) - 1) / UInt64(childCount)
      levels += 1
    }
    return levels
  }

  /// Regions below each child of a node of this level.
  package static func regionsPerChild(level: Int) -> UInt64 {
    1 << UInt64(10 * (level - 1))
  }

  /// Puts a child at its place; the places before it that were left out hold zeros.
  package mutating func set(_ child: ContentID, at place: Int) {
    precondition(place >= children.count && place < Self.childCount, "children come in order")
    while children.count < place { children.append(.zeros) }
    children.append(child)
  }

  package func child(_ place: Int) -> ContentID {
    place < children.count ? children[place] : .zeros
  }

  package func encoded() -> [UInt8] {
    var writer = ByteWriter(reservingCapacity: 16 + children.count * Digest.byteCount)
    writer.append("KDSK")
    writer.integer(Self.version)
    writer.integer(UInt32(level))
    writer.integer(UInt32(children.count))
    for child in children { writer.digest(child.digest) }
    return writer.bytes
  }

  /// - Parameter level: the level that the node's place in the tree demands.
  package init(decoding bytes: RawSpan, level: Int) throws(MapDamage) {
    self.level = level
    var reader = ByteReader(bytes)
    do {
      let isMap = try reader.take(4).starts(with: "KDSK")
      let version: UInt32 = try reader.integer()
      let foundLevel: UInt32 = try reader.integer()
      let count: UInt32 = try reader.integer()
      guard isMap, version == Self.version, foundLevel == UInt32(level),
        count <= UInt32(Self.childCount), reader.remaining == Int(count) * Digest.byteCount
      else { throw MapDamage(reason: "it is no disk map of level \(level)") }
      for _ in 0..<count { children.append(ContentID(try reader.digest())) }
    } catch let error as MapDamage { throw error } catch {
      throw MapDamage(reason: "it ends too early")
    }
  }
}
