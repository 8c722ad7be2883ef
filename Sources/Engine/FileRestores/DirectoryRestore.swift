internal import Bytes
internal import Files
internal import Filesystems
internal import Glibc
internal import Guests
internal import Synchronization
package import SystemPackage
package import Workers

/// Restores files into a directory of this system.
///
/// Names are made from the target's open descriptor on, and no link is followed below it, so that
/// nothing on a disk can reach what lies outside. A file gets its name when it is whole. What
/// cannot be restored is noted, and the rest goes on, unless the target is full.
package struct DirectoryRestore: Sendable {
  /// Whether files that are there already are replaced.
  package var replacing = false
  /// Whether devices, pipes and sockets are made; needs root.
  package var makesNodes = false
  /// Whether set-id bits and capabilities are kept; needs root.
  package var keepsSetID = false
  package var workerCount = max(2, availableCores())

  private let plan: RestorePlan
  private let target: FilePath

  package init(_ plan: RestorePlan, to target: FilePath) {
    self.plan = plan
    self.target = target
  }

  /// Makes the target where it is missing.
  ///
  /// - Throws: ``FilesExist`` before anything is written; ``FileError`` where the target cannot be
  ///   opened; ``Cancelled`` and ``NoRoomError``, when no half file is left behind.
  package func run(
    progress: Progress, cancellation: Cancellation
  ) throws -> FileRestoreReport {
    progress.expect(plan.dataByteCount)
    if try fileStatus(target) == nil { try makeDirectory(target) }
    let tree = TargetTree(plan, in: try OpenDirectory.open(target))
    let tally = RestoreTally()
    tally.add(plan.problems)
    var blocked = try OccupiedNames(plan, tree, tally, replacing: replacing).check(cancellation)
    let job = RestoreJob(
      plan: plan, tree: tree, tally: tally, metadata: metadata(tally), replacing: replacing,
      temporaryNames: TemporaryNames())
    let made = try job.makeDirectories(&blocked, cancellation)
    do {
      try job.writeFiles(
        fileOrder(without: blocked), workerCount: workerCount, progress, cancellation)
      try job.makeOthers(without: blocked, makesNodes: makesNodes, cancellation)
      try tally.checkRoom()
    } catch {
      // What is whole stays, in directories as they should be.
      job.finishDirectories(made)
      throw error
    }
    job.finishDirectories(made)
    return tally.report
  }

  private func metadata(_ tally: RestoreTally) -> MetadataRestore {
    let isRoot = geteuid() == 0
    return MetadataRestore(
      isRoot: isRoot, userID: geteuid(), groupID: getegid(), keepsSetID: isRoot && keepsSetID,
      tally: tally)
  }

  /// The files to write, in the order of their first bytes on each file system.
  private func fileOrder(without blocked: Set<Int>) -> [Int] {
    var systems: [ObjectIdentifier: UInt32] = [:]
    // Of few bytes each: there may be millions of files.
    var places: [(offset: UInt64, system: UInt32, number: UInt32)] = []
    for (number, item) in plan.items.enumerated()
    where item.kind == .regular && item.linkTo == nil && !blocked.contains(number) {
      let key = ObjectIdentifier(item.place.fileSystem)
      let system = systems[key] ?? UInt32(systems.count)
      systems[key] = system
      places.append((item.firstByteOffset, system, UInt32(number)))
    }
    places.sort { ($0.system, $0.offset, $0.number) < ($1.system, $1.offset, $1.number) }
    return places.map { Int($0.number) }
  }
}

extension RestorePlan.Item {
  /// Where the file's bytes begin on its volume; 0 where they do not lie there as they are. What is
  /// wrong shows when the file is read.
  fileprivate var firstByteOffset: UInt64 {
    guard dataByteCount > 0,
      let content = try? place.fileSystem.content(of: place.item), content.byteCount > 0,
      case .volume(let offset)? = try? content.extent(at: 0).storage
    else { return 0 }
    return offset
  }
}
