internal import BlockDevices
internal import Bytes
internal import SystemPackage

/// What a file looks like.
///
/// - Throws: ``DiskImageError`` where the file is no disk's and of a format that is not read:
///   taking it for a raw disk would protect the wrong thing.
func probedFormat(of file: HostFile) throws -> DiskImage.Format {
  let bytes = try file.bytes(at: 0, count: Int(min(512, file.byteCount)))
  let start = bytes.span.bytes
  if isQCOW(start) { return .qcow2 }
  let known: [(magic: StaticString, format: DiskImage.Format)] = [
    ("KDMV", .vmdk), ("# Disk DescriptorFile", .vmdk),
    // The footer's copy at the start, which a fixed VHD does not have.
    ("conectix", .dynamicVHD), ("vhdxfile", .vhdx),
  ]
  for (magic, format) in known where start.starts(with: magic) { return format }
  if start.starts(with: "<<< "), bytes.count >= 68,
    try start.littleEndian(at: 64, as: UInt32.self) == 0xBEDA_107F
  {
    return .vdi
  }
  let formats: [(magic: StaticString, name: String)] = [
    ("QED\0", "a QED image"), ("<<< ", "a VDI image"),
    ("COWD", "a VMDK image of an old kind"), ("WithoutFreeSpace", "a Parallels image"),
    ("WithouFreSpacExt", "a Parallels image"),
  ]
  for format in formats where start.starts(with: format.magic) {
    throw DiskImageError.unsupportedFormat(file.path, format: format.name)
  }
  if try fixedVHDFooter(of: file) != nil { return .fixedVHD }
  if file.path.extension?.lowercased() == "vhd" {
    throw DiskImageError.damagedFooter(
      file.path, reason: "there is none; if this is a raw image, let its name not end in .vhd")
  }
  return .raw
}

/// The magic number `QFI` 0xFB, which no Swift string literal spells.
private func isQCOW(_ bytes: RawSpan) -> Bool {
  bytes.byteCount >= 4
    && UInt32(bigEndian: bytes.unsafeLoadUnaligned(as: UInt32.self)) == QCOW2Header.magic
}

/// What compressed a file that begins so; nil for what no such program writes.
///
/// - Parameter start: six bytes.
func nameOfCompression(in start: [UInt8]) -> String? {
  let known: [(magic: [UInt8], name: String)] = [
    ([0x1F, 0x8B, 8], "gzip"), ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0], "xz"),
    ([0x28, 0xB5, 0x2F, 0xFD], "zstd"), ([0x04, 0x22, 0x4D, 0x18], "lz4"),
    (Array("BZh".utf8), "bzip2"), (Array("PK\u{3}\u{4}".utf8), "zip"),
    ([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], "7-Zip"),
  ]
  return known.first { start.starts(with: $0.magic) }?.name
}
