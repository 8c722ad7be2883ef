/// What a virtual machine is, beside what is on its disks.
///
/// In JSON the keys are the properties' names; only `name` and `disks` have to be there, and an
/// unknown key is an error, since it is more likely mistyped than meant.
package struct MachineDefinition: Codable, Sendable, Equatable {
  package var name: String
  package var uuid: String?
  /// `linux`, `windows` or what a person likes.
  package var os: String?
  package var cpus: Int?
  package var memoryBytes: UInt64?
  package var firmware: Firmware?
  /// The file with the variables of its firmware.
  package var nvram: String?
  package var disks: [Disk]
  package var nics: [NIC]
  package var tags: [String: String]
  /// Why the machine may not be made a second time, such as the terms of the image that it came
  /// from; nil where it may.
  package var licence: String?
  /// Further files that belong to it.
  package var files: [String]
  /// Keys that secrets of its disks are wrapped by.
  package var keys: [WrappingKey]?

  package enum Firmware: String, Codable, Sendable { case bios, uefi }

  package struct Disk: Codable, Sendable, Equatable {
    package var name: String
    /// Its place on the machine's bus.
    package var lun: Int?
    package var role: Role
    /// Its image or device; nil where it lies where no file leads, such as on a network.
    package var path: String?
    /// `raw`, `vhd-fixed`, `vhd-dynamic`, `vhdx`, `qcow2`, `vmdk`, `vdi` or `device`; another is
    /// named for what it is, and not read.
    package var format: String?
    /// What opens it, where it is encrypted.
    package var secrets: [DiskSecret]?

    package enum Role: String, Codable, Sendable { case os, data }

    package init(
      name: String, lun: Int? = nil, role: Role = .data, path: String?, format: String? = nil
    ) {
      self.name = name
      self.lun = lun
      self.role = role
      self.path = path
      self.format = format
    }
  }

  package struct NIC: Codable, Sendable, Equatable {
    package var mac: String?
    package var network: String?

    package init(mac: String?, network: String?) {
      self.mac = mac
      self.network = network
    }
  }

  package init(name: String, disks: [Disk], nics: [NIC] = []) {
    self.name = name
    self.disks = disks
    self.nics = nics
    tags = [:]
    files = []
  }
}

extension MachineDefinition {
  package init(from decoder: any Decoder) throws {
    try refuseUnknownKeys(decoder, known: CodingKeys.allCases)
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    name = try fields.decode(String.self, forKey: .name)
    uuid = try fields.decodeIfPresent(String.self, forKey: .uuid)
    os = try fields.decodeIfPresent(String.self, forKey: .os)
    cpus = try fields.wholeNumber(Int.self, forKey: .cpus)
    memoryBytes = try fields.wholeNumber(UInt64.self, forKey: .memoryBytes)
    firmware = try fields.decodeIfPresent(Firmware.self, forKey: .firmware)
    nvram = try fields.decodeIfPresent(String.self, forKey: .nvram)
    disks = try fields.decode([Disk].self, forKey: .disks)
    nics = try fields.decodeIfPresent([NIC].self, forKey: .nics) ?? []
    tags = try fields.decodeIfPresent([String: String].self, forKey: .tags) ?? [:]
    licence = try fields.decodeIfPresent(String.self, forKey: .licence)
    files = try fields.decodeIfPresent([String].self, forKey: .files) ?? []
    keys = try fields.decodeIfPresent([WrappingKey].self, forKey: .keys)
  }

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case name, uuid, os, cpus, memoryBytes, firmware, nvram, disks, nics, tags, licence, files
    case keys
  }
}

extension MachineDefinition.Disk {
  package init(from decoder: any Decoder) throws {
    try refuseUnknownKeys(decoder, known: CodingKeys.allCases)
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    name = try fields.decode(String.self, forKey: .name)
    lun = try fields.wholeNumber(Int.self, forKey: .lun)
    role = try fields.decodeIfPresent(Role.self, forKey: .role) ?? .data
    path = try fields.decodeIfPresent(String.self, forKey: .path)
    format = try fields.decodeIfPresent(String.self, forKey: .format)
    secrets = try fields.decodeIfPresent([DiskSecret].self, forKey: .secrets)
  }

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case name, lun, role, path, format, secrets
  }
}

extension MachineDefinition.NIC {
  package init(from decoder: any Decoder) throws {
    try refuseUnknownKeys(decoder, known: CodingKeys.allCases)
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    mac = try fields.decodeIfPresent(String.self, forKey: .mac)
    network = try fields.decodeIfPresent(String.self, forKey: .network)
  }

  private enum CodingKeys: String, CodingKey, CaseIterable { case mac, network }
}

extension KeyedDecodingContainer {
  /// A whole number; for another one the decoder throws what says neither what it is nor where.
  fileprivate func wholeNumber<Number: FixedWidthInteger & Decodable>(
    _ type: Number.Type, forKey key: Key
  ) throws -> Number? {
    do { return try decodeIfPresent(type, forKey: key) } catch let error as DecodingError {
      throw error
    } catch {
      throw DecodingError.dataCorrupted(
        DecodingError.Context(
          codingPath: codingPath + [key], debugDescription: "it is no whole number that fits"))
    }
  }
}

func refuseUnknownKeys(
  _ decoder: any Decoder, known: [some CodingKey & RawRepresentable<String>]
) throws {
  let names = Set(known.map(\.rawValue))
  let found = try decoder.container(keyedBy: AnyKey.self).allKeys
  guard let unknown = found.first(where: { !names.contains($0.stringValue) }) else { return }
  throw DecodingError.dataCorrupted(
    DecodingError.Context(
      codingPath: decoder.codingPath + [unknown],
      debugDescription: "there is no such key; known are \(names.sorted().joined(separator: ", "))"
    ))
}

private struct AnyKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }

  init?(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}
