package import Filesystems
internal import Synchronization
package import Volumes

/// A machine's disks, looked into: its volumes, their file systems, and the tree that the machine
/// itself would see.
package final class Guest: Sendable {
  package let listing: VolumeListing
  private let opened = Mutex<[String: OpenedFileSystem]>([:])
  private let machine = Mutex<MachineTree?>(nil)

  package typealias OpenedFileSystem = (volume: Volume, fileSystem: any FileSystem)

  package init(_ listing: VolumeListing) { self.listing = listing }

  /// The file systems that were opened so far, by their volumes' names.
  ///
  /// One on several volumes comes once, with the one of them that it was opened on.
  package var openedFileSystems: [OpenedFileSystem] {
    opened.withLock { opened in
      opened.filter { $0.key == $0.value.volume.name }.values
        .sorted { $0.volume.name < $1.volume.name }
    }
  }

  /// The tree that the machine itself would see: its root volume, found by what is on it, with what
  /// its `/etc/fstab` mounts there. Made once.
  ///
  /// - Returns: the tree, and a sentence on each thing that should be in it and is not.
  /// - Throws: ``GuestError`` where no volume looks like a root, or several do, with what to name
  ///   instead.
  package func machineTree() throws -> MachineTree {
    if let known = machine.withLock({ $0 }) { return known }
    let made = try makeMachineTree()
    machine.withLock { $0 = made }
    return made
  }

  package typealias MachineTree = (tree: MountTree, problems: [String])

  /// What is missing from the machine's tree, where that was asked for.
  package var mountProblems: [String] { machine.withLock { $0?.problems ?? [] } }

  /// The file system on a volume; opened once.
  ///
  /// - Throws: ``GuestError`` where the volume holds none that can be read; ``FileSystemError``.
  package func fileSystem(on volume: Volume) throws -> any FileSystem {
    if let known = opened.withLock({ $0[volume.name] }) { return known.fileSystem }
    guard let device = volume.device else {
      throw GuestError("\(volume.name) cannot be read: \(volume.problem ?? "it is not there")")
    }
    if let refusal = volume.refusal {
      throw GuestError("\(volume.name) cannot be read: \(refusal)")
    }
    // Of a file system on several volumes the others are of the same kind.
    let others = listing.volumes.filter { other in
      other.name != volume.name && other.device != nil
        && other.content?.typeName == volume.content?.typeName
        && volume.content?.role == .fileSystem
    }
    let lost = { volume.content == nil ? try openFileSystemByCopies(on: device) : nil }
    let found = try openFileSystem(on: device, beside: others.compactMap(\.device))
    guard let fileSystem = try found ?? lost() else {
      let found = volume.content.map { "it holds \($0.typeName)" } ?? "nothing is recognised on it"
      throw GuestError("\(volume.name) has no file system that can be read: \(found)")
    }
    return opened.withLock { opened in
      if let first = opened[volume.name] { return first.fileSystem }
      for name in [volume.name] + fileSystem.memberIndices.map({ others[$0].name }) {
        opened[name] = (volume, fileSystem)
      }
      return fileSystem
    }
  }
}

/// A machine whose files cannot be shown as asked.
package struct GuestError: Error, Sendable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}
