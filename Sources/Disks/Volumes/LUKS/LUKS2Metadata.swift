internal import BlockDevices
internal import Encryption
internal import FoundationEssentials

/// The metadata of a LUKS2 header (LUKS2 On-Disk Format Specification 1.1.3, chapter 3), as far as
/// it takes part in opening one. Numbers of 64 bits are texts; bytes are in base 64.
struct LUKS2Metadata {
  /// As many as cryptsetup makes.
  private static let keySlotLimit = 32

  private let document: Document

  private struct Document: Decodable {
    let keyslots: [String: KeySlot]
    let segments: [String: Segment]
    let digests: [String: Digest]
    let config: Config
  }

  private struct KeySlot: Decodable {
    let type: String
    let keySize: Int?
    let priority: Int?
    let af: Stripes?
    let area: Area?
    let kdf: Derivation?
  }

  private struct Stripes: Decodable {
    let type: String
    let stripes: Int?
    let hash: String?
  }

  private struct Area: Decodable {
    let type: String
    let offset: String?
    let size: String?
    let encryption: String?
    let keySize: Int?
  }

  private struct Derivation: Decodable {
    let type: String
    let salt: Data
    let hash: String?
    let iterations: Int?
    let time: Int?
    let memory: Int?
    let cpus: Int?
  }

  private struct Segment: Decodable {
    let type: String
    let offset: String?
    let size: String?
    let ivTweak: String?
    let encryption: String?
    let sectorSize: Int?
    let integrity: Integrity?
  }

  /// Its presence says enough.
  private struct Integrity: Decodable {}

  private struct Digest: Decodable {
    let type: String
    let keyslots: [String]
    let segments: [String]
    let hash: String?
    let iterations: Int?
    let salt: Data?
    let digest: Data?
  }

  private struct Config: Decodable {
    struct Requirements: Decodable { let mandatory: [String]? }

    let requirements: Requirements?
  }

  /// - Throws: ``LUKSRefusal``.
  init(_ json: [UInt8]) throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    do { document = try decoder.decode(Document.self, from: Data(json)) } catch {
      throw LUKSRefusal.damaged(2, "its metadata is not what it should be")
    }
  }

  /// - Throws: ``LUKSRefusal`` for what is damaged or not known here.
  func header(on device: any BlockDevice) throws -> LUKSHeader {
    if let needs = document.config.requirements?.mandatory, !needs.isEmpty {
      let names = needs.prefix(8).map(printable).joined(separator: ", ")
      throw LUKSRefusal("it asks for what is not known here: \(names)")
    }
    guard document.segments.count == 1, let (name, segment) = document.segments.first else {
      throw LUKSRefusal("it has \(document.segments.count) segments, and one can be read")
    }
    guard document.keyslots.count <= Self.keySlotLimit else {
      throw LUKSRefusal.damaged(2, "it has \(document.keyslots.count) key slots")
    }
    let opened = try self.segment(segment, on: device)
    var slots: [(priority: Int, slot: LUKSHeader.KeySlot)] = []
    var problems: [String] = []
    for number in document.keyslots.keys.sorted() {
      guard let told = document.keyslots[number], told.type != "reencrypt",
        let check = document.digests.values.first(where: {
          $0.keyslots.contains(number) && $0.segments.contains(name)
        })
      else { continue }
      do throws(LUKSRefusal) {
        slots.append((told.priority ?? 1, try slot(told, number, self.check(check), on: device)))
      } catch { problems.append("key slot \(printable(number)): \(error)") }
    }
    // Those that are preferred first.
    slots.sort { ($1.priority, $0.slot.name) < ($0.priority, $1.slot.name) }
    return LUKSHeader(slots: slots.map(\.slot), problems: problems, segment: opened)
  }

  private func segment(
    _ segment: Segment, on device: any BlockDevice
  ) throws(LUKSRefusal) -> LUKSHeader.Segment {
    guard segment.type == "crypt" else {
      throw LUKSRefusal("its segment of the type \(printable(segment.type)) is not known here")
    }
    if segment.integrity != nil {
      throw LUKSRefusal("it is authenticated as well (dm-integrity), which is not read")
    }
    guard let offset = segment.offset.flatMap({ UInt64($0) }), let size = segment.size,
      let encryption = segment.encryption, let sector = segment.sectorSize,
      [512, 1024, 2048, 4096].contains(sector),
      let tweak = UInt64(segment.ivTweak ?? "0")
    else { throw .damaged(2, "its segment is not what it should be") }
    var byteCount: UInt64?
    if size != "dynamic" {
      guard let told = UInt64(size), told > 0, told.isMultiple(of: UInt64(sector)) else {
        throw .damaged(2, "its segment is of \(printable(size)) bytes")
      }
      byteCount = told
    }
    if offset == 0 || offset >= device.byteCount {
      throw LUKSRefusal(
        "its data would be at byte \(offset) of a device of \(device.byteCount): this is a "
          + "detached header, or the device was cut off")
    }
    return LUKSHeader.Segment(
      offset: offset, byteCount: byteCount, encryption: encryption, sectorByteCount: sector,
      firstNumber: tweak)
  }

  private func slot(
    _ slot: KeySlot, _ name: String, _ check: LUKSHeader.KeyCheck, on device: any BlockDevice
  ) throws(LUKSRefusal) -> LUKSHeader.KeySlot {
    guard slot.type == "luks2", let area = slot.area, area.type == "raw", let af = slot.af,
      af.type == "luks1", let kdf = slot.kdf
    else { throw LUKSRefusal("it is of the type \(printable(slot.type)), which is not known here") }
    guard let keyByteCount = slot.keySize, (16...64).contains(keyByteCount),
      af.stripes == LUKSHeader.stripeCount, let offset = area.offset.flatMap({ UInt64($0) }),
      let size = area.size.flatMap({ UInt64($0) }), let areaKeyByteCount = area.keySize,
      let areaCipher = area.encryption
    else { throw LUKSRefusal("it is damaged") }
    let needed = UInt64(keyByteCount * LUKSHeader.stripeCount)
    guard size >= needed, device.holds(needed, at: offset) else {
      throw LUKSRefusal("its area of \(size) bytes at \(offset) is not there")
    }
    guard
      let encryption = SectorEncryption(areaCipher, keyByteCount: areaKeyByteCount)
    else { throw LUKSRefusal("its cipher \(printable(areaCipher)) is not known here") }
    return LUKSHeader.KeySlot(
      name: name, work: try work(kdf), salt: Array(kdf.salt), area: offset..<offset + needed,
      areaEncryption: encryption, keyByteCount: keyByteCount,
      stripeCount: LUKSHeader.stripeCount, stripeDigest: try digest(af.hash), check: check)
  }

  private func work(_ kdf: Derivation) throws(LUKSRefusal) -> PassphraseWork {
    switch kdf.type {
    case "pbkdf2":
      guard let iterations = kdf.iterations else { throw LUKSRefusal("it is damaged") }
      return .pbkdf2(try digest(kdf.hash), iterations: iterations)
    case "argon2i", "argon2id":
      guard let time = kdf.time, let memory = kdf.memory, let cpus = kdf.cpus,
        kdf.salt.count >= 8
      else { throw LUKSRefusal("it is damaged") }
      return .argon2(
        isHybrid: kdf.type == "argon2id", passes: time, memoryKibibytes: memory, lanes: cpus)
    default: throw LUKSRefusal("its key is made by \(printable(kdf.type)), not known here")
    }
  }

  private func check(_ check: Digest) throws(LUKSRefusal) -> LUKSHeader.KeyCheck {
    guard check.type == "pbkdf2", let iterations = check.iterations, let salt = check.salt,
      let digest = check.digest, (20...64).contains(digest.count)
    else { throw LUKSRefusal("what tells its key from others is not known here") }
    return LUKSHeader.KeyCheck(
      work: .pbkdf2(try self.digest(check.hash), iterations: iterations), salt: Array(salt),
      digest: Array(digest))
  }

  private func digest(_ name: String?) throws(LUKSRefusal) -> HeaderDigest {
    guard let digest = HeaderDigest(rawValue: name ?? "") else {
      throw LUKSRefusal("the hash \(printable(name ?? "")) is not known here")
    }
    return digest
  }
}
