internal import BlockDevices
internal import DiskImages
internal import Files
package import Machines
package import SystemPackage
internal import Vaults

/// A machine as its definition describes it now: what of it a backup has to take.
package struct ProtectedMachine: Sendable {
  package let definition: MachineDefinition
  /// The definition as it is written, and the file that holds it.
  private let text: [UInt8]
  private let file: FilePath
  /// Which disks are taken now, and which by later backups that say nothing of it.
  private let selection: DiskSelection
  private let remembered: DiskSelection

  /// - Parameters:
  ///   - selection: as it is chosen now; nil for what was chosen before.
  ///   - earlier: what was chosen before. A disk that it leaves out may be gone since.
  ///   - onlyNow: disks that this backup takes, whatever is chosen.
  /// - Throws: ``DefinitionError``, ``FileError``.
  package init(
    definedBy file: FilePath, selection: DiskSelection? = nil, earlier: DiskSelection? = nil,
    onlyNow: [String]? = nil
  ) throws {
    self.file = file
    text = try readSmallFile(file, limit: MachineDefinition.byteLimit)
    let definition = try MachineDefinition(text, source: file.string)
    self.definition = definition
    var known = earlier ?? DiskSelection()
    known.exclude.removeAll { name in !definition.disks.contains { $0.name == name } }
    remembered = selection ?? known
    self.selection = onlyNow.map { DiskSelection(include: $0) } ?? remembered
  }

  /// The disks to take, and the names of those that are left out.
  ///
  /// - Throws: ``DefinitionError`` where one of them cannot be found.
  func disks() throws(DefinitionError) -> (taken: [Backup.Source], left: [String]) {
    let (taken, left) = try selection.choose(from: definition)
    var sources: [Backup.Source] = []
    for disk in taken {
      guard let path = disk.path else {
        throw DefinitionError(
          "disk \(disk.name) lies where no file leads: leave it out with --exclude \(disk.name)",
          in: file.string)
      }
      sources.append(
        Backup.Source(name: disk.name, path: beside(path), format: try format(of: disk)))
    }
    return (sources, left)
  }

  private func format(
    of disk: MachineDefinition.Disk
  ) throws(DefinitionError) -> DiskImage.Format? {
    guard let name = disk.format else { return nil }
    guard let format = DiskImage.Format(definition: name) else {
      throw DefinitionError(
        "disk \(disk.name) has the format '\(name)', which is not read: convert it to a raw or "
          + "qcow2 image first, or leave it out with --exclude \(disk.name)", in: file.string)
    }
    return format
  }

  /// Where all of its disks are that lie in files or devices, whichever a backup takes.
  package var places: [Backup.Source] {
    definition.disks.compactMap { disk in
      disk.path.map { path in
        Backup.Source(
          name: disk.name, path: beside(path),
          format: disk.format.flatMap { DiskImage.Format(definition: $0) })
      }
    }
  }

  /// The secrets of its disks and the keys that wrap them, with files as they are found from here.
  var secrets: [DiskSecret] {
    definition.secrets.map { secret in
      var secret = secret
      secret.file = beside(secret.file).string
      return secret
    }
  }

  var keys: [WrappingKey] {
    (definition.keys ?? []).map { WrappingKey(name: $0.name, file: beside($0.file).string) }
  }

  /// Its disks that the hypervisor encrypts; what a JSON definition does not tell.
  package var encryptedDisks: [EncryptedDisk] {
    get throws(DefinitionError) {
      LibvirtDomain.isXML(text) ? try LibvirtDomain(text).encryptedDisks : []
    }
  }

  package var nvram: FilePath? { definition.nvram.map(beside) }

  /// The files that belong to the machine.
  ///
  /// - Throws: ``FileError``, ``DefinitionError`` where two have one name, ``NameError``.
  func files() throws -> [(kind: RecoveryPoint.StoredFile.Kind, source: DiskIntake.Source)] {
    var files: [(kind: RecoveryPoint.StoredFile.Kind, source: DiskIntake.Source)] = [
      (
        .definition,
        DiskIntake.Source(name: name(of: file), device: MemoryDevice(text), origin: file.string)
      )
    ]
    if let nvram = definition.nvram { files.append((.nvram, try source(nvram))) }
    for extra in definition.files { files.append((.extra, try source(extra))) }
    // A point with another name would be one that nobody can read.
    for file in files { try checkFileName(file.source.name) }
    let extras = files.filter { $0.kind == .extra }.map(\.source.name)
    guard Set(extras).count == extras.count else {
      throw DefinitionError("two of its files have the same name", in: file.string)
    }
    return files
  }

  private func source(_ path: String) throws -> DiskIntake.Source {
    let path = beside(path)
    return DiskIntake.Source(
      name: name(of: path), device: try DiskImage(opening: path, as: .raw),
      origin: path.string)
  }

  private func name(of path: FilePath) -> String { path.lastComponent?.string ?? "" }

  /// A path in a definition counts from the definition's own directory.
  private func beside(_ path: String) -> FilePath { parent(of: file).pushing(FilePath(path)) }

  /// What later backups need to know of it.
  func remember(in machine: inout Machine) {
    machine.definition = definition
    machine.definitionSource = file.string
    machine.selection = remembered == DiskSelection() ? nil : remembered
  }
}
