internal import Bytes
internal import DiskImages
internal import Encryption
internal import Files
package import Machines
package import SystemPackage
package import Tiers
package import Vaults
package import Workers

/// Rebuilds a machine under a new name in another place: its disks, its definition, and the files
/// that belong to it. Nothing of the machine that it was is touched or needed.
///
/// The definition is written last; where something fails, what was made before is removed.
package struct MachineRestore {
  package let point: RecoveryPoint
  /// The new machine's name.
  package let name: String
  package let directory: FilePath
  package var format = ImageFormat.raw
  /// Whether uuid and MACs stay as they were, for a machine that comes in the place of the old one.
  package var keepsIDs = false
  /// Where its secrets will lie, for the new definition to name; it has none where this is nil.
  package var secretsDirectory: FilePath?
  package var workerCount = availableCores()

  package init(_ point: RecoveryPoint, as name: String, in directory: FilePath) {
    self.point = point
    self.name = name
    self.directory = directory
  }

  /// - Returns: the new machine's definition, as it is written.
  /// - Throws: ``TargetError`` where a file is there already; ``RestoreError``, ``FileError``,
  ///   ``DefinitionError``, ``Cancelled``.
  package func run(
    from open: OpenTier, progress: Progress, cancellation: Cancellation
  ) throws -> MachineDefinition {
    let files = MachineFiles(directory: directory, name: name)
    let definition = newDefinition(files)
    let targets = definition.disks.compactMap(\.path).map { FilePath($0) }
    for path in targets + files.all(of: point) where try fileStatus(path) != nil {
      throw TargetError.taken(path)
    }
    try makeDirectory(directory)
    var made: [FilePath] = []
    do {
      for (disk, target) in zip(point.disks, targets) {
        try restore(disk, to: target, format, open, progress, cancellation)
        made.append(target)
      }
      try write(definition, files, &made, open, cancellation)
    } catch {
      for path in made { discard(path) }
      throw error
    }
    return definition
  }

  private func restore(
    _ disk: RecoveryPoint.Disk, to target: FilePath, _ format: ImageFormat, _ open: OpenTier,
    _ progress: Progress, _ cancellation: Cancellation
  ) throws {
    var restore = DiskRestore(disk: disk, target: target)
    restore.format = format
    restore.workerCount = workerCount
    try restore.run(from: open, progress: progress, cancellation: cancellation)
  }

  /// Files and definition; Kluis's own JSON last, since it says that all else is there.
  private func write(
    _ definition: MachineDefinition, _ files: MachineFiles, _ made: inout [FilePath],
    _ open: OpenTier, _ cancellation: Cancellation
  ) throws {
    for file in point.files ?? [] where file.kind != .definition {
      let path = files.path(of: file)
      try makeDirectory(parent(of: path))
      try restore(file.content, to: path, .raw, open, Progress(), cancellation)
      made.append(path)
    }
    if let domain = try storedDomain(from: open) {
      domain.apply(definition)
      made.append(files.domain)
      try writeNew(domain.bytes, to: files.domain)
    }
    made.append(files.definition)
    try writeNew(definition.json, to: files.definition)
  }

  /// The libvirt domain that the machine was defined by, if it was.
  private func storedDomain(from open: OpenTier) throws -> LibvirtDomain? {
    guard let stored = point.files?.first(where: { $0.kind == .definition }) else { return nil }
    let bytes = try storedBytes(of: stored, from: open)
    return LibvirtDomain.isXML(bytes) ? try LibvirtDomain(bytes) : nil
  }

  private func newDefinition(_ files: MachineFiles) -> MachineDefinition {
    var definition = point.machineDefinition
    definition.name = name
    for number in definition.disks.indices {
      definition.disks[number].path =
        files.disk(definition.disks[number].name, format).string
      definition.disks[number].format = format.rawValue
    }
    if definition.nvram != nil { definition.nvram = files.nvram.string }
    definition.files = (point.files ?? []).filter { $0.kind == .extra }
      .map { files.path(of: $0).string }
    definition.moveSecrets(to: secretsDirectory)
    if !keepsIDs {
      definition.uuid = nil
      for number in definition.nics.indices { definition.nics[number].mac = nil }
      definition.giveMissingIDs()
    }
    return definition
  }
}

/// What image file a disk becomes.
package enum ImageFormat: String, Sendable, CaseIterable {
  case raw
  case fixedVHD = "vhd-fixed"
  case qcow2

  package var fileExtension: String {
    switch self {
    case .raw: "img"
    case .fixedVHD: "vhd"
    case .qcow2: "qcow2"
    }
  }

  /// No disk in such an image is larger, and each has whole sectors; nil where that is not so.
  var byteLimit: UInt64? {
    switch self {
    case .raw: nil
    case .fixedVHD: fixedVHDByteLimit
    case .qcow2: QCOW2Writer.diskByteLimit
    }
  }

  /// As a sentence has it.
  var article: String {
    switch self {
    case .raw: "a raw image"
    case .fixedVHD: "a VHD"
    case .qcow2: "a qcow2 image"
    }
  }
}

/// Where the parts of a machine go in a directory.
struct MachineFiles {
  let directory: FilePath
  let name: String

  func disk(_ disk: String, _ format: ImageFormat) -> FilePath {
    directory.appending("\(name)-\(disk).\(format.fileExtension)")
  }

  var definition: FilePath { directory.appending("\(name).json") }
  var domain: FilePath { directory.appending("\(name).xml") }
  var nvram: FilePath { directory.appending("\(name)-nvram.fd") }

  func path(of file: RecoveryPoint.StoredFile) -> FilePath {
    switch file.kind {
    case .definition: domain
    case .nvram: nvram
    case .extra: directory.appending("\(name)-files").appending(file.content.name)
    }
  }

  /// All that may be written beside the disks.
  func all(of point: RecoveryPoint) -> [FilePath] {
    [definition] + (point.files ?? []).map { path(of: $0) }
  }
}

extension RecoveryPoint {
  /// The machine with the disks that the point has; made up of their names where only those were
  /// named.
  package var machineDefinition: MachineDefinition {
    guard var known = definition else {
      return MachineDefinition(
        name: machine,
        disks: disks.enumerated().map { number, disk in
          .init(name: disk.name, lun: number, role: number == 0 ? .os : .data, path: disk.source)
        })
    }
    let kept = Set(disks.map(\.name))
    known.disks.removeAll { !kept.contains($0.name) }
    return known
  }
}

extension MachineDefinition {
  /// Has secrets lie in a directory as they are restored to it; takes them out without one.
  mutating func moveSecrets(to directory: FilePath?) {
    replaceSecretFiles { name, isWrapped, _ in
      directory?.appending(isWrapped ? name + DiskSecret.wrappedSuffix : name).string
    }
  }

  /// Gives the machine a uuid, and MACs to those of its NICs that have none.
  mutating func giveMissingIDs() {
    uuid = uuid ?? randomUUID()
    for number in nics.indices { nics[number].mac = nics[number].mac ?? randomMAC() }
  }
}

/// The bytes of a file that a point keeps; small, as definitions are.
func storedBytes(
  of file: RecoveryPoint.StoredFile, from open: OpenTier
) throws -> [UInt8] {
  guard file.content.size <= UInt64(MachineDefinition.byteLimit) else {
    throw VaultError.damaged(
      "file \(file.content.name)", reason: "no definition has \(file.content.size) bytes")
  }
  var bytes = [UInt8](repeating: 0, count: Int(file.content.size))
  var span = bytes.mutableSpan
  var target = span.mutableBytes
  try PointDisk(file.content, from: open).read(at: 0, into: &target)
  return bytes
}

/// Writes a file that must not be there yet.
func writeNew(_ bytes: [UInt8], to path: FilePath) throws(FileError) {
  let file = try File.create(path)
  try file.write(bytes.span.bytes, at: 0)
  try file.sync()
}

private func randomUUID() -> String {
  var bytes = randomBytes(16)
  // Version 4, of the usual variant (RFC 9562, section 5.4).
  bytes[6] = bytes[6] & 0x0F | 0x40
  bytes[8] = bytes[8] & 0x3F | 0x80
  let text = Array(hexadecimal(bytes.span.bytes))
  return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(text[$0]) }
    .joined(separator: "-")
}

/// One of those that QEMU and libvirt give.
private func randomMAC() -> String {
  let bytes = [0x52, 0x54, 0x00] + randomBytes(3)
  return bytes.map { byte in hexadecimal([byte].span.bytes) }.joined(separator: ":")
}
