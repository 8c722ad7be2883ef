internal import Filesystems
internal import Volumes

/// The tree that the machine itself would see.
extension Guest {
  /// Mounts what is nearest to the root first.
  func makeMachineTree() throws -> MachineTree {
    var tree = try rootTree()
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
      do { try mount(entry, in: &tree) } catch let error as PathError
        where error.path == entry.point
      {
        problems.append("\(entry.point) is not shown: \(error.reason)")
      } catch {
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
    let found = withoutMembers(volumes(entry.deviceText, in: tree))
    guard let volume = found.first else {
      throw GuestError("no volume is \(device)")
    }
    guard found.count == 1 else {
      let names = found.map(\.name).joined(separator: ", ")
      throw GuestError("\(device) is more than one volume: \(names)")
    }
    try tree.mount(fileSystem(on: volume), options: entry.options, at: entry.point)
  }

  /// The volumes that a machine calls `device`, where its table of encrypted volumes may have names
  /// for what these hold.
  private func volumes(_ device: String, in tree: MountTree) -> [Volume] {
    let found = listing.volumes(onMachine: device)
    guard found.isEmpty, device.hasPrefix("/dev/mapper/") else { return found }
    let container = crypttab(of: tree)[String(device.dropFirst(12))]
    return container.map { listing.decrypted(from: $0) } ?? []
  }

  // MARK: which it is

  /// The one tree that looks like a machine's root; of several the one that says so itself.
  private func rootTree() throws -> MountTree {
    let holding = listing.volumes.filter { volume in
      volume.content?.role ?? .fileSystem == .fileSystem && volume.device != nil
        && (try? fileSystem(on: volume)) != nil
    }
    let candidates = try withoutMembers(holding).flatMap { try rootCandidates(on: $0) }
    if candidates.count == 1 { return candidates[0].tree }
    let certain = candidates.filter(\.isCertain)
    if certain.count == 1 { return certain[0].tree }
    if candidates.isEmpty, let only = onlyFileSystem() {
      return MountTree(root: try fileSystem(on: only))
    }
    throw GuestError(
      candidates.isEmpty
        ? "no volume looks like the root of a machine"
          + choice(among: listing.volumes.map { ($0, "") })
        : "several volumes look like the root of a machine"
          + choice(among: candidates.map { ($0.volume, $0.subvolume) }))
  }

  /// The only volume that holds anything, where that can be read: an image of a file system alone.
  private func onlyFileSystem() -> Volume? {
    let holding = listing.volumes.filter { volume in
      switch condition(of: volume) {
      case .readable, .unreadable: true
      case .notFiles:
        [.encrypted, .raid, .physicalVolume].contains(volume.content?.role)
          && !listing.isOpened(volume)
      }
    }
    let single = withoutMembers(holding)
    guard single.count == 1, case .readable = condition(of: single[0]) else { return nil }
    return single[0]
  }

  /// What to type, and what there is to choose from.
  private func choice(among volumes: [(Volume, subvolume: String)]) -> String {
    let lines = volumes.map { volume, subvolume in
      let content = volume.content
      let state = condition(of: volume)
      let words = [content?.typeName ?? "nothing known", content?.label, content?.uuid]
        .compactMap { word in word.map { "\(FileName($0))" } }
      guard case .unreadable(let reason) = state else {
        return "  \(volume.name)\(subvolume) (\(words.joined(separator: ", ")))"
      }
      return "  \(volume.name)\(subvolume) (\(words.joined(separator: ", ")); \(reason))"
    }
    let example = volumes.first { if case .readable = condition(of: $0.0) { true } else { false } }
    let name = example.map { $0.0.name + $0.subvolume } ?? "DISK/PARTITION"
    return "; name the volume, as in POINT:\(name):/path, of these:\n"
      + lines.joined(separator: "\n")
  }

  // MARK: its table

  private static let tableByteLimit = 1 << 20
  private static let entryLimit = 1000

  func fstab(of tree: MountTree, problems: inout [String]) -> [FstabEntry] {
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
