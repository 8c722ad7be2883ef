import ArgumentParser
import Bytes
import FileRestores
import Files
import Glibc
import SystemPackage
import Vaults
import Workers

/// Where a tar archive goes: a file that gets its name when it is whole, or standard output.
struct TarTarget {
  private let path: String
  private let replacing: Bool

  init(_ path: String, replacing: Bool) {
    self.path = path
    self.replacing = replacing
  }

  /// - Throws: ``TarTargetError`` where there is a file of that name; what was written is removed
  ///   when anything goes wrong.
  func write(_ plan: RestorePlan, _ session: Session) throws -> FileRestoreReport {
    if path == "-" {
      guard isatty(STDOUT_FILENO) == 0 else {
        throw ValidationError("an archive is nothing for a terminal: redirect it, or name a file")
      }
      return try write(plan, session, to: writeToStandardOutput)
    }
    let target = FilePath(path)
    guard let name = target.lastComponent else { throw ValidationError("--tar names no file") }
    if !replacing, try fileStatus(target) != nil { throw TarTargetError(path: target) }
    let temporary = parent(of: target).appending(".\(name).kluis-\(getpid())")
    let file = try told("create", temporary) {
      try FileDescriptor.open(
        temporary, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
        permissions: [.ownerReadWrite])
    }
    do {
      let report = try file.closeAfter {
        try write(plan, session) { bytes in
          _ = try told("write", temporary) { try file.writeAll(bytes) }
        }
      }
      try renameFile(temporary, to: target, replacing: replacing)
      return report
    } catch {
      try removeFile(temporary)
      throw error
    }
  }

  private func write(
    _ plan: RestorePlan, _ session: Session,
    to write: @escaping (UnsafeRawBufferPointer) throws -> Void
  ) throws -> FileRestoreReport {
    try session.withProgress("restore files") { progress in
      try TarRestore(plan).run(progress: progress, cancellation: session.cancellation) { bytes in
        try bytes.withUnsafeBytes(write)
      }
    }
  }

  /// - Throws: what `body` throws, with the name of the file where the system gives only a cause.
  private func told<Result>(
    _ operation: StaticString, _ path: FilePath, _ body: () throws -> Result
  ) throws -> Result {
    do { return try body() } catch let cause as Errno {
      throw FileError(operation, path, cause)
    }
  }
}

struct TarTargetError: Error, CustomStringConvertible {
  let path: FilePath
  var description: String {
    "\(path) exists already: choose another name, or replace it with --overwrite"
  }
}
