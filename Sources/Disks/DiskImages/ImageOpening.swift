internal import BlockDevices
internal import Bytes
internal import Files
internal import SystemPackage

/// Opens an image and all that it is made over.
///
/// Which format an image has may be told. Where it is not, it is looked at, and that is a matter of
/// trust: the machine writes all of a raw disk, and so can give it the header of an image over a
/// file of the host that is none of its business, which would then be found in its backup.
/// What is only probed is therefore followed no further than into its own directory, and only
/// where its name, which no machine can write, says what it is. What an image that was told says of
/// the files below it, is told as well.
struct ImageOpening {
  struct Layer {
    let format: DiskImage.Format
    let device: any BlockDevice
    /// Of formats in which an image over another one says in which state it has to be: that.
    var writeID: String?
  }

  /// A file that cannot be cloned where a clone was asked for.
  struct NoClone: Error {}

  /// How a file came to be opened, from the image that was asked for down to it.
  struct Place {
    /// Above it.
    var chain: [FilePath] = []
    /// Where the files that it names have to lie; nil for anywhere.
    var confinement: FilePath?
  }

  /// libvirt follows no more.
  static let depthLimit = 200

  private let isCloning: Bool
  private(set) var files: [HostFile] = []

  init(cloning: Bool) { isCloning = cloning }

  mutating func image(_ path: FilePath, _ told: DiskImage.Format?) throws -> Layer {
    try layer(path, told, Place())
  }

  /// A file that an image names, its path taken from beside the image.
  ///
  /// - Parameters:
  ///   - name: as it is written there.
  ///   - format: as it is written there, if it is.
  mutating func layer(
    named name: String, of image: FilePath, _ imageFormat: DiskImage.Format,
    as format: DiskImage.Format?, _ place: Place
  ) throws -> Layer {
    let path = try self.path(name, of: image, imageFormat)
    if place.confinement != nil, try !isConfined(path, place) {
      throw DiskImageError.untold(image, imageFormat, names: name)
    }
    guard try fileStatus(path) != nil else { throw DiskImageError.missingLayer(path, of: image) }
    var below = place
    below.chain.append(try realPath(image))
    if below.chain.contains(try realPath(path)) {
      throw DiskImageError.damaged(image, imageFormat, reason: "it is made over itself (\(name))")
    }
    guard below.chain.count < Self.depthLimit else {
      throw DiskImageError.unsupported(
        image, imageFormat, reason: "it is made over more than \(Self.depthLimit) others")
    }
    return try layer(path, format, below)
  }

  private func isConfined(_ path: FilePath, _ place: Place) throws -> Bool {
    guard let status = try fileStatus(path) else {
      return parent(of: try realPath(path)) == place.confinement
    }
    let directory = parent(of: try realPath(path))
    return status.kind == .regular && directory == place.confinement
  }

  /// Names of what is on a network, or put together of options, lead to no file.
  private func path(
    _ name: String, of image: FilePath, _ format: DiskImage.Format
  ) throws -> FilePath {
    var name = name[...]
    if name.hasPrefix("file:") { name = name.dropFirst(5) }
    let first = name.split(separator: "/", omittingEmptySubsequences: false).first ?? ""
    if first.contains(":") {
      throw DiskImageError.unsupported(
        image, format, reason: "it is made over '\(name)', which is no file's name")
    }
    return parent(of: image).pushing(FilePath(String(name)))
  }

  private mutating func layer(
    _ path: FilePath, _ told: DiskImage.Format?, _ place: Place
  ) throws -> Layer {
    let file = try open(path)
    if told == .raw || told == .device || told == nil && file.isDevice {
      if told == .device, !file.isDevice {
        throw DiskImageError.otherFormat(path, expected: .device)
      }
      return Layer(format: file.isDevice ? .device : .raw, device: file)
    }
    let found = try probedFormat(of: file)
    // libvirt has one name for both kinds of VHD.
    if let told, told != found, !(told.isVHD && found.isVHD) {
      throw DiskImageError.otherFormat(path, expected: told)
    }
    switch found {
    case .raw, .device: return Layer(format: found, device: file)
    case .fixedVHD:
      guard let footer = try fixedVHDFooter(of: file) else {
        preconditionFailure("a fixed VHD is known by its footer")
      }
      return Layer(
        format: .fixedVHD,
        device: try DeviceSlice(file, from: 0, byteCount: footer.diskByteCount))
    case .dynamicVHD: return Layer(format: found, device: try dynamicVHD(file))
    case .vdi: return Layer(format: found, device: try virtualBoxImage(file))
    case .qcow2, .vmdk, .vhdx:
      var place = place
      if told == nil { place.confinement = try confinement(of: path, found) }
      return try layer(file, found, place)
    }
  }

  /// An image that may lead to other files.
  private mutating func layer(
    _ file: HostFile, _ format: DiskImage.Format, _ place: Place
  ) throws -> Layer {
    switch format {
    case .vhdx:
      let image = try VHDXImage(file, place, &self)
      return Layer(format: format, device: image.device, writeID: image.writeID)
    case .vmdk: return Layer(format: format, device: try VMDKImage(file, place, &self).device)
    default: return Layer(format: format, device: try QCOW2Image(file, place, &self).device)
    }
  }

  /// Where an image that is only probed may lead: its own directory, or nowhere.
  private func confinement(of path: FilePath, _ format: DiskImage.Format) throws -> FilePath {
    guard let ending = path.extension?.lowercased(), format.extensions.contains(ending) else {
      return ""
    }
    return parent(of: try realPath(path))
  }

  private mutating func open(_ path: FilePath) throws -> HostFile {
    let status = try fileStatus(path)
    if status?.kind == .directory || status?.kind == .other { throw DiskImageError.notADisk(path) }
    let file = try File.openForReading(path)
    let host: HostFile
    if isCloning {
      guard status?.kind == .regular, let clone = try file.clone() else { throw NoClone() }
      host = try HostFile(clone)
    } else {
      host = try HostFile(file)
    }
    files.append(host)
    return host
  }
}
