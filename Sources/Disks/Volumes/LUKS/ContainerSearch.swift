internal import BlockDevices
internal import Encryption

/// Opens the LUKS containers on disks, and what is found in them in turn: a container may hold
/// physical volumes, and a logical volume a container.
struct ContainerSearch {
  /// Containers within containers: more than anybody makes, and an end.
  private static let roundLimit = 8
  /// Containers that are tried.
  private static let containerLimit = 256

  /// Disks and partitions.
  private let volumes: [Volume]
  private let disks: Set<String>
  private let keyring: VolumeKeyring
  private var outcomes: [String: Outcome] = [:]
  private var secrets: [Secret]?
  private var rounds = 0
  private(set) var logical: (volumes: [Volume], groups: [VolumeListing.Group], problems: [String])

  private enum Outcome {
    case opened([Volume], problems: [String])
    case refused(String)
  }

  init(volumes: [Volume], disks: Set<String>, _ keyring: VolumeKeyring) {
    self.volumes = volumes
    self.disks = disks
    self.keyring = keyring
    logical = logicalVolumes(on: volumes, besides: disks)
  }

  /// All that is known so far.
  var all: [Volume] { expanded(volumes) + expanded(logical.volumes) }

  /// Containers that were not tried yet.
  var closed: [Volume] {
    guard rounds < Self.roundLimit, outcomes.count < Self.containerLimit else { return [] }
    return all.filter { volume in
      volume.content?.typeName == "crypto_LUKS" && volume.device != nil
        && outcomes[volume.name] == nil
    }
  }

  /// What is wrong with what was found within containers.
  var problems: [String] {
    outcomes.sorted { $0.key < $1.key }.flatMap { name, outcome in
      switch outcome {
      case .opened(_, let problems): problems
      // Without any secret nobody expects it to be opened.
      case .refused(let reason): secrets?.isEmpty == false ? ["\(name): \(reason)"] : []
      }
    }
  }

  /// Tries the secrets on what is closed, and looks for logical volumes anew.
  mutating func open(with secrets: () throws -> [Secret]) throws {
    rounds += 1
    let known = try self.secrets ?? secrets()
    self.secrets = known
    for volume in closed.prefix(Self.containerLimit - outcomes.count) {
      outcomes[volume.name] = open(volume, with: known)
    }
    logical = logicalVolumes(
      on: all.filter { if case .logicalVolume = $0.kind { false } else { true } }, besides: disks)
  }

  private func open(_ volume: Volume, with secrets: [Secret]) -> Outcome {
    guard let device = volume.device else { return .refused("it cannot be read") }
    do {
      let opened = try LUKSHeader(on: device).open(on: device, with: secrets, keyring)
      let found = lookInto(
        NamedDisk(name: "\(volume.name)/luks", device: opened),
        as: .decrypted(container: volume.name))
      return .opened(found.volumes, problems: found.problems)
    } catch let refusal as LUKSRefusal {
      return .refused(refusal.description)
    } catch { return .refused("its LUKS header cannot be read: \(error)") }
  }

  /// Volumes, each followed by what was found in it.
  private func expanded(_ volumes: [Volume]) -> [Volume] {
    volumes.flatMap { volume -> [Volume] in
      switch outcomes[volume.name] {
      case .opened(let inside, _): [volume] + expanded(inside)
      case .refused(let reason): [volume.refused(reason)]
      case nil: [volume]
      }
    }
  }
}
