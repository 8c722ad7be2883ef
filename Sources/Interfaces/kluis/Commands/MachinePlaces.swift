import Backups
import DiskImages
import Machines
import SystemPackage
import Tiers
import Vaults

/// Where a machine's disks are now.
struct MachinePlaces {
  let disks: [Machine.Disk]
  let nvram: FilePath?
  private let known: Machine

  /// As its definition says now, where it has one; else as its last backup found it.
  init(_ name: String, in vault: Vault, _ session: Session) throws {
    guard let machine = try vault.machine(name, notices: session.notices) else {
      throw VaultError.unknownMachine(name)
    }
    known = machine
    let protected = try known.definitionSource.map {
      try ProtectedMachine(definedBy: FilePath($0))
    }
    nvram = protected?.nvram
    disks =
      protected?.places.map {
        Machine.Disk(name: $0.name, source: $0.path.string, format: $0.format?.rawValue)
      } ?? known.disks
  }

  /// What later backups take along: the safety point as well, or they would forget it.
  var secrets: [Backup.Source] {
    (known.secrets ?? []).map { Backup.Source(name: $0.name, path: FilePath($0.source)) }
  }

  /// Those disks, to be backed up as they are now. Without a definition all are: what a point of
  /// named disks takes is what later backups know of.
  func toBackUp(_ names: [String]) throws -> Backup.Disks {
    if let file = known.definitionSource {
      return .defined(
        try ProtectedMachine(
          definedBy: FilePath(file), earlier: known.selection, onlyNow: names))
    }
    return .named(disks.map(Backup.Source.init))
  }

  /// Everything that an in-place restore may replace.
  var paths: [FilePath] { disks.map { FilePath($0.source) } + (nvram.map { [$0] } ?? []) }
}

extension Backup.Source {
  /// A disk that was backed up before.
  init(_ disk: Machine.Disk) {
    self.init(
      name: disk.name, path: FilePath(disk.source),
      format: disk.format.flatMap { DiskImage.Format(definition: $0) })
  }
}
