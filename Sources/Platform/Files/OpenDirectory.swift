internal import CLinux
internal import Glibc
package import SystemPackage

/// A directory that is open, in which names are made and looked at without following links.
///
/// A name is one component: an empty one, ".", "..", and what holds a slash or a zero byte is
/// refused, so that nothing outside the directory can be reached, whoever chose the name. Safe for
/// several threads.
package final class OpenDirectory: Sendable {
  /// Where it was found, for messages.
  package let path: FilePath
  private let descriptor: Int32

  private init(_ descriptor: Int64, _ path: FilePath) {
    self.descriptor = Int32(descriptor)
    self.path = path
  }

  deinit { close(descriptor) }

  /// Opens a directory; links on the way to it are followed.
  package static func open(_ path: FilePath) throws(FileError) -> OpenDirectory {
    let outcome = path.withPlatformString { linux_open_directory($0) }
    guard outcome >= 0 else { throw FileError("open", path, errno(of: outcome)) }
    return OpenDirectory(outcome, path)
  }

  /// Opens a directory in this one. A link to a directory is refused.
  package func directory(named name: [UInt8]) throws(FileError) -> OpenDirectory {
    let outcome = try call("open", name) { linux_open_directory_at(descriptor, $0) }
    return OpenDirectory(outcome, path(of: name))
  }

  /// What a name is, as far as it matters to whoever wants to take it.
  package enum Occupant: Sendable { case file, directory, link, other }

  /// What has the name; nil where it is free.
  package func occupant(of name: [UInt8]) throws(FileError) -> Occupant? {
    guard let text = terminated(name) else {
      throw FileError("look at", path(of: name), .invalidArgument)
    }
    let outcome = text.withUnsafeBufferPointer { linux_type_at(descriptor, $0.baseAddress!) }
    switch outcome {
    case Int64(UInt8(ascii: "f")): return .file
    case Int64(UInt8(ascii: "d")): return .directory
    case Int64(UInt8(ascii: "l")): return .link
    case Int64(UInt8(ascii: "o")): return .other
    case -Int64(ENOENT): return nil
    default: throw FileError("look at", path(of: name), Self.errno(of: outcome))
    }
  }

  // MARK: making names

  /// Makes a directory that only its owner may enter, so that it can be filled unseen.
  ///
  /// - Returns: false where the name is taken.
  package func makeDirectory(_ name: [UInt8]) throws(FileError) -> Bool {
    do {
      _ = try call("make the directory", name) { linux_make_directory_at(descriptor, $0, 0o700) }
      return true
    } catch {
      if error.cause == .fileExists { return false }
      throw error
    }
  }

  /// Makes a file that must not be there yet and that only its owner may open.
  package func makeFile(_ name: [UInt8]) throws(FileError) -> File {
    let outcome = try call("create", name) { linux_create_at(descriptor, $0) }
    return File(path: path(of: name), descriptor: FileDescriptor(rawValue: Int32(outcome)))
  }

  /// - Parameter target: what the link says; it may be anything but empty or have a zero byte.
  package func makeLink(_ name: [UInt8], to target: [UInt8]) throws(FileError) {
    guard !target.contains(0) else {
      throw FileError("link", path(of: name), .invalidArgument)
    }
    let text = target.map { CChar(bitPattern: $0) } + [0]
    _ = try call("link", name) { linux_make_link_at(descriptor, $0, text) }
  }

  /// Things that are neither files nor directories nor links.
  package enum Node: Sendable {
    case characterDevice(major: UInt32, minor: UInt32)
    case blockDevice(major: UInt32, minor: UInt32)
    case pipe
    case socket
  }

  package func makeNode(_ name: [UInt8], _ node: Node) throws(FileError) {
    let (type, major, minor): (UInt8, UInt32, UInt32) =
      switch node {
      case .characterDevice(let major, let minor): (UInt8(ascii: "c"), major, minor)
      case .blockDevice(let major, let minor): (UInt8(ascii: "b"), major, minor)
      case .pipe: (UInt8(ascii: "p"), 0, 0)
      case .socket: (UInt8(ascii: "s"), 0, 0)
      }
    _ = try call("make", name) {
      linux_make_node_at(descriptor, $0, CChar(bitPattern: type), major, minor)
    }
  }

  /// Gives a file of another directory a name in this one as well.
  package func addName(
    _ name: [UInt8], of source: [UInt8], in directory: OpenDirectory
  ) throws(FileError) {
    guard let source = terminated(source) else {
      throw FileError("link", path(of: name), .invalidArgument)
    }
    _ = try call("link", name) {
      linux_add_name_at(directory.descriptor, source, descriptor, $0)
    }
  }

  /// Renames within the directory. What has the name already is replaced if `replacing`, else the
  /// call fails with EEXIST; a directory is never replaced by a file.
  package func rename(
    _ source: [UInt8], to name: [UInt8], replacing: Bool
  ) throws(FileError) {
    guard let source = terminated(source) else {
      throw FileError("rename to", path(of: name), .invalidArgument)
    }
    _ = try call("rename to", name) { linux_rename_at(descriptor, source, $0, replacing) }
  }

  /// Removes a name that is no directory; no error where there is none.
  package func remove(_ name: [UInt8]) throws(FileError) {
    do { _ = try call("remove", name) { linux_remove_at(descriptor, $0, false) } } catch {
      if error.cause != .noSuchFileOrDirectory { throw error }
    }
  }

  // MARK: metadata

  /// Metadata of the directory itself.
  package var metadata: MetadataTarget { MetadataTarget(directory: self, descriptor) }

  /// Metadata of a name in it that is not opened: of a link, a device, a pipe.
  package func metadata(of name: [UInt8]) -> MetadataTarget {
    MetadataTarget(directory: self, descriptor, name: name)
  }

  // MARK: calls

  /// The path of a name in the directory.
  package func path(of name: [UInt8]) -> FilePath {
    let text = name.filter { $0 != 0 }.map { CChar(bitPattern: $0) } + [0]
    return path.pushing(FilePath(platformString: text))
  }

  private func call(
    _ operation: StaticString, _ name: [UInt8], _ body: (UnsafePointer<CChar>) -> Int64
  ) throws(FileError) -> Int64 {
    guard let text = terminated(name) else {
      throw FileError(operation, path(of: name), .invalidArgument)
    }
    let outcome = text.withUnsafeBufferPointer { body($0.baseAddress!) }
    guard outcome >= 0 else {
      throw FileError(operation, path(of: name), Self.errno(of: outcome))
    }
    return outcome
  }

  static func errno(of outcome: Int64) -> Errno { Errno(rawValue: Int32(clamping: -outcome)) }
}

/// A name as the system takes it; nil where it is no name of one thing in a directory.
func terminated(_ name: [UInt8]) -> [CChar]? {
  let dot = UInt8(ascii: ".")
  if name.isEmpty || name == [dot] || name == [dot, dot] { return nil }
  if name.contains(where: { $0 == 0 || $0 == UInt8(ascii: "/") }) { return nil }
  return name.map { CChar(bitPattern: $0) } + [0]
}
