internal import BlockDevices
internal import Bytes

/// A file system that is being opened: what its journal holds is put over it, and its superblock is
/// read again then.
struct ExtOpening {
  private(set) var volume: ExtVolume
  private(set) var state: FileSystemState

  /// - Throws: ``FileSystemError`` where the device has the file system, and it cannot be read. Nil
  ///   where it has another one.
  /// - Parameter isLost: whether the first superblock may be missing.
  init?(_ device: any BlockDevice, isLost: Bool = false) throws {
    guard let found = try ExtSuperblockSearch(device, isLost: isLost) else { return nil }
    volume = ExtVolume(device, found.superblock)
    state = FileSystemState(warnings: found.warnings)
    try openJournal(isCopy: !found.warnings.isEmpty)
    let superblock = volume.superblock
    if superblock.hasErrors { state.warnings.append("errors were found on it") }
    if !superblock.features.compatible.contains(.journal), !superblock.wasUnmounted {
      state.warnings.append("it has no journal and was not unmounted")
    }
    if UInt64(superblock.blockByteCount) * superblock.blockCount > device.byteCount {
      state.warnings.append("the device ends before the file system does")
    }
  }

  /// - Parameter isCopy: whether the superblock is a copy, which does not know how it was left.
  private mutating func openJournal(isCopy: Bool) throws {
    let superblock = volume.superblock
    let needsRecovery = superblock.features.incompatible.contains(.needsRecovery)
    guard superblock.features.compatible.contains(.journal) else {
      guard !needsRecovery else {
        throw volume.damaged("the superblock", "a journal is needed, and there is none")
      }
      return
    }
    guard superblock.journalInode != 0 else {
      guard !needsRecovery else {
        throw FileSystemError(
          .unsupported, in: superblock.typeName, "the journal",
          "it is on another device, and holds what is missing here")
      }
      if isCopy { state.journal = .notReplayed(reason: "it is on another device") }
      return
    }
    if needsRecovery || isCopy { return try replay(isCopy: isCopy) }
    do {
      let file = try JournalFile(of: volume)
      warn(of: file)
      if file.superblock.start != 0 {
        state.journal = .notReplayed(
          reason: "the file system says that it needs nothing of what its journal holds")
      }
    } catch let error as FileSystemError {
      state.warnings.append("the journal cannot be read: \(error.reason)")
    }
  }

  private mutating func warn(of file: JournalFile) {
    guard file.isFoundByCopy else { return }
    state.warnings.append(
      "the inode of its journal is damaged: the superblock's copy of that was used")
  }

  private mutating func replay(isCopy: Bool) throws {
    let file: JournalFile
    do { file = try JournalFile(of: volume) } catch let error as FileSystemError
      where error.problem == .damaged
    {
      throw FileSystemError(
        .damaged, in: error.fileSystem, error.structure, block: error.block,
        "\(error.reason); so the journal cannot be replayed, which holds what is missing here")
    }
    warn(of: file)
    if file.superblock.error != 0 { state.warnings.append("an error ended its journal") }
    guard file.superblock.start != 0 else {
      if !isCopy { state.warnings.append("it was not unmounted, and its journal is empty") }
      return
    }
    let scan = try JournalScan(file)
    let replay = try JournalReplay(file, scan)
    state.journal =
      try FastCommits.areThere(in: file, behind: scan.nextSequence)
      ? .notReplayed(
        reason: "\(replay.transactionCount) transactions were, but not the fast commits behind them"
      )
      : .replayed(transactions: replay.transactionCount)
    guard let again = try ExtSuperblockSearch(replay.overlay, isLost: isCopy) else {
      throw volume.damaged("the superblock", "the journal replaces it by something else")
    }
    volume = ExtVolume(replay.overlay, overlay: replay.overlay, again.superblock)
  }
}
