internal import BlockDevices
internal import Bytes
internal import Files
internal import SystemPackage

/// Opens the disk in a qcow2 image, with what it is made over. Of several snapshots in it the
/// present state is read.
struct QCOW2Image {
  let device: MappedImage

  /// - Parameters:
  ///   - place: how the file came to be opened.
  ///   - opening: opens what it names.
  init(_ file: HostFile, _ place: ImageOpening.Place, _ opening: inout ImageOpening) throws {
    let header = try QCOW2Header(file)
    let data =
      try header.dataFileName.map {
        try opening.layer(named: $0, of: file.path, .qcow2, as: .raw, place).device
      } ?? file
    let below = try header.backingName.map { name in
      try opening.layer(
        named: name, of: file.path, .qcow2, as: try Self.format(header.backingFormat, file), place
      ).device
    }
    // A long chain does not keep as much of each of its tables.
    let map = QCOW2Map(header, file, cacheByteLimit: (8 << 20) >> min(place.chain.count, 5))
    device = MappedImage(map, in: data, over: below)
  }

  /// What the image says that it is made over; nil where it does not.
  private static func format(_ name: String?, _ file: HostFile) throws -> DiskImage.Format? {
    guard let name else { return nil }
    // The name of a file or device as the host has it, which is taken for raw by QEMU as well.
    if ["file", "host_device"].contains(name) { return .raw }
    guard let format = DiskImage.Format(definition: name) else {
      throw QCOW2Header.unsupported(file, "it is made over an image of format '\(name)'")
    }
    return format
  }
}
