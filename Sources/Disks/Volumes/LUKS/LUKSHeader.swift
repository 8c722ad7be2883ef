internal import BlockDevices
internal import Encryption

/// What the header of a LUKS container says, of either version.
struct LUKSHeader: Sendable {
  /// A copy of the volume's key that one passphrase opens.
  struct KeySlot: Sendable {
    let name: String
    let work: PassphraseWork
    let salt: [UInt8]
    /// Where the key lies, spread over stripes.
    let area: Range<UInt64>
    let areaEncryption: SectorEncryption
    let keyByteCount: Int
    let stripeCount: Int
    let stripeDigest: HeaderDigest
    let check: KeyCheck
  }

  /// What tells the volume's key from others.
  struct KeyCheck: Sendable, Hashable {
    let work: PassphraseWork
    let salt: [UInt8]
    let digest: [UInt8]
  }

  /// The part of the device that is encrypted.
  struct Segment: Sendable {
    let offset: UInt64
    /// Nil for all up to the end of the device.
    let byteCount: UInt64?
    /// Cipher, mode and vector, as dm-crypt names them.
    let encryption: String
    let sectorByteCount: Int
    /// What the number of its first 512 bytes is taken to be.
    let firstNumber: UInt64
  }

  var slots: [KeySlot]
  /// Why other slots that are in use cannot be tried, one sentence each.
  var problems: [String]
  let segment: Segment

  /// Stripes of a key; cryptsetup knows no other number.
  static let stripeCount = 4000
  private static let magic: [UInt8] = Array("LUKS".utf8) + [0xBA, 0xBE]

  /// - Throws: ``LUKSRefusal`` for what is damaged or not known here; what the device throws.
  init(on device: any BlockDevice) throws {
    guard device.byteCount >= 8 else { throw LUKSRefusal("it has no LUKS header") }
    let start = try device.bytes(at: 0, count: 8)
    guard Array(start.prefix(6)) == Self.magic else { throw LUKSRefusal("it has no LUKS header") }
    switch Int(start[6]) << 8 | Int(start[7]) {
    case 1: self = try luks1Header(on: device)
    case 2: self = try luks2Header(on: device)
    case let version: throw LUKSRefusal("LUKS version \(version) is not known here")
    }
  }

  init(slots: [KeySlot], problems: [String], segment: Segment) {
    self.slots = slots
    self.problems = problems
    self.segment = segment
  }
}

/// Why a LUKS container cannot be opened.
struct LUKSRefusal: Error, Equatable, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

extension LUKSRefusal {
  /// The header of a version is not what it should be.
  static func damaged(_ version: Int, _ reason: String) -> LUKSRefusal {
    LUKSRefusal("its LUKS\(version) header is damaged: \(reason)")
  }
}
