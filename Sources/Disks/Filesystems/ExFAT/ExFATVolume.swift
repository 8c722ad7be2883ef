internal import BlockDevices
internal import Bytes

/// An exFAT volume that was found on a device, and the ways through its clusters.
struct ExFATVolume: Sendable {
  let boot: ExFATBootRegion
  let cache: BlockCache
  private(set) var warnings: [String]

  var heap: ClusterHeap { boot.heap }
  var device: any BlockDevice { cache.device }

  /// Looks for an exFAT volume; nil where there is none.
  ///
  /// - Throws: ``FileSystemError`` where there is one that cannot be read.
  static func find(on device: any BlockDevice) throws -> ExFATVolume? {
    let cache = BlockCache(device, blockByteCount: 16 << 10)
    guard device.byteCount >= 512 else { return nil }
    let first = try cache.bytes(at: 0, count: 512)
    let isClaimed = try ExFATBootRegion.isClaimed(by: first.span.bytes)
    let isSigned = try first.span.bytes.littleEndian(at: 510, as: UInt16.self) == 0xAA55
    // What is signed and is not exFAT came after whatever the copy was of.
    guard isClaimed || !isSigned else { return nil }
    if isClaimed, let boot = try region(0, cache) {
      return try ExFATVolume(boot, cache, warnings: [])
    }
    if let boot = try region(1, cache) {
      return try ExFATVolume(
        boot, cache, warnings: ["its boot region is damaged, and the copy is used"])
    }
    guard isClaimed else { return nil }
    throw FileSystemError(
      .damaged, in: exFATTypeName, "the boot region", "neither it nor its copy fits its checksum")
  }

  /// The boot region, or the copy behind it; nil where there is no good one.
  private static func region(_ number: UInt64, _ cache: BlockCache) throws -> ExFATBootRegion? {
    for shift in ExFATBootRegion.sectorShifts {
      let byteCount = ExFATBootRegion.sectorCount << Int(shift)
      let start = number * UInt64(byteCount)
      guard cache.device.holds(UInt64(byteCount), at: start) else { return nil }
      let region = try cache.bytes(at: start, count: byteCount)
      if let boot = try ExFATBootRegion(region.span.bytes) { return boot }
    }
    return nil
  }

  private init(_ boot: ExFATBootRegion, _ cache: BlockCache, warnings: [String]) throws {
    guard cache.device.holds(boot.fatByteCount, at: boot.fatOffset) else {
      throw FileSystemError(
        .damaged, in: exFATTypeName, "the boot region",
        "the table that it names lies behind the end of the volume")
    }
    self.boot = boot
    self.cache = cache
    self.warnings = warnings
    if boot.isDirty { self.warnings.append("it was not unmounted") }
    if boot.hadErrors { self.warnings.append("errors were met when it was in use") }
    let here = cache.device.byteCount
    if boot.volumeByteCount > here {
      self.warnings.append("it has \(boot.volumeByteCount) bytes, of which \(here) are here")
    }
  }

  /// The clusters of so many bytes.
  func chain(
    from first: UInt32, byteCount: UInt64, isContiguous: Bool, for structure: String
  ) throws -> ClusterChain {
    let wanted = heap.clusters(for: byteCount)
    guard wanted > 0 else { return ClusterChain() }
    if isContiguous { return ClusterChain(contiguousFrom: first, count: wanted, in: heap) }
    var links = ExFATLinks(boot, cache)
    let chain = try ClusterChain(
      from: first, limit: UInt32(min(wanted, UInt64(heap.clusterCount))), in: heap, through: &links)
    guard chain.ending != .circle else {
      throw FileSystemError(
        .damaged, in: exFATTypeName, structure, block: UInt64(first),
        "its chain of clusters is a circle")
    }
    return chain
  }
}
