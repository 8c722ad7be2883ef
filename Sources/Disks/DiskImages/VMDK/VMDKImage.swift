internal import BlockDevices
internal import Bytes
internal import SystemPackage

/// Opens the disk in a VMDK image: of one sparse extent with the text that describes it, or of the
/// extents that a text of its own names.
///
///     # Disk DescriptorFile
///     parentCID=ffffffff
///     createType="twoGbMaxExtentSparse"
///     RW 4192256 SPARSE "disk-s001.vmdk"
///
/// Source: VMware, Virtual Disk Format 5.0, "The Descriptor File".
struct VMDKImage {
  let device: any BlockDevice

  private static let textLimit = 1 << 20
  private static let extentLimit = 2048

  init(_ file: HostFile, _ place: ImageOpening.Place, _ opening: inout ImageOpening) throws {
    let start = try file.bytes(at: 0, count: Int(min(4, file.byteCount)))
    if start.span.bytes.starts(with: "KDMV") {
      let extent = try VMDKExtent(file)
      if let range = extent.descriptor, file.holds(UInt64(range.count), at: range.lowerBound) {
        let count = min(range.count, Self.textLimit)
        try Self.refuseParent(Self.lines(try file.bytes(at: range.lowerBound, count: count)), file)
      }
      device = MappedImage(extent, in: file)
      return
    }
    guard file.byteCount <= UInt64(Self.textLimit) else {
      throw VMDKExtent.damage(file, "a description of \(file.byteCount) bytes")
    }
    let lines = Self.lines(try file.bytes(at: 0, count: Int(file.byteCount)))
    try Self.refuseParent(lines, file)
    var segments: [MappedDevice.Segment] = []
    for line in lines where Self.isExtent(line) {
      segments.append(try Self.segment(line, file, place, &opening))
      guard segments.count <= Self.extentLimit else {
        throw VMDKExtent.damage(file, "it has more than \(Self.extentLimit) extents")
      }
    }
    guard !segments.isEmpty else { throw VMDKExtent.damage(file, "it names no extents") }
    do { device = try MappedDevice(segments) } catch let error as OutsideDevice {
      throw VMDKExtent.damage(file, "an extent is shorter than it says: \(error)")
    }
  }

  private static func lines(_ bytes: [UInt8]) -> [Substring] {
    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self).split(whereSeparator: \.isNewline)
  }

  private static func refuseParent(_ lines: [Substring], _ file: HostFile) throws {
    for line in lines {
      let parts = line.filter { !$0.isWhitespace }.lowercased().split(separator: "=")
      if parts.count == 2, parts[0] == "parentcid", parts[1] != "ffffffff" {
        throw DiskImageError.unsupported(
          file.path, .vmdk, reason: "it is made over another one, as a snapshot")
      }
    }
  }

  private static func isExtent(_ line: Substring) -> Bool {
    ["RW ", "RDONLY ", "NOACCESS "].contains { line.hasPrefix($0) }
  }

  /// `ACCESS SECTORS TYPE "NAME" OFFSET`
  private static func segment(
    _ line: Substring, _ file: HostFile, _ place: ImageOpening.Place, _ opening: inout ImageOpening
  ) throws -> MappedDevice.Segment {
    let parts = line.split(separator: "\"", maxSplits: 2, omittingEmptySubsequences: false)
    let words = parts[0].split(separator: " ")
    guard words.count == 3, let sectors = UInt64(words[1]), sectors <= UInt64(Int64.max) / 512
    else { throw VMDKExtent.damage(file, "it has an extent '\(line.prefix(100))'") }
    let byteCount = sectors * 512
    if words[2] == "ZERO" { return MappedDevice.Segment(byteCount: byteCount, target: .zeros) }
    guard ["FLAT", "VMFS", "SPARSE"].contains(words[2]), parts.count == 3 else {
      throw DiskImageError.unsupported(
        file.path, .vmdk, reason: "it has an extent of type \(words[2].prefix(100))")
    }
    let device = try opening.layer(
      named: String(parts[1]), of: file.path, .vmdk, as: .raw, place
    ).device
    guard words[2] == "SPARSE" else {
      let offset = parts[2].split(separator: " ").first.flatMap { UInt64($0) } ?? 0
      guard offset <= UInt64(Int64.max) / 512 else {
        throw VMDKExtent.damage(file, "an extent begins at sector \(offset)")
      }
      return MappedDevice.Segment(
        byteCount: byteCount, target: .linear(MappedDevice.Area(device, from: offset * 512)))
    }
    guard let extent = device as? HostFile else { preconditionFailure("a raw file is one") }
    let sparse = MappedImage(try VMDKExtent(extent), in: extent)
    return MappedDevice.Segment(
      byteCount: byteCount, target: .linear(MappedDevice.Area(sparse, from: 0)))
  }
}
