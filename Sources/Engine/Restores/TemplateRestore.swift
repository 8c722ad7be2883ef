internal import Files
package import Machines
package import SystemPackage
package import Tiers
package import Vaults
package import Workers

/// Restores a machine's disks beside its stored configuration and a template: a definition that a
/// person edits before ``MachineCreation`` makes a machine of it.
///
///     DIR/NAME.img        a disk each
///     DIR/template.json   the definition, with these disks and without uuid and MACs
///     DIR/stored/         the configuration as it was: machine.json or domain.xml, NVRAM, files
///
/// Where something fails, what was made before is removed.
package struct TemplateRestore {
  package let point: RecoveryPoint
  package let directory: FilePath
  /// The disks to restore; all where it is empty.
  package var disks: [String] = []
  package var format = ImageFormat.raw
  /// Where its secrets will lie, for the template to name; it has none where this is nil.
  package var secretsDirectory: FilePath?
  package var workerCount = availableCores()

  package init(_ point: RecoveryPoint, in directory: FilePath) {
    self.point = point
    self.directory = directory
  }

  package static let templateName = "template.json"

  /// - Returns: the template.
  /// - Throws: ``TargetError`` where a file is there already; ``VaultError`` for a disk that the
  ///   point has not; ``RestoreError``, ``FileError``, ``Cancelled``.
  package func run(
    from open: OpenTier, progress: Progress, cancellation: Cancellation
  ) throws -> MachineDefinition {
    let chosen = try chosenDisks()
    let template = template(of: chosen)
    let path = directory.appending(Self.templateName)
    let stored = StoredConfiguration(directory: directory)
    let targets = chosen.map { target(of: $0.name) }
    let files = stored.all(of: point) + [path]
    for path in targets + files where try fileStatus(path) != nil { throw TargetError.taken(path) }
    try makeDirectory(directory)
    var made: [FilePath] = []
    do {
      for (disk, target) in zip(chosen, targets) {
        var restore = DiskRestore(disk: disk, target: target)
        restore.format = format
        restore.workerCount = workerCount
        try restore.run(from: open, progress: progress, cancellation: cancellation)
        made.append(target)
      }
      made += files
      try stored.write(point, from: open, cancellation)
      try writeNew(template.json, to: path)
    } catch {
      for path in made { discard(path) }
      throw error
    }
    return template
  }

  private func chosenDisks() throws(VaultError) -> [RecoveryPoint.Disk] {
    let known = point.disks.map(\.name)
    for name in disks where !known.contains(name) {
      throw .unknownDisk(name, point: point.id, known: known)
    }
    return point.disks.filter { disks.isEmpty || disks.contains($0.name) }
  }

  private func template(of chosen: [RecoveryPoint.Disk]) -> MachineDefinition {
    var template = point.machineDefinition
    template.disks.removeAll { disk in !chosen.contains { $0.name == disk.name } }
    for number in template.disks.indices {
      template.disks[number].path = target(of: template.disks[number].name).string
      template.disks[number].format = format.rawValue
    }
    template.moveSecrets(to: secretsDirectory)
    template.uuid = nil
    for number in template.nics.indices { template.nics[number].mac = nil }
    let stored = StoredConfiguration(directory: directory)
    template.nvram = (point.files ?? []).first { $0.kind == .nvram }
      .map { stored.path(of: $0).string }
    template.files = (point.files ?? []).filter { $0.kind == .extra }
      .map { stored.path(of: $0).string }
    return template
  }

  private func target(of disk: String) -> FilePath {
    directory.appending("\(disk).\(format.fileExtension)")
  }
}

/// A machine's configuration as a point keeps it, in a folder of its own.
struct StoredConfiguration {
  let directory: FilePath

  var folder: FilePath { directory.appending("stored") }
  var domain: FilePath { folder.appending("domain.xml") }
  private var machine: FilePath { folder.appending("machine.json") }

  /// All that may be written there.
  func all(of point: RecoveryPoint) -> [FilePath] {
    [machine, domain]
      + (point.files ?? []).filter { $0.kind != .definition }.map { path(of: $0) }
  }

  func path(of file: RecoveryPoint.StoredFile) -> FilePath {
    switch file.kind {
    case .definition: domain
    case .nvram: folder.appending("nvram.fd")
    case .extra: folder.appending("files").appending(file.content.name)
    }
  }

  func write(
    _ point: RecoveryPoint, from open: OpenTier, _ cancellation: Cancellation
  ) throws {
    try makeDirectory(folder)
    try writeNew(point.machineDefinition.json, to: machine)
    for file in point.files ?? [] {
      if file.kind == .definition {
        let bytes = try storedBytes(of: file, from: open)
        if LibvirtDomain.isXML(bytes) { try writeNew(bytes, to: domain) }
        continue
      }
      try makeDirectory(parent(of: path(of: file)))
      try DiskRestore(disk: file.content, target: path(of: file))
        .run(from: open, progress: Progress(), cancellation: cancellation)
    }
  }
}
