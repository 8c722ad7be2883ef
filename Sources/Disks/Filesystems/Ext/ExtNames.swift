internal import Bytes

/// Looking a name up, and where a symbolic link leads.
extension ExtVolume {
  /// The entry of that name. In a directory that folds case the name as it is written comes first,
  /// and then one that differs by case alone.
  func entry(named name: FileName, in directory: ExtInode) throws -> DirectoryEntry? {
    if let found = try indexedEntry(named: name, in: directory) { return found }
    let foldsCase =
      directory.flags.contains(.caseFolded)
      && superblock.features.incompatible.contains(.caseFolding)
    let folded = foldsCase ? foldedCase(name.bytes) : nil
    var exact: DirectoryEntry?
    var similar: DirectoryEntry?
    try forEachEntry(of: directory) { entry in
      if entry.name.isEqual(to: name.bytes.span.bytes) {
        exact = directoryEntry(entry, named: name)
        return false
      }
      if let folded, similar == nil {
        let bytes = Array(entry.name)
        if foldedCase(bytes) == folded {
          similar = directoryEntry(entry, named: FileName(bytes))
        }
      }
      return true
    }
    return exact ?? similar
  }

  /// What the index leads to; nil where all entries have to be looked at.
  private func indexedEntry(
    named name: FileName, in directory: ExtInode
  ) throws -> DirectoryEntry? {
    guard directory.kind == .directory, !directory.flags.contains(.encrypted),
      let number = try indexedBlock(of: name.bytes, in: directory),
      let (place, bytes) = try directoryBlock(number, of: directory)
    else { return nil }
    var found: DirectoryEntry?
    _ = try forEachEntry(
      in: bytes.span.bytes, of: directory, at: place, isDirectoryStart: number == 0
    ) { entry in
      if entry.name.isEqual(to: name.bytes.span.bytes) {
        found = directoryEntry(entry, named: name)
      }
      return found == nil
    }
    return found
  }

  func directoryEntry(_ entry: borrowing RawEntry, named name: FileName) -> DirectoryEntry {
    DirectoryEntry(
      name: name, item: ItemID(UInt64(entry.inode)), kind: FileKind(entryKind: entry.kind))
  }

  /// A name without what case makes different; nil where it is not UTF-8, which equals only itself.
  /// Strings that compare equal are canonically equivalent, as the file system wants.
  private func foldedCase(_ bytes: [UInt8]) -> String? {
    String(validating: bytes, as: UTF8.self)?.uppercased().lowercased()
  }

  /// In the inode's map where the link has no blocks, or else stored like a file.
  func target(ofSymbolicLink link: ExtInode) throws -> [UInt8] {
    let limit = UInt64(superblock.blockByteCount)
    guard link.byteCount > 0, link.byteCount <= limit else {
      throw damaged(link.structure, "a symbolic link of \(link.byteCount) bytes")
    }
    if link.flags.contains(.inlineData) { return try inlineBytes(of: link) }
    if isInMap(link) {
      guard link.byteCount < UInt64(ExtInode.mapByteCount) else {
        throw damaged(link.structure, "a symbolic link that is longer than its place")
      }
      return Array(link.map.extracting(0..<Int(link.byteCount)))
    }
    let target = try content(of: link).bytes(limit: Int(limit)).prefix { $0 != 0 }
    guard !target.isEmpty else {
      throw damaged(link.structure, "where the symbolic link leads was never written")
    }
    return Array(target)
  }

  /// Whether a link's target lies in the place of its map, by the rule of the kernel: values of
  /// attributes that are files count to the blocks of the link, so that its length must tell.
  private func isInMap(_ link: ExtInode) -> Bool {
    if superblock.features.incompatible.contains(.attributeInodes) {
      return link.byteCount < UInt64(ExtInode.mapByteCount)
    }
    let attributeBlocks = link.attributeBlock == 0 ? 0 : superblock.clusterByteCount / 512
    return link.allocated == attributeBlocks
  }
}
