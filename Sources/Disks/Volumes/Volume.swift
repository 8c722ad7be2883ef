package import BlockDevices

/// A disk to look into.
package struct NamedDisk: Sendable {
  package let name: String
  package let device: any BlockDevice

  package init(name: String, device: any BlockDevice) {
    self.name = name
    self.device = device
  }
}

/// Something on a machine's disks that may hold a file system.
package struct Volume: Sendable {
  package enum Kind: Sendable, Equatable {
    /// A whole disk.
    case disk
    /// A part of a disk, with its number in the partition table.
    case partition(Int)
    /// A volume that a volume manager makes from parts of disks.
    case logicalVolume(group: String)
    /// What an encrypted volume holds, decrypted.
    case decrypted(container: String)
  }

  /// How a person names it: `root` for a disk, `root/1` for a partition, `vg0/home` for a logical
  /// volume, `root/1/luks` for what is encrypted in another.
  package let name: String
  package let kind: Kind
  package let byteCount: UInt64
  /// Where a partition begins on its disk, in bytes.
  package let offset: UInt64?
  /// What the partition table calls it: "EFI System", "Linux".
  package let partitionType: String?
  /// Its own name in the partition table or volume manager, and its UUID there.
  package let label: String?
  package let uuid: String?
  /// The bytes; nil where they cannot be had, and ``problem`` says why.
  package let device: (any BlockDevice)?
  /// What its first bytes say that it holds; nil where nothing is recognised.
  package let content: Signature?
  package let problem: String?
  /// Why what is encrypted in it is not shown; nil of what is not encrypted, or is opened.
  package let refusal: String?

  package init(
    name: String, kind: Kind, byteCount: UInt64, offset: UInt64? = nil,
    partitionType: String? = nil, label: String? = nil, uuid: String? = nil,
    device: (any BlockDevice)?, content: Signature?, problem: String? = nil,
    refusal: String? = nil
  ) {
    self.name = name
    self.kind = kind
    self.byteCount = byteCount
    self.offset = offset
    self.partitionType = partitionType
    self.label = label
    self.uuid = uuid
    self.device = device
    self.content = content
    self.problem = problem
    self.refusal = refusal
  }

  func refused(_ refusal: String) -> Volume {
    Volume(
      name: name, kind: kind, byteCount: byteCount, offset: offset, partitionType: partitionType,
      label: label, uuid: uuid, device: device, content: content, problem: problem,
      refusal: refusal)
  }
}

/// What a volume holds, by the magic numbers of its format.
package struct Signature: Sendable, Equatable {
  package enum Role: String, Sendable {
    case fileSystem = "file-system"
    case physicalVolume = "physical-volume"
    case partitionTable = "partition-table"
    case swap
    case encrypted
    case raid
  }

  package let role: Role
  /// As blkid names it: "ext4", "LVM2_member", "crypto_LUKS".
  package let typeName: String
  package let label: String?
  package let uuid: String?

  package init(role: Role, typeName: String, label: String? = nil, uuid: String? = nil) {
    self.role = role
    self.typeName = typeName
    self.label = label
    self.uuid = uuid
  }
}

/// All that was found on a machine's disks.
package struct VolumeListing: Sendable {
  /// Disks in their order, each followed by its partitions; then logical volumes by name. What
  /// was decrypted follows what it is encrypted in.
  package let volumes: [Volume]
  /// What is wrong with a partition table or a volume group, one sentence each.
  package let problems: [String]
  /// Volume groups by name.
  package let groups: [Group]

  /// Physical volumes that make up logical ones.
  package struct Group: Sendable, Equatable {
    package struct Member: Sendable, Equatable {
      package let uuid: String
      /// The name of the disk or partition that it is; nil where that is missing.
      package let volume: String?
    }

    /// As its logical volumes' names have it.
    package let name: String
    package let uuid: String
    package let byteCount: UInt64
    package let physicalVolumes: [Member]
  }

  package init(volumes: [Volume], groups: [Group] = [], problems: [String]) {
    self.volumes = volumes
    self.groups = groups
    self.problems = problems
  }
}
