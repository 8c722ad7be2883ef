internal import BlockDevices
internal import Bytes
internal import Encryption

/// What lies in an encrypted container, decrypted as it is read.
final class DecryptedDevice: BlockDevice {
  let byteCount: UInt64
  private let base: any BlockDevice
  private let start: UInt64
  private let firstNumber: UInt64
  private let sectorByteCount: UInt64
  private let cipher: SectorCipher

  /// - Parameter key: of as many bytes as `encryption` says.
  /// - Throws: ``OutsideDevice`` where the segment is not on the device.
  init(
    _ base: any BlockDevice, _ segment: LUKSHeader.Segment, _ encryption: SectorEncryption,
    key: Secret
  ) throws {
    try base.require(segment.byteCount ?? 0, at: segment.offset)
    let sector = UInt64(segment.sectorByteCount)
    self.base = base
    start = segment.offset
    firstNumber = segment.firstNumber
    sectorByteCount = sector
    byteCount = segment.byteCount ?? (base.byteCount - segment.offset) / sector * sector
    cipher = SectorCipher(encryption, key: key, sectorByteCount: segment.sectorByteCount)
  }

  func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    precondition(holds(UInt64(target.byteCount), at: offset), "a range of the container")
    if target.byteCount == 0 { return }
    let end = offset + UInt64(target.byteCount)
    let first = offset / sectorByteCount * sectorByteCount
    let last = (end + sectorByteCount - 1) / sectorByteCount * sectorByteCount
    if first == offset, last == end { return try readSectors(at: offset, into: &target) }
    // Sectors of which a part is wanted are decrypted whole, beside it.
    var sectors = AlignedBuffer(capacity: Int(last - first))
    var bytes = sectors.mutableBytes
    try readSectors(at: first, into: &bytes)
    let skipped = Int(offset - first)
    sectors.bytes.extracting(skipped..<skipped + target.byteCount).copy(into: &target)
  }

  private func readSectors(at offset: UInt64, into target: inout MutableRawSpan) throws {
    try base.read(at: start + offset, into: &target)
    cipher.decrypt(&target, from: firstNumber &+ offset / 512)
  }

  /// All of it: what reads as zeros below does not when it is decrypted.
  func nextData(from offset: UInt64) throws -> Range<UInt64>? {
    offset < byteCount ? offset..<byteCount : nil
  }

  func willNeed(_ range: Range<UInt64>) {
    let range = range.clamped(to: 0..<byteCount)
    base.willNeed(start + range.lowerBound..<start + range.upperBound)
  }
}
