internal import Bytes
internal import CLinux
internal import Glibc
internal import SystemPackage

/// The blocks of a file: holes, room that is set aside, blocks that files share.
extension File {
  /// Makes `range` read as zeros without storing them, where the file system or device can.
  /// - Returns: false where it cannot, and nothing was changed.
  package func punchHole(_ range: Range<UInt64>) throws(FileError) -> Bool {
    let outcome = linux_punch_hole(descriptor.rawValue, range.lowerBound, UInt64(range.count))
    if outcome == -Int64(Errno.notSupported.rawValue) { return false }
    _ = try checked(outcome, "punch a hole into")
    return true
  }

  /// Makes `range` read as zeros, as a hole where that can be.
  package func writeZeros(_ range: Range<UInt64>) throws(FileError) {
    guard !range.isEmpty, try !punchHole(range) else { return }
    let zeros = AlignedBuffer(capacity: 1 << 20)
    var position = range.lowerBound
    while position < range.upperBound {
      let count = Int(min(UInt64(zeros.capacity), range.upperBound - position))
      try write(zeros.bytes.extracting(0..<count), at: position)
      position += UInt64(count)
    }
  }

  /// Sets room aside for `range`, whose bytes stay what they are, so that writing it does not fail
  /// for want of that. Where the file system cannot do so, nothing happens.
  package func reserve(_ range: Range<UInt64>) throws(FileError) {
    let outcome = linux_allocate(descriptor.rawValue, range.lowerBound, UInt64(range.count))
    if outcome == -Int64(Errno.notSupported.rawValue) { return }
    _ = try checked(outcome, "set room aside in")
  }

  /// Whether room that is set aside first makes writing cheaper: on ext4, which else reserves it
  /// block by block. Elsewhere it may even harm, as where files are compressed.
  package var isCheaperReserved: Bool { linux_file_system(descriptor.rawValue) == 0xef53 }

  /// A file without a name that shares this one's blocks, as they are now; nil where the file
  /// system cannot do that. Keeps this file's path, for errors.
  package func clone() throws(FileError) -> File? {
    let outcome = linux_clone(descriptor.rawValue, parent(of: path).string)
    if cloningRefusals.contains(where: { outcome == -Int64($0.rawValue) }) { return nil }
    let number = try checked(outcome, "clone")
    return File(path: path, descriptor: FileDescriptor(rawValue: Int32(number)))
  }

  /// Gives this empty file all bytes of another by sharing its blocks.
  /// - Returns: false where the file system cannot do that, and nothing was changed.
  package func shareBlocks(of source: borrowing File) throws(FileError) -> Bool {
    let outcome = linux_share_blocks(descriptor.rawValue, source.descriptor.rawValue)
    if cloningRefusals.contains(where: { outcome == -Int64($0.rawValue) }) { return false }
    _ = try checked(outcome, "clone")
    return true
  }
}

/// How a file system says that it clones no files, or not this one.
private let cloningRefusals: [Errno] = [
  .notSupported, .invalidArgument, .improperLink, Errno(rawValue: ENOTTY), .isDirectory,
  .permissionDenied, .readOnlyFileSystem, .noSpace,
]
