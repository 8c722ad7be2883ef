/// A file system that does not give what was asked of it, and why.
package struct FileSystemError: Error, Sendable, CustomStringConvertible {
  package enum Problem: Sendable, Equatable {
    /// What is on the disk is wrong.
    case damaged
    /// What is on the disk is right, as far as known, but cannot be read here.
    case unsupported
    /// The bytes are encrypted by the machine, and nobody has the key here.
    case encrypted
    /// The item is of another kind than the call needs.
    case wrongKind
  }

  package let problem: Problem
  /// The kind of file system: "ext4".
  package let fileSystem: String
  /// What was being read: "inode 12", "the group descriptors".
  package let structure: String
  /// The block of the file system where that lies, where it is known.
  package let block: UInt64?
  package let reason: String

  package init(
    _ problem: Problem, in fileSystem: String, _ structure: String, block: UInt64? = nil,
    _ reason: String
  ) {
    self.problem = problem
    self.fileSystem = fileSystem
    self.structure = structure
    self.block = block
    self.reason = reason
  }

  package var description: String {
    let place = block.map { " in block \($0)" } ?? ""
    return "\(fileSystem): \(structure)\(place): \(reason)"
  }
}
