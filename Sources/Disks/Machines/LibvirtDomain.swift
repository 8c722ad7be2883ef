/// A machine as libvirt describes it: the `<domain>` element of its XML.
///
/// Read as it is, and written with no more than what was asked for changed, so that whatever Kluis
/// does not know of stays. Source: libvirt, "Domain XML format".
package struct LibvirtDomain {
  private let tree: XMLTree

  /// - Throws: ``DefinitionError``.
  package init(_ bytes: [UInt8]) throws(DefinitionError) {
    tree = try XMLTree(bytes)
    guard tree.root.name == "domain" else {
      throw DefinitionError("it is XML, and no libvirt domain: its root is <\(tree.root.name)>")
    }
  }

  package var bytes: [UInt8] { tree.bytes }

  /// Whether a definition may be one, and not JSON.
  package static func isXML(_ bytes: [UInt8]) -> Bool {
    // Some editors begin a file with a byte order mark.
    bytes.first { !" \n\r\t\u{FEFF}".utf8.contains($0) } == UInt8(ascii: "<")
  }

  package var definition: MachineDefinition {
    get throws(DefinitionError) {
      let root = tree.root
      var definition = MachineDefinition(
        name: root.child("name")?.text ?? "", disks: disks, nics: nics)
      definition.uuid = root.child("uuid")?.text
      definition.cpus = root.child("vcpu").flatMap { Int($0.text) }
      definition.memoryBytes = try memoryBytes
      definition.firmware = isUEFI ? .uefi : .bios
      let nvram = root.child("os", "nvram")
      definition.nvram = nvram?.child("source")?[attribute: "file"] ?? nvram?.text.nonEmpty
      return definition
    }
  }

  // MARK: reading

  private var disks: [MachineDefinition.Disk] {
    let elements = diskElements
    let orders = elements.map { $0.child("boot")?[attribute: "order"].flatMap { Int($0) } }
    let first = elements.indices.min { (orders[$0] ?? .max) < (orders[$1] ?? .max) }
    return elements.indices.map { number in
      MachineDefinition.Disk(
        name: name(of: elements[number]), lun: number, role: number == first ? .os : .data,
        path: path(of: elements[number]), format: format(of: elements[number]))
    }
  }

  /// Those that hold a machine's data: no CD-ROMs, no floppies.
  var diskElements: [XMLElement] {
    (tree.root.child("devices")?.children("disk") ?? [])
      .filter { !["cdrom", "floppy"].contains($0[attribute: "device"]) }
  }

  func name(of disk: XMLElement) -> String {
    disk.child("target")?[attribute: "dev"] ?? ""
  }

  private func path(of disk: XMLElement) -> String? {
    let source = disk.child("source")
    switch disk[attribute: "type"] {
    case "file": return source?[attribute: "file"]
    case "block": return source?[attribute: "dev"]
    default: return nil
    }
  }

  /// What says nothing is raw: libvirt looks at no image to find out.
  private func format(of disk: XMLElement) -> String {
    let type = disk.child("driver")?[attribute: "type"] ?? "raw"
    return disk[attribute: "type"] == "block" && type == "raw" ? "device" : type
  }

  private var nicElements: [XMLElement] {
    tree.root.child("devices")?.children("interface") ?? []
  }

  private var nics: [MachineDefinition.NIC] {
    nicElements.map { nic in
      let source = nic.child("source")
      return MachineDefinition.NIC(
        mac: nic.child("mac")?[attribute: "address"],
        network: source?[attribute: "network"] ?? source?[attribute: "bridge"]
          ?? source?[attribute: "dev"])
    }
  }

  private var memoryBytes: UInt64? {
    get throws(DefinitionError) {
      guard let memory = tree.root.child("memory") else { return nil }
      let unit = memory[attribute: "unit"] ?? "KiB"
      guard let factor = memoryUnits[unit], let count = UInt64(memory.text) else {
        throw DefinitionError("<memory> says '\(memory.text)' \(unit)")
      }
      let (product, isTooLarge) = count.multipliedReportingOverflow(by: factor)
      if isTooLarge { throw DefinitionError("\(count) \(unit) of memory cannot be") }
      return product
    }
  }

  private var isUEFI: Bool {
    let os = tree.root.child("os")
    return os?[attribute: "firmware"] == "efi"
      || os?.child("loader")?[attribute: "type"] == "pflash"
  }

  // MARK: writing

  /// Gives the domain the name, uuid, paths and MACs of `definition`, which was read from it and
  /// changed since. Disks that are in it no longer are taken out.
  package func apply(_ definition: MachineDefinition) {
    tree.root.child("name")?.set(text: definition.name)
    if let uuid = definition.uuid { set(uuid: uuid) }
    if let cpus = definition.cpus { tree.root.child("vcpu")?.set(text: "\(cpus)") }
    if let memory = definition.memoryBytes, memory != (try? memoryBytes) {
      set(memoryBytes: memory)
    }
    if let nvram = definition.nvram { set(nvram: nvram) }
    for element in diskElements {
      guard let disk = definition.disks.first(where: { $0.name == name(of: element) }) else {
        element.remove()
        continue
      }
      if let path = disk.path { set(path: path, format: disk.format, of: element) }
    }
    for (element, nic) in zip(nicElements, definition.nics) {
      guard let mac = nic.mac else { continue }
      (element.child("mac") ?? element.addChild("mac"))[attribute: "address"] = mac
    }
  }

  private func set(uuid: String) {
    tree.root.child("uuid")?.set(text: uuid)
    // What the firmware tells the machine of itself: libvirt refuses another one there.
    for part in tree.root.child("sysinfo")?.children("system") ?? [] {
      for entry in part.children("entry") where entry[attribute: "name"] == "uuid" {
        entry.set(text: uuid)
      }
    }
  }

  /// In the form that the domain has: a text, or a source since libvirt 8.5.
  private func set(nvram: String) {
    let element = tree.root.child("os", "nvram")
    if let source = element?.child("source") {
      source[attribute: "file"] = nvram
    } else {
      element?.set(text: nvram)
    }
  }

  private func set(memoryBytes: UInt64) {
    for name in ["memory", "currentMemory"] {
      guard let element = tree.root.child(name) else { continue }
      element[attribute: "unit"] = "b"
      element.set(text: "\(memoryBytes)")
    }
  }

  private func set(path: String, format: String?, of disk: XMLElement) {
    guard let source = disk.child("source") else { return }
    let isDevice = format == "device"
    disk[attribute: "type"] = isDevice ? "block" : "file"
    // Commands for a SCSI device go to no file.
    if !isDevice, disk[attribute: "device"] == "lun" { disk[attribute: "device"] = "disk" }
    source[attribute: "file"] = isDevice ? nil : path
    source[attribute: "dev"] = isDevice ? path : nil
    let driver = disk.child("driver")
    switch format {
    case "vhd-fixed": (driver ?? disk.addChild("driver"))[attribute: "type"] = "vpc"
    case "qcow2": (driver ?? disk.addChild("driver"))[attribute: "type"] = "qcow2"
    default: driver?[attribute: "type"] = "raw"
    }
  }
}

/// libvirt's scaled integers: powers of 1,000 end in B, those of 1,024 in iB or nothing.
private let memoryUnits: [String: UInt64] = {
  var units: [String: UInt64] = ["b": 1, "bytes": 1]
  var (decimal, binary): (UInt64, UInt64) = (1, 1)
  for letter in ["K", "M", "G", "T"] {
    (decimal, binary) = (decimal * 1000, binary * 1024)
    units["\(letter)B"] = decimal
    units["\(letter)iB"] = binary
    units[letter] = binary
    units[letter.lowercased()] = binary
  }
  return units
}()

extension String {
  fileprivate var nonEmpty: String? { isEmpty ? nil : self }
}
