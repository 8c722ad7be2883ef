/// Which disks of a machine are backed up.
package struct DiskSelection: Codable, Sendable, Equatable {
  /// None but these; all where it is empty.
  package var include: [String]
  /// All but these.
  package var exclude: [String]
  /// None but those that the machine starts from, and what `include` names.
  package var onlyOS: Bool

  package init(include: [String] = [], exclude: [String] = [], onlyOS: Bool = false) {
    self.include = include
    self.exclude = exclude
    self.onlyOS = onlyOS
  }

  /// The disks to take, and the names of those that are left out.
  ///
  /// - Throws: ``DefinitionError`` where it names a disk that the machine has not, or leaves none.
  package func choose(
    from definition: MachineDefinition
  ) throws(DefinitionError) -> (taken: [MachineDefinition.Disk], left: [String]) {
    let names = definition.disks.map(\.name)
    for name in include + exclude where !names.contains(name) {
      throw DefinitionError(
        "the machine has no disk '\(name)'; it has \(names.joined(separator: ", "))")
    }
    let taken = definition.disks.filter { disk in
      if exclude.contains(disk.name) { return false }
      if include.contains(disk.name) { return true }
      return onlyOS ? disk.role == .os : include.isEmpty
    }
    if taken.isEmpty { throw DefinitionError("all disks are left out: nothing would be kept") }
    return (taken, names.filter { name in !taken.contains { $0.name == name } })
  }
}
