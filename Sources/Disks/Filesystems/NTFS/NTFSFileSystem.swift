package import BlockDevices
internal import Bytes

/// NTFS, as Windows has it since NT 3.5, and its Linux within.
///
/// An item's number is the reference by which directories name it: that of its record in the lower
/// 48 bits, and how often that was used in the upper 16. What belongs to the file system itself is
/// not listed, but found by its name.
package final class NTFSFileSystem: FileSystem {
  package let state: FileSystemState
  package let root: ItemID
  private let volume: NTFSVolume
  private let upperCase: NTFSUpperCase
  private let security: NTFSSecurity

  package static func open(_ device: any BlockDevice) throws -> NTFSFileSystem? {
    try NTFSOpening(device).map { try NTFSFileSystem($0) }
  }

  package static func openByCopies(_ device: any BlockDevice) throws -> NTFSFileSystem? {
    guard let opening = try NTFSOpening(device, isLost: true) else { return nil }
    let fileSystem = try NTFSFileSystem(opening)
    // A copy may be all that is left.
    guard (try? fileSystem.attributes(of: fileSystem.root))?.kind == .directory else { return nil }
    return fileSystem
  }

  private init(_ opening: NTFSOpening) throws {
    volume = opening.volume
    upperCase = opening.upperCase
    security = NTFSSecurity(volume)
    root = try volume.record(NTFSRecordNumber.root).reference.item
    var state = opening.state
    if try Self.isHibernated(volume, root, upperCase) {
      state.warnings.append(
        "Windows is hibernated, so what it has in memory is not here")
    }
    self.state = state
  }

  /// Whether Windows left a picture of its memory that it goes on from.
  private static func isHibernated(
    _ volume: NTFSVolume, _ root: ItemID, _ upperCase: NTFSUpperCase
  ) throws -> Bool {
    do {
      let directory = try NTFSDirectory(NTFSFile(NTFSReference(root), on: volume), on: volume)
      let name = Array("hiberfil.sys".utf16)
      guard let entry = try directory.entry(named: name, upperCase) else { return false }
      let content = try NTFSItem(entry.item, on: volume).content()
      guard content.byteCount >= 4 else { return false }
      var magic = [UInt8](repeating: 0, count: 4)
      var span = magic.mutableSpan
      var target = span.mutableBytes
      try content.read(at: 0, into: &target)
      // "wake" is there after it went on, zeros where it never slept.
      return ["hibr", "HIBR"].contains { Array($0.utf8) == magic }
    } catch is FileSystemError {
      // Whoever looks at the root is told.
      return false
    }
  }

  package var typeName: String { ntfsTypeName }

  package func attributes(of item: ItemID) throws -> FileAttributes {
    let found = try NTFSItem(item, on: volume)
    let target = found.kind == .symbolicLink ? try self.target(of: found) : nil
    return try found.attributes(linkByteCount: target?.bytes.count)
  }

  package func forEachEntry(
    of directory: ItemID, _ visit: (DirectoryEntry) throws -> Bool
  ) throws {
    var isStopped = false
    try self.directory(directory).forEachEntry { entry in
      isStopped = !(try visit(entry))
      return !isStopped
    }
    if !isStopped { try requireWhole(directory) }
  }

  /// - Throws: where a directory's further entries are at a provider of storage.
  private func requireWhole(_ directory: ItemID) throws {
    let file = try NTFSFile(NTFSReference(directory), on: volume)
    guard let point = try file.reparsePoint(), NTFSReparseTag.isCloud(point.tag),
      try NTFSStandardInformation(of: file).attributes.isSomewhereElse
    else { return }
    throw unsupportedNTFS(
      file.structure, "what else is in it is not here, but at a provider of storage")
  }

  /// Names are equal that are so in the volume's own upper case, unless the directory is sensitive
  /// to case. A short name leads to the long one.
  package func entry(named name: FileName, in directory: ItemID) throws -> DirectoryEntry? {
    guard let units = name.utf16 else { return nil }
    return try self.directory(directory).entry(named: units, upperCase)
  }

  package func content(of file: ItemID) throws -> any FileContent {
    let found = try NTFSItem(file, on: volume)
    guard found.kind == .regular else { throw wrongKind(found, "it is not a regular file") }
    return try found.content()
  }

  package func target(ofSymbolicLink link: ItemID) throws -> FileName {
    let found = try NTFSItem(link, on: volume)
    guard found.kind == .symbolicLink else { throw wrongKind(found, "it is not a symbolic link") }
    return try target(of: found)
  }

  package func extendedAttributes(of item: ItemID) throws -> [ExtendedAttribute] {
    try NTFSItem(item, on: volume).extendedAttributes(security)
  }

  package func namedStreams(of item: ItemID) throws -> [NamedStream] {
    try NTFSItem(item, on: volume).streams()
  }

  package func content(ofStream name: FileName, of item: ItemID) throws -> any FileContent {
    try NTFSItem(item, on: volume).content(ofStream: name)
  }

  private func directory(_ item: ItemID) throws -> NTFSDirectory {
    let file = try NTFSFile(NTFSReference(item), on: volume)
    guard file.record.isDirectory else {
      throw FileSystemError(.wrongKind, in: typeName, file.structure, "it is not a directory")
    }
    if let point = try file.reparsePoint() {
      let isLink = NTFSKind.kind(tag: point.tag, isDirectory: true) == .symbolicLink
      if isLink {
        throw FileSystemError(.wrongKind, in: typeName, file.structure, "it is a symbolic link")
      }
      // What is in it is somewhere else.
      guard !NTFSReparseTag.isSurrogate(point.tag) else {
        throw unsupportedNTFS(
          file.structure, "it stands for another directory: reparse tag \(hexadecimal(point.tag))")
      }
    }
    return try NTFSDirectory(file, on: volume)
  }

  private func wrongKind(_ item: NTFSItem, _ reason: String) -> FileSystemError {
    FileSystemError(.wrongKind, in: typeName, item.structure, reason)
  }

  // MARK: links

  /// A path from a drive is taken to be on this volume where it is there, and begins at its root
  /// then, in the case that it has there.
  private func target(of item: NTFSItem) throws -> FileName {
    if let target = item.interix?.target { return try path(target, of: item) }
    guard let point = item.point else { throw wrongKind(item, "it is not a symbolic link") }
    let target: NTFSLinkTarget
    do { target = try point.target() } catch let fault as NTFSFault {
      throw damagedNTFS("the reparse point of \(item.structure)", fault.reason)
    }
    return try path(
      target.drivePath.flatMap { try self.path(of: $0.names) } ?? target.path, of: item)
  }

  private func path(_ path: FileName, of item: NTFSItem) throws -> FileName {
    guard !path.bytes.isEmpty, !path.bytes.contains(0) else {
      throw damagedNTFS(item.structure, "where the link leads is no path")
    }
    return path
  }

  /// Nil where there is nothing of that path.
  private func path(of names: [[UInt16]]) throws -> FileName? {
    var item = root
    var path: [UInt8] = []
    for units in names.prefix(256) {
      do {
        guard let entry = try directory(item).entry(named: units, upperCase) else { return nil }
        path += [UInt8(ascii: "/")] + entry.name.bytes
        item = entry.item
      } catch is FileSystemError { return nil }
    }
    return FileName(path.isEmpty ? [UInt8(ascii: "/")] : path)
  }
}
