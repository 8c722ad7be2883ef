internal import BlockDevices
internal import Bytes

/// A volume that is being opened: its boot sector is found, then its table of records.
struct NTFSOpening {
  /// Records that hold parts of where the table lies, at most.
  private static let tablePartLimit = 1000

  let volume: NTFSVolume
  let upperCase: NTFSUpperCase
  private(set) var state: FileSystemState

  /// - Parameter isLost: whether the first sector may be missing, so that its copy counts.
  /// - Throws: ``FileSystemError`` where the device has the file system, and it cannot be read. Nil
  ///   where it has another one.
  init?(_ device: any BlockDevice, isLost: Bool = false) throws {
    guard device.byteCount >= UInt64(NTFSBootSector.byteCount) else { return nil }
    let first = try device.bytes(at: 0, count: NTFSBootSector.byteCount)
    let isClaimed = try NTFSBootSector.isClaimed(by: first.span.bytes)
    guard isClaimed || isLost else { return nil }
    var warnings: [String] = []
    let own = isClaimed ? try NTFSBootSector(first.span.bytes) : nil
    do {
      guard let own else { throw damagedNTFS("the boot sector", "its numbers are no volume's") }
      volume = try Self.volume(own, device)
    } catch let error as FileSystemError {
      let copy = try Self.copy(on: device)
      guard let copy, copy != own, let found = try? Self.volume(copy, device) else {
        if !isClaimed { return nil }
        throw error
      }
      volume = found
      warnings.append("its boot sector is damaged, and the copy behind its end is used")
    }
    if volume.boot.volumeByteCount > device.byteCount {
      warnings.append(
        "it has \(volume.boot.volumeByteCount) bytes, of which \(device.byteCount) are here")
    }
    if let upperCase = try Self.upperCase(of: volume) {
      self.upperCase = upperCase
    } else {
      upperCase = .unicode
      warnings.append("its table of upper-case letters is damaged, and Unicode's is used")
    }
    state = FileSystemState(warnings: warnings)
    noteCopies()
    try noteHowItWasLeft()
  }

  // MARK: boot sector

  /// The copy of the boot sector, which lies where the volume ends by its own count.
  private static func copy(on device: any BlockDevice) throws -> NTFSBootSector? {
    for sectorByteCount: UInt64 in [512, 1024, 2048, 4096] {
      guard device.byteCount >= 2 * sectorByteCount else { return nil }
      let place = (device.byteCount / sectorByteCount - 1) * sectorByteCount
      let sector = try device.bytes(at: place, count: NTFSBootSector.byteCount)
      if let boot = try NTFSBootSector(sector.span.bytes), boot.volumeByteCount == place,
        UInt64(boot.sectorByteCount) == sectorByteCount
      {
        return boot
      }
    }
    return nil
  }

  // MARK: table

  /// Finds out where the whole table lies, from its first record on.
  private static func volume(
    _ boot: NTFSBootSector, _ device: any BlockDevice
  ) throws -> NTFSVolume {
    let bare = NTFSVolume(boot, device, table: NTFSStream(ofFirstRecordBy: boot))
    let first = try bare.record(NTFSRecordNumber.table)
    let structure = "the table of records"
    guard first.isInUse,
      let attribute = first.attributes.first(where: {
        $0.type == NTFSAttributeType.data && $0.name.isEmpty && $0.firstCluster == 0
      })
    else { throw damagedNTFS(structure, "its first record does not say where it lies") }
    var parts = [NTFSPart(record: first, attribute: attribute)]
    func known() throws -> NTFSVolume {
      let table = try NTFSStream(parts, clusterCount: boot.clusterCount, structure: structure)
      guard case .clusters = table.storage, table.flags.isDisjoint(with: [.compressed, .encrypted])
      else { throw damagedNTFS(structure, "it is not kept in clusters as it is") }
      return NTFSVolume(boot, device, table: table)
    }
    var volume = try known()
    let list = try NTFSFile(first, on: volume).list ?? []
    let further =
      list.filter { $0.type == NTFSAttributeType.data && $0.name.isEmpty && $0.firstCluster > 0 }
      .sorted { $0.firstCluster < $1.firstCluster }
    guard further.count <= tablePartLimit else {
      throw damagedNTFS(structure, "it has \(further.count) parts")
    }
    // Each part lies in a record of which the parts before tell where it is.
    for entry in further {
      parts.append(try NTFSFile(first, on: volume).part(entry))
      volume = try known()
    }
    return volume
  }

  private static func upperCase(of volume: NTFSVolume) throws -> NTFSUpperCase? {
    do {
      let file = try NTFSFile(
        NTFSReference(record: NTFSRecordNumber.upperCase, sequence: 0), on: volume)
      let bytes = try file.value(NTFSAttributeType.data, limit: NTFSUpperCase.byteCount, "$UpCase")
      guard let bytes, bytes.count == NTFSUpperCase.byteCount else { return nil }
      return NTFSUpperCase(bytes)
    } catch is FileSystemError {
      return nil
    }
  }

  // MARK: state

  /// Which of the records that opening needs are read from their copies.
  private mutating func noteCopies() {
    for number in [NTFSRecordNumber.table, NTFSRecordNumber.log, NTFSRecordNumber.volume] {
      do { _ = try volume.ownRecord(number) } catch {
        guard (try? volume.mirroredRecord(number)) != nil else { continue }
        state.warnings.append("record \(number) is damaged, and the copy in $MFTMirr is used")
      }
    }
  }

  /// By the flags of $Volume and the restart pages of $LogFile.
  private mutating func noteHowItWasLeft() throws {
    let dirty: UInt16 = 0x0001
    let beingChecked: UInt16 = 0x4000
    do {
      let file = try NTFSFile(
        NTFSReference(record: NTFSRecordNumber.volume, sequence: 0), on: volume)
      let bytes = try file.residentValue(NTFSAttributeType.volumeInformation) ?? []
      guard bytes.count >= 12 else {
        throw damagedNTFS("$Volume", "it does not say of which version it is")
      }
      let (major, minor) = (bytes[8], bytes[9])
      guard (1...3).contains(major) else {
        throw unsupportedNTFS("$Volume", "it is of version \(major).\(minor)")
      }
      let flags: UInt16 = try bytes.span.bytes.littleEndian(at: 10)
      if flags & dirty != 0 { state.warnings.append("it was not unmounted") }
      if flags & beingChecked != 0 { state.warnings.append("it was being checked") }
    } catch let error as FileSystemError where error.problem == .damaged {
      state.warnings.append("how it was left is not known: \(error)")
    }
    do {
      let file = try NTFSFile(NTFSReference(record: NTFSRecordNumber.log, sequence: 0), on: volume)
      if let reason = try NTFSLog.reasonNotReplayed(of: file, on: volume) {
        state.journal = .notReplayed(reason: reason)
      }
    } catch let error as FileSystemError where error.problem == .damaged {
      state.journal = .notReplayed(reason: "\(error)")
    }
  }
}
