package import Hashing
package import Machines
package import Maps

/// What a user restores from: one virtual machine, its disks and its definition at one moment.
package struct RecoveryPoint: Codable, Sendable, Equatable {
  /// `MACHINE@TIME-XXXX`: unique in the vault.
  package var id: String
  package var machine: String
  package var time: Timestamp
  package var consistency: Consistency
  package var tags: [String: String]
  package var disks: [Disk]
  /// Keys of its disks and the like; only in an encrypted vault.
  package var secrets: [SealedSecret]?
  /// What the machine was beside its disks; nil where only disks were named.
  package var definition: MachineDefinition?
  /// Files that belong to the definition.
  package var files: [StoredFile]?
  /// Disks of the definition that were left out.
  package var excluded: [String]?

  /// A file of a machine, stored as a disk is.
  package struct StoredFile: Codable, Sendable, Equatable {
    package var kind: Kind
    /// Named as the file was, without its directory.
    package var content: Disk

    package enum Kind: String, Codable, Sendable {
      /// The definition as it was written, which may say more than Kluis understands.
      case definition
      case nvram
      case extra
    }

    package init(kind: Kind, content: Disk) {
      self.kind = kind
      self.content = content
    }
  }

  /// All that has to be stored for the point: its disks and its files.
  package var trees: [Disk] { disks + (files ?? []).map(\.content) }

  package enum Consistency: String, Codable, Sendable {
    /// As a disk is when the power fails.
    case crash = "crash-consistent"
    /// Applications had written what they held.
    case application = "application-consistent"
  }

  package struct Disk: Codable, Sendable, Equatable {
    package var name: String
    /// Where the disk was when it was backed up.
    package var source: String
    /// What image it was, such as `qcow2`, as a definition has it; nil for a raw one.
    package var format: String?
    /// The disk's size in bytes.
    package var size: UInt64
    /// The root of the disk's tree, 64 hexadecimal digits; all zeros for a disk of zeros.
    package var root: String
    /// Bytes that are not zero.
    package var dataBytes: UInt64
    /// Chunks that no earlier point had, and their bytes.
    package var newChunks: UInt64
    package var newBytes: UInt64
    /// Bytes that storing them took.
    package var storedBytes: UInt64
    /// How long the backup of this disk took.
    package var seconds: Double

    package init(
      name: String, source: String, size: UInt64, root: ContentID, dataBytes: UInt64,
      newChunks: UInt64, newBytes: UInt64, storedBytes: UInt64, seconds: Double
    ) {
      self.name = name
      self.source = source
      self.size = size
      self.root = root.description
      self.dataBytes = dataBytes
      self.newChunks = newChunks
      self.newBytes = newBytes
      self.storedBytes = storedBytes
      self.seconds = seconds
    }

    /// The disk's tree; nil where the root is not spelled as one.
    package var tree: DiskTree? {
      Digest(root).map { DiskTree(root: ContentID($0), diskByteCount: size) }
    }

    /// Whether the root is one, and sizes are such that no sum of them overflows.
    var isSound: Bool { tree != nil && size <= 1 << 56 && dataBytes <= size }
  }

  package init(
    machine: String, time: Timestamp, consistency: Consistency, tags: [String: String],
    disks: [Disk], secrets: [SealedSecret]? = nil
  ) {
    let suffix = String(UInt16.random(in: .min ... .max), radix: 16)
    id = "\(machine)@\(time)-\(String(repeating: "0", count: 4 - suffix.count))\(suffix)"
    self.machine = machine
    self.time = time
    self.consistency = consistency
    self.tags = tags
    self.disks = disks
    self.secrets = secrets
  }

  /// Gives disks and files other trees, in the order of ``trees``.
  package mutating func replaceTrees(by stored: [Disk]) {
    disks = Array(stored.prefix(disks.count))
    for (number, content) in stored.dropFirst(disks.count).enumerated() {
      files?[number].content = content
    }
  }

  /// The part of the id after the machine's name, which names the file.
  package var fileName: String { String(id.dropFirst(machine.count + 1)) }

  /// Whether all that a path or a tree is made of is sound.
  var isSound: Bool {
    do throws(NameError) {
      try checkName(machine, of: "machine")
      for disk in disks { try checkName(disk.name, of: "disk") }
      for secret in secrets ?? [] { try checkName(secret.name, of: "secret") }
      for file in files ?? [] { try checkFileName(file.content.name) }
    } catch { return false }
    return id.hasPrefix("\(machine)@") && trees.allSatisfy(\.isSound)
  }
}

/// A machine that is protected, so that later backups need only its name.
package struct Machine: Codable, Sendable, Equatable {
  package var name: String
  package var disks: [Disk]
  /// Secrets that are taken along with every point.
  package var secrets: [Secret]?
  /// As it was at the last backup; nil where only disks were named.
  package var definition: MachineDefinition?
  /// The absolute path of the file that defines the machine, read again by each backup.
  package var definitionSource: String?
  /// Which of its disks are taken; nil for all.
  package var selection: DiskSelection?
  /// What is kept of its points; nil where the vault's default holds.
  package var policy: RetentionPolicy?
  /// When this was written: where two copies differ, the later one holds.
  package var updated: Timestamp?

  package struct Disk: Codable, Sendable, Equatable {
    package var name: String
    /// The absolute path of its image or device.
    package var source: String
    /// What image it is, where somebody said so.
    package var format: String?

    package init(name: String, source: String, format: String? = nil) {
      self.name = name
      self.source = source
      self.format = format
    }
  }

  package struct Secret: Codable, Sendable, Equatable {
    package var name: String
    /// The absolute path of the file that holds it.
    package var source: String

    package init(name: String, source: String) {
      self.name = name
      self.source = source
    }
  }

  package init(
    name: String, disks: [Disk], secrets: [Secret]? = nil, updated: Timestamp? = nil
  ) {
    self.name = name
    self.disks = disks
    self.secrets = secrets
    self.updated = updated
  }
}
