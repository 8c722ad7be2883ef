internal import Bytes

/// The entries of a directory.
struct NTFSDirectory {
  private let file: NTFSFile
  private let index: NTFSIndex
  private let volume: NTFSVolume

  init(_ file: NTFSFile, on volume: NTFSVolume) throws {
    self.file = file
    self.volume = volume
    index = try NTFSIndex(
      "$I30", of: file, on: volume, structure: "the directory in \(file.structure)")
  }

  /// Calls `visit` with each entry, until it returns false. The file system's own files are left
  /// out, and a file's short name where it has another one.
  func forEachEntry(_ visit: (DirectoryEntry) throws -> Bool) throws {
    var problem: FileSystemError?
    var isStopped = false
    try index.forEachEntry { node, entry in
      let name: NTFSFileName
      do { name = try self.name(in: node, entry) } catch let error as FileSystemError {
        problem = problem ?? error
        return true
      }
      let reference = node.file(of: entry)
      guard name.space != .dos, reference.record >= NTFSReference.firstOfUsers else { return true }
      isStopped = !(try visit(Self.entry(name, reference)))
      return !isStopped
    }
    if let problem, !isStopped { throw problem }
  }

  /// The entry of a name. Of names that differ in case the one that is just so; where the directory
  /// is not sensitive to case any of them; else by a short name.
  func entry(named units: [UInt16], _ upperCase: NTFSUpperCase) throws -> DirectoryEntry? {
    var found: [(name: NTFSFileName, reference: NTFSReference)] = []
    func add(_ node: NTFSIndexNode, _ entry: NTFSIndexNode.Entry) throws {
      found.append((try name(in: node, entry), node.file(of: entry)))
    }
    if upperCase.isVolumesOwn {
      try index.forEachEntry { node, entry in
        upperCase.order(try name(in: node, entry).units, units)
      } _: {
        try add($0, $1)
      }
    } else {
      try index.forEachEntry { node, entry in
        if upperCase.order(try name(in: node, entry).units, units) == 0 { try add(node, entry) }
        return true
      }
    }
    if let exact = found.first(where: { $0.name.units == units }), exact.name.space != .dos {
      return Self.entry(exact.name, exact.reference)
    }
    if try NTFSStandardInformation(of: file).isCaseSensitive { return nil }
    if let similar = found.first(where: { $0.name.space != .dos }) {
      return Self.entry(similar.name, similar.reference)
    }
    return try found.first.flatMap { try longEntry($0.reference) }
  }

  /// The entry of a file that was found by its short name.
  private func longEntry(_ reference: NTFSReference) throws -> DirectoryEntry? {
    let names = try NTFSFile(reference, on: volume).names()
    return names.first { $0.space != .dos && $0.directory.record == file.record.number }
      .map { Self.entry($0, reference) }
  }

  private func name(
    in node: NTFSIndexNode, _ entry: NTFSIndexNode.Entry
  ) throws -> NTFSFileName {
    do { return try NTFSFileName(node.key(of: entry)) } catch let fault as NTFSFault {
      throw damagedNTFS(index.structure, fault.reason)
    } catch is TruncatedInput {
      throw damagedNTFS(index.structure, "a name in it is cut off")
    }
  }

  private static func entry(_ name: NTFSFileName, _ reference: NTFSReference) -> DirectoryEntry {
    DirectoryEntry(
      name: FileName(utf16: name.units), item: reference.item,
      kind: NTFSKind.kind(in: name))
  }
}

extension NTFSFile {
  /// All its names, the short ones too.
  func names() throws -> [NTFSFileName] {
    try all(NTFSAttributeType.fileName).map { part in
      guard case .resident(let range) = part.attribute.form else {
        throw damagedNTFS(part.record.structure, "a name lies outside of it")
      }
      do { return try NTFSFileName(part.record.span(range)) } catch let fault as NTFSFault {
        throw damagedNTFS(part.record.structure, fault.reason)
      } catch is TruncatedInput {
        throw damagedNTFS(part.record.structure, "a name is cut off")
      }
    }
  }
}
