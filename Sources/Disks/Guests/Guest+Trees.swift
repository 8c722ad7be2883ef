internal import Volumes

extension Guest {
  /// The tree of the machine's root volume.
  ///
  /// - Throws: ``GuestError`` where none, or more than one, looks like a root.
  package func machineTree() throws -> MountTree {
    var trees: [(name: String, tree: MountTree)] = []
    for volume in listing.volumes where volume.content?.role == .fileSystem {
      if let found = try? fileSystem(on: volume) {
        trees.append((volume.name, MountTree(root: found)))
      }
    }
    let roots = trees.filter { looksLikeRoot($0.tree) }
    if roots.count == 1 { return roots[0].tree }
    if trees.count == 1 { return trees[0].tree }
    let names = trees.map(\.name).joined(separator: ", ")
    throw GuestError(
      trees.isEmpty
        ? "there is no file system that can be read"
        : "it is not clear which volume is the root: name one of \(names), as in VOLUME:/path")
  }

  /// The tree of one volume, as `volumes` names it.
  package func tree(ofVolumeNamed name: String) throws -> MountTree {
    guard let volume = listing.volumes.first(where: { $0.name == name }) else {
      let names = listing.volumes.map(\.name).joined(separator: ", ")
      throw GuestError("there is no volume \(name): there are \(names)")
    }
    return MountTree(root: try fileSystem(on: volume))
  }

  private func looksLikeRoot(_ tree: MountTree) -> Bool {
    ["/etc", "/usr"].allSatisfy { (try? tree.place(at: GuestPath($0))) != nil }
  }
}
