internal import BlockDevices

/// A superblock found on a device: the newest of those that are good.
struct BtrfsSuperblockSearch {
  let superblock: BtrfsSuperblock
  let warnings: [String]

  /// Nil where the device holds no btrfs: without the magic number at the first place, what copies
  /// lie behind it may be those of a file system that was there before.
  ///
  /// - Parameter isLost: whether they are believed nevertheless.
  /// - Throws: ``FileSystemError`` where none can be read.
  init?(_ device: any BlockDevice, isLost: Bool = false) throws {
    var newest: BtrfsSuperblock?
    var first: BtrfsSuperblock?
    var problem: FileSystemError?
    for (index, place) in BtrfsSuperblock.places.enumerated() {
      guard device.holds(UInt64(BtrfsSuperblock.byteCount), at: place) else { break }
      let bytes = try device.bytes(at: place, count: BtrfsSuperblock.byteCount)
      guard BtrfsSuperblock.isThere(bytes.span.bytes) else {
        if index == 0, !isLost { return nil }
        continue
      }
      do {
        let found = try BtrfsSuperblock(bytes.span.bytes, at: place)
        if index == 0 { first = found }
        guard first == nil || found.fsid == first?.fsid else { continue }
        // Of equal ones the first: only there it is written which files were synced since.
        if found.generation > newest?.generation ?? 0 || newest == nil { newest = found }
      } catch let error as FileSystemError {
        if index == 0, error.problem == .unsupported { throw error }
        problem = problem ?? error
      }
    }
    guard let newest else {
      guard let problem else { return nil }
      throw problem
    }
    superblock = newest
    if let first {
      warnings =
        first.generation == newest.generation ? [] : ["a copy of the superblock is newer than it"]
    } else {
      let reason = problem.map { "damaged (\($0.reason))" } ?? "gone"
      warnings = [
        "the superblock is \(reason); a copy was read, "
          + "which does not know what was synced since the last commit"
      ]
    }
  }
}
