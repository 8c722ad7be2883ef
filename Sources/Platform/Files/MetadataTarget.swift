internal import CLinux
package import SystemPackage

/// A moment, as a file's times are set.
package struct FileMoment: Sendable {
  package let seconds: Int64
  package let nanoseconds: UInt32

  package init(seconds: Int64, nanoseconds: UInt32) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }
}

/// Something whose owner, permissions, times and extended attributes can be set: a file or
/// directory that is open, or a name in one. Links are never followed.
package struct MetadataTarget {
  private let directory: OpenDirectory
  private let descriptor: Int32
  /// As the system takes it; nil for what is open itself.
  private let name: [CChar]?
  private let shown: [UInt8]?

  init(directory: OpenDirectory, _ descriptor: Int32, name: [UInt8]? = nil) {
    self.directory = directory
    self.descriptor = descriptor
    shown = name
    // What is no name is one that nothing has.
    self.name = name.map { terminated($0) ?? [0] }
  }

  init(of file: borrowing File, in directory: OpenDirectory, named name: [UInt8]) {
    self.directory = directory
    descriptor = file.descriptor.rawValue
    shown = name
    self.name = nil
  }

  package func setOwner(_ owner: UInt32, group: UInt32) throws(FileError) {
    try check(
      name.map { linux_set_owner_at(descriptor, $0, owner, group) }
        ?? linux_set_owner(descriptor, owner, group), "change the owner of")
  }

  /// To be called for anything but a link, which has no permissions of its own.
  package func setPermissions(_ permissions: UInt16) throws(FileError) {
    let bits = UInt32(permissions)
    try check(
      name.map { linux_set_permissions_at(descriptor, $0, bits) }
        ?? linux_set_permissions(descriptor, bits), "change the permissions of")
  }

  package func setTimes(accessed: FileMoment, modified: FileMoment) throws(FileError) {
    let parts = [accessed, modified].map { ($0.seconds, Int($0.nanoseconds)) }
    try check(
      name.map {
        linux_set_times_at(
          descriptor, $0, parts[0].0, parts[0].1, parts[1].0, parts[1].1)
      } ?? linux_set_times(descriptor, parts[0].0, parts[0].1, parts[1].0, parts[1].1),
      "change the times of")
  }

  package func setExtendedAttribute(
    _ attribute: [UInt8], to value: [UInt8]
  ) throws(FileError) {
    guard !attribute.contains(0) else {
      return try check(-Int64(Errno.invalidArgument.rawValue), "set an attribute of")
    }
    let text = attribute.map { CChar(bitPattern: $0) } + [0]
    try check(
      name.map { linux_set_attribute_at(descriptor, $0, text, value, value.count) }
        ?? linux_set_attribute(descriptor, text, value, value.count), "set an attribute of")
  }

  private func check(_ outcome: Int64, _ operation: StaticString) throws(FileError) {
    guard outcome < 0 else { return }
    throw FileError(operation, path, OpenDirectory.errno(of: outcome))
  }

  /// Where it is, for messages.
  package var path: FilePath { shown.map { directory.path(of: $0) } ?? directory.path }
}

extension OpenDirectory {
  /// Metadata of a file of this directory that is open.
  package func metadata(of file: borrowing File, named name: [UInt8]) -> MetadataTarget {
    MetadataTarget(of: file, in: self, named: name)
  }
}
