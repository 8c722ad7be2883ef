internal import FoundationEssentials

/// A definition that does not describe a machine.
package struct DefinitionError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file, where it came from one.
  package var source: String
  package let reason: String

  package init(_ reason: String, in source: String = "the definition") {
    self.reason = reason
    self.source = source
  }

  package var description: String { "\(source): \(reason)" }
}

extension MachineDefinition {
  /// No definition is larger.
  package static let byteLimit = 1 << 20

  /// Reads Kluis's own JSON or a libvirt domain XML, whichever it is.
  ///
  /// - Parameter source: named in errors.
  package init(_ bytes: [UInt8], source: String) throws(DefinitionError) {
    do throws(DefinitionError) {
      guard bytes.count <= Self.byteLimit else {
        throw DefinitionError("it has more than \(Self.byteLimit) bytes, which no definition has")
      }
      self =
        LibvirtDomain.isXML(bytes)
        ? try LibvirtDomain(bytes).definition : try MachineDefinition(json: bytes)
      try check()
    } catch { throw DefinitionError(error.reason, in: source) }
  }

  private init(json bytes: [UInt8]) throws(DefinitionError) {
    do { self = try JSONDecoder().decode(MachineDefinition.self, from: Data(bytes)) } catch {
      throw DefinitionError(explanation(of: error))
    }
  }

  /// As a person reads and edits it.
  package var json: [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do { return Array(try encoder.encode(self)) + [UInt8(ascii: "\n")] } catch {
      preconditionFailure("a definition that cannot be written as JSON: \(error)")
    }
  }

  /// Refuses what no machine can be.
  package func check() throws(DefinitionError) {
    func refuse(_ reason: String) throws(DefinitionError) { throw DefinitionError(reason) }
    if name.isEmpty { try refuse("the machine has no name") }
    if disks.isEmpty { try refuse("it names no disks") }
    if Set(disks.map(\.name)).count < disks.count { try refuse("two disks have the same name") }
    let luns = disks.compactMap(\.lun)
    if Set(luns).count < luns.count { try refuse("two disks have the same LUN") }
    for disk in disks where disk.name.isEmpty { try refuse("a disk has no name") }
    for disk in disks where !isPath(disk.path) { try refuse("disk \(disk.name): no path") }
    if !isPath(nvram) { try refuse("nvram: no path") }
    if !files.allSatisfy(isPath) { try refuse("files: one is no path") }
    if let uuid, !isUUID(uuid) { try refuse("uuid '\(uuid)' is none") }
    if let cpus, !(1...4096).contains(cpus) { try refuse("\(cpus) processors cannot be") }
    if let memoryBytes, memoryBytes > 1 << 50 { try refuse("\(memoryBytes) bytes of memory") }
    try checkSecrets()
    for mac in nics.compactMap(\.mac) where !isMAC(mac) { try refuse("MAC '\(mac)' is none") }
  }
}

/// Whether a path could lead somewhere; nil is fine.
func isPath(_ text: String?) -> Bool {
  text?.isEmpty != true && text?.utf8.contains(0) != true
}

private func isUUID(_ text: String) -> Bool {
  let parts = text.split(separator: "-", omittingEmptySubsequences: false)
  return parts.map(\.count) == [8, 4, 4, 4, 12]
    && parts.allSatisfy { $0.allSatisfy { $0.isASCII && $0.isHexDigit } }
}

private func isMAC(_ text: String) -> Bool {
  let parts = text.split(separator: ":", omittingEmptySubsequences: false)
  return parts.count == 6
    && parts.allSatisfy { $0.count == 2 && $0.allSatisfy { $0.isASCII && $0.isHexDigit } }
}

/// What is wrong with JSON, and where, in one line.
private func explanation(of error: any Error) -> String {
  func place(_ path: [any CodingKey]) -> String {
    path.reduce(into: "") { text, key in
      text += key.intValue.map { "[\($0)]" } ?? (text.isEmpty ? "" : ".") + key.stringValue
    }
  }
  switch error as? DecodingError {
  case .keyNotFound(let key, let context): return "\(place(context.codingPath + [key])) is missing"
  case .valueNotFound(_, let context): return "\(place(context.codingPath)) is null"
  case .typeMismatch(let type, let context):
    return "\(place(context.codingPath)) is no \(type)"
  case .dataCorrupted(let context):
    let place = place(context.codingPath)
    return place.isEmpty
      ? "it is neither JSON nor a libvirt domain" : "\(place): \(context.debugDescription)"
  default: return "\(error)"
  }
}
