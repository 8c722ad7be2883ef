package import Filesystems
package import Volumes

/// Volumes by name, and how each was found.
extension Guest {
  /// The volume that a person names: as the listing has it, or by a tag such as `UUID=…` or
  /// `LABEL=…`.
  ///
  /// - Throws: ``GuestError`` where there is none, or more than one.
  package func volume(named name: String) throws -> Volume {
    var found = listing.volumes(called: name)
    if found.isEmpty, name.contains("=") || name.hasPrefix("/dev/") {
      found = listing.volumes(onMachine: name)
    }
    found = withoutMembers(found)
    guard let volume = found.first else {
      let known = listing.volumes.map { "\(FileName($0.name))" }.joined(separator: ", ")
      let hint = name.contains("=") ? "" : " (a path begins with /)"
      throw GuestError("there is no volume \(FileName(name))\(hint); there are \(known)")
    }
    guard found.count == 1 else {
      let names = found.map { "\(FileName($0.name))" }.joined(separator: ", ")
      throw GuestError("\(FileName(name)) is more than one volume: \(names)")
    }
    return volume
  }

  /// The file system on a volume alone, without what the machine mounts into it.
  ///
  /// - Parameter name: as ``volume(named:)`` takes it. A path of a subvolume may follow in
  ///   brackets, as findmnt(8) has it: `root/2[/@home]`; `root/2[/]` is all that a volume holds.
  /// - Throws: ``GuestError``; ``FileSystemError``.
  package func tree(ofVolumeNamed name: String) throws -> MountTree {
    if name.hasSuffix("]"), let bracket = name.firstIndex(of: "["),
      listing.volumes(called: name).isEmpty
    {
      let fileSystem = try fileSystem(on: volume(named: String(name[..<bracket])))
      let path = String(name[name.index(after: bracket)...].dropLast())
      return MountTree(
        root: fileSystem, at: try fileSystem.root(mountedWith: ["subvol=\(path)"]))
    }
    return MountTree(root: try fileSystem(on: volume(named: name)))
  }

  /// Volumes without those that hold a further part of a file system on one before them.
  package func withoutMembers(_ volumes: [Volume]) -> [Volume] {
    guard volumes.count > 1 else { return volumes }
    var known: Set<ObjectIdentifier> = []
    return volumes.filter { volume in
      guard let fileSystem = try? fileSystem(on: volume) else { return true }
      return known.insert(ObjectIdentifier(fileSystem)).inserted
    }
  }

  /// How a volume was found.
  package enum Condition: Sendable, Equatable {
    /// It has a file system that can be read.
    case readable(FileSystemState)
    /// It cannot be read, and why.
    case unreadable(String)
    /// It holds no files by itself.
    case notFiles
  }

  /// Opens what is on a volume to see in what state it is. A file system of which the beginning is
  /// lost may still be found by a copy of that.
  package func condition(of volume: Volume) -> Condition {
    if let problem = volume.problem ?? volume.refusal { return .unreadable(problem) }
    guard volume.content?.role ?? .fileSystem == .fileSystem else { return .notFiles }
    do {
      if volume.content == nil, let device = volume.device, try openFileSystem(on: device) == nil {
        return .notFiles
      }
      return .readable(try fileSystem(on: volume).state)
    } catch is GuestError {
      return .unreadable("\(volume.content?.typeName ?? "this") is not read")
    } catch {
      return .unreadable("\(error)")
    }
  }
}

extension Guest.Condition {
  /// For listings; empty where there is nothing to say.
  package var sentence: String {
    switch self {
    case .readable(let state): state.sentence
    case .unreadable(let reason): "not readable: \(reason)"
    case .notFiles: ""
    }
  }
}
