import ArgumentParser
import Filesystems
import Guests
import Tiers
import Volumes

struct VolumesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "volumes",
    abstract: "List the volumes on the disks of a recovery point or of images.",
    discussion: """
      Disks, partitions, and logical volumes over all disks, with what they hold and in which \
      state that is. Other commands take a volume by its name here, or as UUID=… or LABEL=…, \
      and of a file system with subvolumes one of these in brackets: root/2[/@home]; all of it is \
      root/2[/].

      What lies in an encrypted volume (LUKS) is listed below it, as root/2/luks, where a secret \
      opens it: one that --secret-file names, or one that the point keeps.

      EXAMPLES:
        kluis volumes web01
        kluis volumes web01@2026-11-22 --json
        kluis volumes --image root=web01.img --image data=web01-data.img
        kluis volumes safe01 --secret-file /root/safe01.pass
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions
  @OptionGroup var guest: GuestOptions

  @Argument(help: "The recovery point; none with --image.")
  var point: String?

  func validate() throws {
    if point != nil, !guest.images.isEmpty {
      throw ValidationError("name a point or give --image, not both")
    }
  }

  func run() throws {
    try GuestSession.run([kluis.shared, shared], guest) { looking in
      let source = try looking.source(point)
      let listing = source.guest.listing
      let reports = listing.volumes.map { VolumeReport($0, in: source.guest) }
      for problem in listing.problems { looking.session.notices.add("\(FileName(problem))") }
      if looking.session.options.json {
        return try printJSON(
          VolumesReport(
            volumes: reports, groups: listing.groups.map(GroupReport.init),
            problems: listing.problems))
      }
      var table = Table(["volume", "type", ">size", "content", "label", "uuid", "state"])
      for report in reports { table.add(report.row) }
      print(table.text)
      for report in reports where !report.subvolumes.isEmpty {
        print("\n\(FileName(report.name)) has subvolumes:")
        for path in report.subvolumes.prefix(20) { print("  \(path)") }
        if report.subvolumes.count > 20 {
          print("  and \(report.subvolumes.count - 20) more, which --json shows")
        }
      }
    }
  }
}

/// What `--json` shows.
private struct VolumesReport: Encodable {
  let volumes: [VolumeReport]
  let groups: [GroupReport]
  let problems: [String]
}

private struct GroupReport: Encodable {
  struct Member: Encodable {
    let uuid: String
    /// Null where it is missing.
    let volume: String?
  }

  let name: String
  let uuid: String
  let size: UInt64
  let physicalVolumes: [Member]

  init(_ group: VolumeListing.Group) {
    name = group.name
    uuid = group.uuid
    size = group.byteCount
    physicalVolumes = group.physicalVolumes.map { Member(uuid: $0.uuid, volume: $0.volume) }
  }
}

/// A volume, as it is listed and as `--json` shows it.
private struct VolumeReport: Encodable {
  struct Partition: Encodable {
    let number: Int
    let offset: UInt64
    let type: String
    let label: String?
    let uuid: String?
  }

  struct Content: Encodable {
    let role: String
    let type: String
    let label: String?
    let uuid: String?
  }

  let name: String
  let kind: String
  let size: UInt64
  let partition: Partition?
  /// The volume group that a logical volume is of, or that a physical volume belongs to.
  let group: String?
  let content: Content?
  /// Paths of a file system's own trees, from the one at its top on.
  let subvolumes: [String]
  /// Whether its files can be read.
  let readable: Bool
  let state: String

  init(_ volume: Volume, in guest: Guest) {
    name = volume.name
    size = volume.byteCount
    var group = guest.listing.groups.first { group in
      group.physicalVolumes.contains { $0.volume == volume.name }
    }?.name
    var partition: Partition?
    switch volume.kind {
    case .disk: kind = "disk"
    case .partition(let number):
      kind = "partition"
      partition = Partition(
        number: number, offset: volume.offset ?? 0, type: volume.partitionType ?? "",
        label: volume.label, uuid: volume.uuid)
    case .logicalVolume(let name):
      kind = "logical-volume"
      group = name
    case .decrypted: kind = "decrypted"
    }
    self.partition = partition
    self.group = group
    let condition = guest.condition(of: volume)
    if case .readable = condition { readable = true } else { readable = false }
    // A file system whose beginning is lost is recognised by its reader alone.
    let opened = readable ? try? guest.fileSystem(on: volume) : nil
    let found =
      volume.content ?? opened.map { Signature(role: .fileSystem, typeName: $0.typeName) }
    content = found.map {
      Content(role: $0.role.rawValue, type: $0.typeName, label: $0.label, uuid: $0.uuid)
    }
    // What cannot be told of them is told when they are asked for.
    subvolumes = ((try? opened?.subvolumes()) ?? []).map { path in
      "/" + path.map(\.description).joined(separator: "/")
    }
    state = condition.sentence
  }

  /// Texts that a disk holds are shown escaped.
  var row: [String] {
    let type =
      switch kind {
      case "partition": partition?.type ?? ""
      case "logical-volume": "logical volume"
      default: kind
      }
    let place = kind != "logical-volume" ? group.map { "in \($0)" } : nil
    return [
      name, type, Text.size(size), content?.type ?? "–",
      content?.label ?? partition?.label ?? "", content?.uuid ?? "",
      state.isEmpty ? place ?? "" : state,
    ].map { FileName($0).description }
  }
}
