internal import Filesystems
internal import Volumes

/// Trees that may be a machine's root.
extension Guest {
  struct RootCandidate {
    let tree: MountTree
    let volume: Volume
    /// In brackets, as ``tree(ofVolumeNamed:)`` takes it; empty for the volume itself.
    let subvolume: String
    /// Whether its own table names it as the root.
    let isCertain: Bool
  }

  /// Subvolumes that are looked into at most.
  private static let subvolumeLimit = 2000

  /// What on a volume looks like a root: what is mounted of it when nothing else is said, unless
  /// its table names another subvolume; where that does not, any subvolume.
  func rootCandidates(on volume: Volume) throws -> [RootCandidate] {
    let fileSystem = try fileSystem(on: volume)
    let whole = MountTree(root: fileSystem)
    if looksLikeRoot(whole) {
      let entry = rootEntry(of: whole, on: volume)
      var tree = whole
      if let entry, let item = try? fileSystem.root(mountedWith: entry.options) {
        let other = MountTree(root: fileSystem, at: item)
        if looksLikeRoot(other) { tree = other }
      }
      return [
        RootCandidate(tree: tree, volume: volume, subvolume: "", isCertain: entry != nil)
      ]
    }
    let found = (try? fileSystem.subvolumes()) ?? []
    let candidates: [RootCandidate] = found.prefix(Self.subvolumeLimit).compactMap { path in
      let text = "/" + path.map { String(decoding: $0.bytes, as: UTF8.self) }.joined(separator: "/")
      guard let item = try? fileSystem.root(mountedWith: ["subvol=\(text)"]) else { return nil }
      let tree = MountTree(root: fileSystem, at: item)
      guard looksLikeRoot(tree) else { return nil }
      // A snapshot of the root has the same table, which names the root and not the snapshot.
      let named = rootEntry(of: tree, on: volume).flatMap {
        try? fileSystem.root(mountedWith: $0.options)
      }
      return RootCandidate(
        tree: tree, volume: volume, subvolume: "[\(text)]", isCertain: named == item)
    }
    let certain = candidates.filter(\.isCertain)
    return certain.isEmpty ? candidates : certain
  }

  /// Whether a tree has what every Linux has at its root, or every Windows.
  private func looksLikeRoot(_ tree: MountTree) -> Bool {
    func exists(_ path: String, _ kind: FileKind) -> Bool {
      (try? tree.place(at: GuestPath(path)).attributes().kind) == kind
    }
    let hasSettings = ["/etc/fstab", "/etc/os-release", "/etc/passwd"].contains {
      exists($0, .regular)
    }
    if hasSettings, ["/usr", "/bin", "/sbin"].contains(where: { exists($0, .directory) }) {
      return true
    }
    return exists("/Windows/System32/config/SYSTEM", .regular)
  }

  /// The line of a tree's table that names its volume as the root.
  private func rootEntry(of tree: MountTree, on volume: Volume) -> FstabEntry? {
    var problems: [String] = []
    let fileSystem = ObjectIdentifier(tree.root.fileSystem)
    return fstab(of: tree, problems: &problems).first { entry in
      entry.point == .root
        && listing.volumes(onMachine: entry.deviceText).contains { named in
          named.name == volume.name
            || (try? self.fileSystem(on: named)).map { ObjectIdentifier($0) } == fileSystem
        }
    }
  }
}
