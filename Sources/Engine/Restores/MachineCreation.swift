internal import DiskImages
internal import Files
package import Machines
package import SystemPackage
internal import Vaults

/// Makes a machine of a template and disks that were restored before.
///
/// Everything is looked at before anything is changed. Where it fails the disks are where the
/// template says.
package struct MachineCreation {
  package let template: FilePath
  /// Where the machine's definition goes; where the template lies without it.
  package var directory: FilePath?
  /// Whether the disks are moved there, or stay where they are.
  package var movesDisks = false

  package init(template: FilePath) { self.template = template }

  /// - Returns: the machine's definition, as it is written.
  /// - Throws: ``DefinitionError``, ``TargetError``, ``FileError``, ``NameError``.
  package func run() throws -> MachineDefinition {
    let home = parent(of: template)
    let bytes = try readSmallFile(template, limit: MachineDefinition.byteLimit)
    var definition = try MachineDefinition(bytes, source: template.string)
    try requireAllowed(definition)
    try checkName(definition.name, of: "machine")
    try requireDisks(&definition, home)
    definition.nvram = try definition.nvram.map { try absolute($0, home) }
    definition.files = try definition.files.map { try absolute($0, home) }
    try definition.replaceSecretFiles { _, _, file in try absolute(file, home) }
    let target = try absolutePath(directory ?? home)
    let files = MachineFiles(directory: target, name: definition.name)
    let moves = movesDisks ? try plannedMoves(&definition, files) : []
    definition.giveMissingIDs()
    let stored = StoredConfiguration(directory: home)
    let domain =
      try fileStatus(stored.domain) == nil
      ? nil
      : try LibvirtDomain(
        try readSmallFile(stored.domain, limit: MachineDefinition.byteLimit))
    if let domain { try requireFit(definition, domain) }
    for path in [files.definition] + (domain == nil ? [] : [files.domain])
    where try fileStatus(path) != nil { throw TargetError.taken(path) }
    try makeDirectory(target)
    try carryOut(moves) {
      if let domain {
        domain.apply(definition)
        try writeNew(domain.bytes, to: files.domain)
      }
      do { try writeNew(definition.json, to: files.definition) } catch {
        if domain != nil { try removeFile(files.domain) }
        throw error
      }
    }
    return definition
  }

  /// A path in the template counts from the template's own directory.
  private func absolute(_ path: String, _ home: FilePath) throws(FileError) -> String {
    try absolutePath(home.pushing(FilePath(path))).string
  }

  private func requireAllowed(_ definition: MachineDefinition) throws(DefinitionError) {
    guard let licence = definition.licence else { return }
    throw DefinitionError(
      "the machine may not be made again: \(licence); its disks can be attached to another one",
      in: template.string)
  }

  /// Makes the disks' paths absolute, and refuses those that are no disks.
  private func requireDisks(_ definition: inout MachineDefinition, _ home: FilePath) throws {
    var seen: Set<FilePath> = []
    for number in definition.disks.indices {
      let disk = definition.disks[number]
      try checkName(disk.name, of: "disk")
      guard let path = disk.path else {
        throw DefinitionError("disk \(disk.name) has no path", in: template.string)
      }
      let absolute = try absolutePath(home.pushing(FilePath(path)))
      guard seen.insert(try realPath(absolute)).inserted else {
        throw DefinitionError("two disks are one file: \(absolute)", in: template.string)
      }
      let image = try open(disk, absolute)
      definition.disks[number].path = absolute.string
      definition.disks[number].format = image.format.rawValue
    }
  }

  /// As what the template says that it is.
  private func open(_ disk: MachineDefinition.Disk, _ path: FilePath) throws -> DiskImage {
    let told = disk.format.flatMap { DiskImage.Format(definition: $0) }
    do {
      if told != nil || disk.format == nil { return try DiskImage(opening: path, as: told) }
    } catch DiskImageError.otherFormat {}
    throw DefinitionError(
      "disk \(disk.name) is to be \(disk.format ?? ""), and \(path) is not", in: template.string)
  }

  /// The stored domain is changed, not made anew: what it has not would be missing in the machine.
  private func requireFit(
    _ definition: MachineDefinition, _ domain: LibvirtDomain
  ) throws(DefinitionError) {
    let known = try domain.definition
    let names = known.disks.map(\.name)
    for disk in definition.disks where !names.contains(disk.name) {
      throw DefinitionError(
        "libvirt's domain has no disk \(disk.name); it has \(names.joined(separator: ", "))",
        in: template.string)
    }
    guard definition.nics.count == known.nics.count else {
      throw DefinitionError(
        "it has \(definition.nics.count) network cards, and libvirt's domain \(known.nics.count): "
          + "add or remove them in the domain that is made", in: template.string)
    }
  }

  private struct Move {
    let source: FilePath
    let target: FilePath
  }

  private func plannedMoves(
    _ definition: inout MachineDefinition, _ files: MachineFiles
  ) throws -> [Move] {
    var moves: [Move] = []
    for number in definition.disks.indices {
      let disk = definition.disks[number]
      guard let path = disk.path, let format = ImageFormat(rawValue: disk.format ?? "") else {
        continue  // A device stays where it is.
      }
      let target = files.disk(disk.name, format)
      definition.disks[number].path = target.string
      if FilePath(path) == target { continue }
      if try fileStatus(target) != nil { throw TargetError.taken(target) }
      moves.append(Move(source: FilePath(path), target: target))
    }
    return moves
  }

  /// Moves the disks and runs `body`; moves them back where something fails.
  private func carryOut(_ moves: [Move], then body: () throws -> Void) throws {
    var done: [Move] = []
    do {
      for move in moves {
        try renameFile(move.source, to: move.target, replacing: false)
        done.append(move)
      }
      try body()
    } catch {
      for move in done.reversed() {
        try renameFile(move.target, to: move.source, replacing: false)
      }
      throw error
    }
  }
}
