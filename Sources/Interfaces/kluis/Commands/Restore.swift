import ArgumentParser
import Restores
import SystemPackage
import Tiers
import Vaults

struct Restore: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Restore from a recovery point.",
    discussion: """
      EXAMPLES:
        kluis restore disk web01 --to /images/web01-restored.img
        kluis restore vm web01 --as web01-copy --to /images/copy
        kluis restore disks web01 --to /images/web01-disks
        kluis restore files web01 /etc/hosts --to /tmp/web01
        kluis restore secrets web01 --to /root/web01-secrets
      """,
    subcommands: [
      RestoreDisk.self, RestoreVM.self, RestoreDisks.self, RestoreFiles.self,
      RestoreSecrets.self,
    ])
}

struct RestoreDisk: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "disk",
    abstract: "Restore a whole disk to an image file or a block device.",
    discussion: """
      Every chunk is checked against its digest. A new image gets its name only when it is whole; \
      holes stay holes. A block device is overwritten only with --force.

      EXAMPLES:
        kluis restore disk web01 --to /images/web01-restored.img
        kluis restore disk web01 --to /images/web01-restored.qcow2 --format qcow2
        kluis restore disk db01@2026-11-22 --disk data --to /dev/vg0/data --force
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "The recovery point.")
  var point: String

  @Option(help: "Which disk; needed where the machine has several.")
  var disk: String?

  @Option(
    help: ArgumentHelp("The image or block device.", valueName: "path"), completion: .file())
  var to: String

  @Option(help: "The image's format: raw, vhd-fixed or qcow2.")
  var format: ImageFormat = .raw

  @Option(help: "Read from this tier: snapshot, vault, secondary or auto.")
  var tier: TierChoice = .auto

  @Flag(help: "Replace an existing image; overwrite a block device.")
  var force = false

  @Flag(help: "Return only when the image is safe on the disk.")
  var sync = false

  func validate() throws {
    if to.isEmpty { throw ValidationError("--to names no file") }
    if to.hasSuffix("/") {
      throw ValidationError("--to names a directory: give the name of the image, too")
    }
  }

  func run() throws {
    try Session.run(
      [kluis.shared, shared],
      harmless: "The vault is as it was, and no half-restored image was left behind."
    ) { session in
      let vault = try session.openVault()
      try tier.check(in: vault)
      let listed = try vault.point(point, in: tier.name, notices: session.notices)
      let disk = try listed.point.disk(named: disk)
      let open = try tier.open(listed, in: vault, notices: session.notices)
      var restore = DiskRestore(disk: disk, target: FilePath(to))
      restore.format = format
      restore.replacing = force
      restore.durably = sync
      noteName(session)
      let start = ContinuousClock.now
      do {
        try session.withProgress("restore \(disk.name)") { progress in
          try restore.run(from: open, progress: progress, cancellation: session.cancellation)
        }
      } catch let error as RestoreError {
        throw VaultError.damaged("disk \(disk.name) of \(listed.point.id)", reason: "\(error)")
      }
      let seconds = start.duration(to: .now) / .seconds(1)
      if session.options.json {
        return try printJSON(
          RestoreReport(
            point: listed.point.id, disk: disk.name, target: to, size: disk.size,
            dataBytes: disk.dataBytes, seconds: seconds))
      }
      session.say(
        "restored disk \(disk.name) of \(listed.point.id) to \(to): \(Text.size(disk.size)), "
          + "\(Text.size(disk.dataBytes)) of data in \(Text.duration(seconds)) "
          + "(\(Text.rate(disk.dataBytes, seconds: seconds))), every chunk verified")
    }
  }
}

extension RestoreDisk {
  /// Whoever names a file `.vhd` may think that this makes a VHD.
  private func noteName(_ session: Session) {
    guard format == .raw, let ending = FilePath(to).extension?.lowercased() else { return }
    let advice: String
    switch ending {
    case "vhd": advice = "--format vhd-fixed makes what it is called"
    case "qcow2": advice = "--format qcow2 makes what it is called"
    case "vmdk", "vdi", "vhdx": advice = "`qemu-img convert` makes what it is called of that"
    default: return
    }
    session.note("\(to) will be a raw image in spite of its name; \(advice)")
  }
}

/// A restored disk as `--json` shows it.
private struct RestoreReport: Encodable {
  let point: String
  let disk: String
  let target: String
  let size: UInt64
  let dataBytes: UInt64
  let seconds: Double
}
