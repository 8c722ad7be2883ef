package import Vaults

/// What a drill found. In JSON the keys are the properties' names, and what was not done is left
/// out.
package struct DrillReport: Codable, Sendable {
  package var point: String
  package var machine: String
  /// The tier that was read.
  package var tier: String
  package var started: Timestamp
  /// Whether all that was tried succeeded.
  package var passed = false
  /// Why not, in a sentence.
  package var failure: String?
  /// From nothing to restored disks, and to the machine being up where it was started.
  package var recoverySeconds: Double?
  package var restoreSeconds: Double?
  /// Reading everything that was restored and computing its digests anew.
  package var verifySeconds: Double?
  package var disks: [Disk] = []
  package var volumes: [FoundVolume] = []
  /// What is wrong with a partition table or volume group.
  package var problems: [String] = []
  package var boot: Boot?

  package struct Disk: Codable, Sendable {
    package var name: String
    package var size: UInt64
    package var dataBytes: UInt64
    /// Bytes of the restored disk that are not the point's; nil where they were not compared.
    package var differingBytes: UInt64?
  }

  /// A disk, a partition or a logical volume, and what is on it.
  package struct FoundVolume: Codable, Sendable {
    package var name: String
    package var size: UInt64
    /// As blkid names it; nil where nothing was recognised.
    package var type: String?
    package var label: String?
    package var uuid: String?
    /// Why its bytes cannot be had.
    package var problem: String?
  }

  package struct Boot: Codable, Sendable {
    package var succeeded: Bool
    /// `kvm` or `tcg`.
    package var accelerator: String
    package var seconds: Double
    /// What the serial console had to say.
    package var expected: String
    /// What it said last.
    package var console: [String]
  }
}
