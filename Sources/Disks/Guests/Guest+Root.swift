internal import Filesystems
internal import Volumes

/// The tree that the machine itself would see.
extension Guest {
  /// Mounts what is nearest to the root first.
  func makeMachineTree() throws -> MachineTree {
    let root = try rootVolume()
    var tree = MountTree(root: try fileSystem(on: root))
    var problems: [String] = []
    let entries = fstab(of: tree, problems: &problems).filter { entry in
      entry.isAutomatic && (entry.isOnDisk || entry.isBind) && entry.point != .root
    }
    guard entries.count <= Self.entryLimit else {
      problems.append("/etc/fstab has \(entries.count) entries; nothing is mounted by it")
      return (tree, problems)
    }
    let depths = entries.map { $0.point.components.count }
    for index in entries.indices.sorted(by: { (depths[$0], $0) < (depths[$1], $1) }) {
      let entry = entries[index]
      do { try mount(entry, in: &tree) } catch {
        problems.append("\(entry.point) is not shown: \(error)")
      }
    }
    return (tree, problems)
  }

  private func mount(_ entry: FstabEntry, in tree: inout MountTree) throws {
    if entry.isBind {
      return try tree.bind(GuestPath(entry.device), at: entry.point)
    }
    let device = FileName(entry.device)
    let found = listing.volumes(onMachine: entry.deviceText)
    guard let volume = found.first else {
      throw GuestError("no volume is \(device)")
    }
    guard found.count == 1 else {
      let names = found.map(\.name).joined(separator: ", ")
      throw GuestError("\(device) is more than one volume: \(names)")
    }
    try tree.mount(fileSystem(on: volume), at: entry.point)
  }

  // MARK: which it is

  /// The one volume that looks like a machine's root; of several the one that says so itself.
  private func rootVolume() throws -> Volume {
    let candidates = listing.volumes.filter { volume in
      guard volume.content?.role ?? .fileSystem == .fileSystem, volume.device != nil,
        let fileSystem = try? fileSystem(on: volume)
      else { return false }
      return looksLikeRoot(MountTree(root: fileSystem))
    }
    if candidates.count == 1 { return candidates[0] }
    let certain = candidates.filter { isNamedAsRoot($0) }
    if certain.count == 1 { return certain[0] }
    if candidates.isEmpty, let only = onlyFileSystem() { return only }
    throw GuestError(
      candidates.isEmpty
        ? "no volume looks like the root of a machine" + choice(among: listing.volumes)
        : "several volumes look like the root of a machine" + choice(among: candidates))
  }

  /// The only volume that holds anything, where that can be read: an image of a file system alone.
  private func onlyFileSystem() -> Volume? {
    let holding = listing.volumes.filter { volume in
      switch condition(of: volume) {
      case .readable, .unreadable: true
      case .notFiles: [.encrypted, .raid, .physicalVolume].contains(volume.content?.role)
      }
    }
    guard holding.count == 1, case .readable = condition(of: holding[0]) else { return nil }
    return holding[0]
  }

  /// Whether a tree has what every Linux has at its root.
  private func looksLikeRoot(_ tree: MountTree) -> Bool {
    func exists(_ path: String, _ kind: FileKind) -> Bool {
      (try? tree.place(at: GuestPath(path)).attributes().kind) == kind
    }
    let hasSettings = ["/etc/fstab", "/etc/os-release", "/etc/passwd"].contains {
      exists($0, .regular)
    }
    return hasSettings && ["/usr", "/bin", "/sbin"].contains { exists($0, .directory) }
  }

  /// Whether the table on a volume names that volume as the root.
  private func isNamedAsRoot(_ volume: Volume) -> Bool {
    guard let fileSystem = try? fileSystem(on: volume) else { return false }
    var problems: [String] = []
    return fstab(of: MountTree(root: fileSystem), problems: &problems).contains { entry in
      entry.point == .root
        && listing.volumes(onMachine: entry.deviceText).contains { $0.name == volume.name }
    }
  }

  /// What to type, and what there is to choose from.
  private func choice(among volumes: [Volume]) -> String {
    let lines = volumes.map { volume in
      let content = volume.content
      let state = condition(of: volume)
      let words = [content?.typeName ?? "nothing known", content?.label, content?.uuid]
        .compactMap { word in word.map { "\(FileName($0))" } }
      guard case .unreadable(let reason) = state else {
        return "  \(volume.name) (\(words.joined(separator: ", ")))"
      }
      return "  \(volume.name) (\(words.joined(separator: ", ")); \(reason))"
    }
    let example = volumes.first { if case .readable = condition(of: $0) { true } else { false } }
    return "; name the volume, as in POINT:\(example?.name ?? "DISK/PARTITION"):/path, of these:\n"
      + lines.joined(separator: "\n")
  }

  // MARK: its table

  private static let tableByteLimit = 1 << 20
  private static let entryLimit = 1000

  private func fstab(of tree: MountTree, problems: inout [String]) -> [FstabEntry] {
    do {
      let place = try tree.place(at: GuestPath("/etc/fstab"))
      let content = try place.fileSystem.content(of: place.item)
      return parseFstab(try content.bytes(limit: Self.tableByteLimit))
    } catch let error as PathError where error.problem == .notFound {
      return []
    } catch {
      problems.append("/etc/fstab cannot be read, so nothing is mounted by it: \(error)")
      return []
    }
  }
}
