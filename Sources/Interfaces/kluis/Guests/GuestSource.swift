import ArgumentParser
import BlockDevices
import DiskImages
import FileRestores
import Files
import Filesystems
import Guests
import Restores
import SystemPackage
import Tiers
import Vaults
import Volumes

/// Options of every command that looks into disks.
struct GuestOptions: ParsableArguments {
  @Option(
    name: .customLong("image"),
    help: ArgumentHelp(
      "Look into this disk image or block device instead of a point; several for several disks.",
      valueName: "[name=]file"),
    completion: .file())
  var images: [String] = []

  @Option(help: "Read from this tier: snapshot, vault, secondary or auto.")
  var tier: TierChoice = .auto

  @OptionGroup var secrets: GuestSecretOptions

  /// Said in the help of commands that take places.
  static let places = """
    A place is POINT:/path on the machine's root volume, with what its fstab mounts; or \
    POINT:VOLUME:/path, where VOLUME is DISK, DISK/PARTITION, GROUP/VOLUME, UUID=… or LABEL=… as \
    `kluis volumes` prints them. In a point, a ":" belongs to the time while two digits follow: \
    web01@2026-11-22T15:04:05Z-7f3a:/etc/hosts. With --image it is /path or VOLUME:/path alone.
    """
}

/// Disks to look into: those of a recovery point, or images.
final class GuestSource {
  /// What it is, for messages: a point's id, or the images' names.
  let name: String
  let guest: Guest
  let point: RecoveryPoint?
  /// The trees that were asked for.
  private var trees: [MountTree] = []

  private init(name: String, guest: Guest, point: RecoveryPoint?) {
    self.name = name
    self.guest = guest
    self.point = point
  }

  /// Opens a point, as it is typed.
  static func open(
    point text: String, _ tier: TierChoice, _ vault: Vault, _ session: Session,
    secrets: GuestSecrets
  ) throws -> GuestSource {
    let listed = try vault.point(text, in: tier.name, notices: session.notices)
    return try open(listed, tier, vault, session, secrets: secrets)
  }

  static func open(
    _ listed: ListedPoint, _ tier: TierChoice, _ vault: Vault, _ session: Session,
    secrets: GuestSecrets
  ) throws -> GuestSource {
    let open = try tier.open(listed, in: vault, notices: session.notices)
    let contents = PointContents(open)
    let disks = try listed.point.disks.map {
      NamedDisk(name: $0.name, device: try PointDisk($0, in: contents))
    }
    let listing = try findVolumes(on: disks, keyring: secrets.keyring) {
      secrets.named + secrets.kept(in: listed.point, of: vault, session)
    }
    return GuestSource(name: listed.point.id, guest: Guest(listing), point: listed.point)
  }

  /// Opens images, each FILE or NAME=FILE.
  static func open(images: [String], secrets: GuestSecrets) throws -> GuestSource {
    var disks: [NamedDisk] = []
    for text in images {
      let (name, image) = namedImage(text)
      guard !disks.contains(where: { $0.name == name }) else {
        throw ValidationError("two images are called \(quoted(name)): give --image NAME=FILE")
      }
      disks.append(
        NamedDisk(name: name, device: try DiskImage(opening: image.path, as: image.format)))
    }
    let listing = try findVolumes(on: disks, keyring: secrets.keyring) { secrets.named }
    return GuestSource(name: images.joined(separator: ", "), guest: Guest(listing), point: nil)
  }

  /// A file whose own name has a "=" is meant as it is where it exists.
  private static func namedImage(_ text: String) -> (name: String, image: ImageArgument) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    if parts.count == 2, !parts[0].isEmpty, !parts[0].contains("/"), !parts[1].isEmpty {
      let isWhole = (try? fileStatus(FilePath(text))) ?? nil
      if isWhole == nil { return (String(parts[0]), ImageArgument(String(parts[1]))) }
    }
    let image = ImageArgument(text)
    return (image.path.lastComponent?.stem ?? text, image)
  }

  /// Whether all bytes are the same, as the disks' trees tell; false where that is not known.
  func hasSameDisks(as other: GuestSource) -> Bool {
    guard let point, let otherPoint = other.point else { return false }
    return point.disks.map { [$0.name, $0.root, "\($0.size)"] }
      == otherPoint.disks.map { [$0.name, $0.root, "\($0.size)"] }
  }

  /// The tree in which a place lies: the machine's own, or a volume's.
  func tree(_ volume: String?) throws -> MountTree {
    let tree = try volume.map { try guest.tree(ofVolumeNamed: $0) } ?? machineTree()
    trees.append(tree)
    return tree
  }

  /// The file systems in the trees that were asked for.
  var fileSystemsInUse: [Guest.OpenedFileSystem] {
    guest.openedFileSystems.filter { opened in
      trees.contains { $0.shows(opened.fileSystem) }
    }
  }

  private func machineTree() throws -> MountTree {
    do { return try guest.machineTree().tree } catch let error as GuestError {
      // A lone file system that is no machine's root can only be meant itself.
      let volumes = guest.withoutMembers(
        guest.listing.volumes.filter { $0.content?.role == .fileSystem })
      guard volumes.count == 1 else { throw error }
      return try guest.tree(ofVolumeNamed: volumes[0].name)
    }
  }
}
