internal import BlockDevices
internal import Bytes

/// A FAT volume that was found on a device: where its parts lie, and in what state it was left.
struct FATVolume {
  let boot: FATBootSector
  let table: FATTable
  let state: FileSystemState

  /// Looks for a FAT volume; nil where there is none.
  ///
  /// - Throws: ``FileSystemError`` where there is one that cannot be read.
  static func find(on device: any BlockDevice) throws -> FATVolume? {
    guard device.byteCount >= UInt64(FATBootSector.byteCount) else { return nil }
    let cache = BlockCache(device, blockByteCount: 16 << 10)
    let first = try cache.bytes(at: 0, count: FATBootSector.byteCount)
    if let boot = try FATBootSector(first.span.bytes) {
      return try FATVolume(boot, cache, warnings: [])
    }
    return try findByCopy(first, cache)
  }

  /// FAT32 keeps a copy of its boot sector, nearly always in sector 6.
  ///
  /// A first sector that is signed and does not say that it is FAT32 belongs to something else, and
  /// what is in sector 6 then was there before.
  private static func findByCopy(_ first: [UInt8], _ cache: BlockCache) throws -> FATVolume? {
    let bytes = first.span.bytes
    let isSigned = try bytes.littleEndian(at: 510, as: UInt16.self) == 0xAA55
    let saysFAT32 = try bytes.field(at: 82, count: 8).starts(with: "FAT32   ")
    guard !isSigned || saysFAT32 else { return nil }
    for sectorByteCount: UInt64 in [512, 1024, 2048, 4096] {
      let place = 6 * sectorByteCount
      guard cache.device.holds(UInt64(FATBootSector.byteCount), at: place) else { return nil }
      let copy = try cache.bytes(at: place, count: FATBootSector.byteCount)
      if let boot = try FATBootSector(copy.span.bytes), boot.isSigned, boot.backupSector == 6,
        boot.sectorByteCount == sectorByteCount
      {
        return try FATVolume(
          boot, cache, warnings: ["its boot sector is damaged, and the copy in sector 6 is used"])
      }
    }
    return nil
  }

  /// Nil where the table shows that the boot sector only looks like one.
  private init?(_ boot: FATBootSector, _ cache: BlockCache, warnings: [String]) throws {
    let device = cache.device
    let copies = (boot.onlyCopy.map { [$0] } ?? Array(0..<boot.fatCount))
      .filter { $0 < boot.fatCount }.map(boot.offset)
      .filter { device.holds(boot.fatByteCount, at: $0) }
    guard !copies.isEmpty else {
      guard boot.isSigned else { return nil }
      throw FileSystemError(
        .damaged, in: fatTypeName, "the boot sector",
        "the table that it names lies behind the end of the volume")
    }
    self.boot = boot
    table = FATTable(width: boot.width, copies: copies, heap: boot.heap, cache: cache)
    guard try table.begins(with: boot.media) else { return nil }
    if boot.width != .bits32, !device.holds(0, at: boot.rootRange.upperBound) {
      throw FileSystemError(
        .damaged, in: fatTypeName, "the root directory", "it lies behind the end of the volume")
    }
    state = FileSystemState(
      warnings: warnings + (try Self.warnings(boot, table, deviceByteCount: device.byteCount)))
  }

  private static func warnings(
    _ boot: FATBootSector, _ table: FATTable, deviceByteCount: UInt64
  ) throws -> [String] {
    let (isUnmounted, isWithoutErrors) = try table.state()
    var warnings: [String] = []
    if !isUnmounted || boot.stateBits & 1 != 0 { warnings.append("it was not unmounted") }
    if !isWithoutErrors || boot.stateBits & 2 != 0 {
      warnings.append("errors were met when it was in use")
    }
    let byteCount = boot.sectorCount * boot.sectorByteCount
    if byteCount > deviceByteCount {
      warnings.append("it has \(byteCount) bytes, of which \(deviceByteCount) are here")
    }
    return warnings
  }
}
