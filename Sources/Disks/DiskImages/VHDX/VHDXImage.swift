internal import BlockDevices
internal import Bytes

/// Opens the disk in a VHDX image, with what it is made over.
struct VHDXImage {
  let device: MappedImage
  /// Which state of its disk it holds.
  let writeID: String

  /// - Parameters:
  ///   - place: how the file came to be opened.
  ///   - opening: opens what it names.
  init(_ file: HostFile, _ place: ImageOpening.Place, _ opening: inout ImageOpening) throws {
    do {
      let vhdx = try VHDXFile(file)
      let disk = try VHDXMetadata(vhdx)
      writeID = vhdx.header.dataWriteID
      // A long chain does not keep as much of each of its tables.
      let map = try VHDXMap(
        vhdx, disk, cacheByteLimit: (8 << 20) >> min(place.chain.count, 5))
      let below = try disk.parent.map { try Self.layer($0, below: file, place, &opening) }
      device = MappedImage(map, in: vhdx.content, over: below?.device)
    } catch is TruncatedInput, is OutsideDevice {
      throw VHDXHeader.damage(file, "it ends within its tables")
    }
  }

  private static func layer(
    _ parent: VHDXParent, below file: HostFile, _ place: ImageOpening.Place,
    _ opening: inout ImageOpening
  ) throws -> ImageOpening.Layer {
    let layer = try opening.layer(named: parent.name, of: file.path, .vhdx, as: .vhdx, place)
    guard let id = layer.writeID, parent.writeIDs.contains(id) else {
      throw VHDXHeader.unsupported(
        file,
        "it is made over '\(parent.name)' as that was; since then, that was written to")
    }
    return layer
  }
}
