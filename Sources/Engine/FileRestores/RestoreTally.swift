internal import Files
internal import Filesystems
internal import Guests
internal import Synchronization
internal import SystemPackage

/// What a restore of files did, and what it could not do.
package struct FileRestoreReport: Sendable {
  package fileprivate(set) var files = 0
  package fileprivate(set) var directories = 0
  package fileprivate(set) var symbolicLinks = 0
  package fileprivate(set) var hardLinks = 0
  package fileprivate(set) var nodes = 0
  /// Bytes of files, holes with them.
  package fileprivate(set) var byteCount: UInt64 = 0

  /// The first of what could not be restored, or not with all that belongs to it.
  package fileprivate(set) var problems: [ItemProblem] = []
  /// How many there are in all.
  package fileprivate(set) var problemCount = 0

  /// Files of another owner than this user, who may not give files away.
  package fileprivate(set) var ownersLeft = 0
  /// Items whose set-id bits, or capabilities that serve as such, were dropped.
  package fileprivate(set) var setIDsDropped = 0
  /// Devices, pipes and sockets that were left out.
  package fileprivate(set) var nodesLeft = 0
  /// Extended attributes that only root may set, by their namespace.
  package fileprivate(set) var privilegedAttributesLeft: [String: Int] = [:]
  /// What only NTFS has, such as security descriptors, and the file system here does not take.
  package fileprivate(set) var foreignAttributesLeft = 0

  static let problemLimit = 1_000
}

/// The target is full: nothing that comes later would fit either.
package struct NoRoomError: Error, CustomStringConvertible {
  let problem: ItemProblem

  package var description: String {
    "\(problem.path): \(problem.reason); what is whole stays: free some space and run the command "
      + "again with --overwrite"
  }
}

/// A report that many threads write to.
final class RestoreTally: Sendable {
  private let state = Mutex(FileRestoreReport())
  private let lackOfRoom = Mutex<NoRoomError?>(nil)

  var report: FileRestoreReport { state.withLock { $0 } }

  func add(_ problems: [ItemProblem]) { for problem in problems { add(problem) } }

  func add(_ problem: ItemProblem) {
    state.withLock {
      $0.problemCount += 1
      if $0.problems.count < FileRestoreReport.problemLimit { $0.problems.append(problem) }
    }
  }

  /// Notes why an item could not be made.
  func add(_ error: any Error, at path: GuestPath) {
    let problem = ItemProblem(path: path, reason: "\(error)")
    if let cause = (error as? FileError)?.cause, [.noSpace, .diskQuotaExceeded].contains(cause) {
      lackOfRoom.withLock { $0 = $0 ?? NoRoomError(problem: problem) }
    }
    add(problem)
  }

  func checkRoom() throws(NoRoomError) {
    if let error = lackOfRoom.withLock({ $0 }) { throw error }
  }

  /// Notes what was made.
  func made(_ kind: FileKind, byteCount: UInt64 = 0) {
    state.withLock {
      switch kind {
      case .regular: $0.files += 1
      case .directory: $0.directories += 1
      case .symbolicLink: $0.symbolicLinks += 1
      case .characterDevice, .blockDevice, .pipe, .socket: $0.nodes += 1
      }
      $0.byteCount &+= byteCount
    }
  }

  func madeHardLink() { state.withLock { $0.hardLinks += 1 } }
  func leftOwner() { state.withLock { $0.ownersLeft += 1 } }
  func droppedSetID() { state.withLock { $0.setIDsDropped += 1 } }
  func leftNode() { state.withLock { $0.nodesLeft += 1 } }
  func leftForeignAttribute() { state.withLock { $0.foreignAttributesLeft += 1 } }

  func leftPrivilegedAttribute(_ namespace: String) {
    state.withLock { $0.privilegedAttributesLeft[namespace, default: 0] += 1 }
  }
}
