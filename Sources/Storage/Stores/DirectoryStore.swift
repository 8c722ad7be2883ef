package import Bytes
package import Files
internal import Synchronization
package import SystemPackage

/// A store in a directory tree of the host.
package final class DirectoryStore: Store {
  package let directory: FilePath
  // A vault has up to seven stores, which together keep less than half of what may be open.
  private let openFiles = OpenFiles(capacity: min(64, max(1, openFileLimit() / 16)))
  private let temporaryCount = Atomic(0)

  package init(_ directory: FilePath) { self.directory = directory }

  package var name: String { directory.string }

  /// Whether a directory holds no more than somebody leaves who was stopped while making a store:
  /// empty folders and unfinished files.
  package static func isBegun(at directory: FilePath) throws(FileError) -> Bool {
    for entry in try directoryEntries(directory) ?? [] where !entry.hasPrefix(temporaryPrefix) {
      guard ObjectFolder(rawValue: entry) != nil,
        try directoryEntries(directory.appending(entry))?.isEmpty == true
      else { return false }
    }
    return true
  }

  /// Written under a temporary name, synced, renamed, and the directory synced.
  package func put(_ bytes: RawSpan, at path: ObjectPath) throws(StoreError) {
    let target = location(path)
    let temporary = temporaryName(beside: target)
    do throws(FileError) {
      if try fileStatus(parent(of: target)) == nil { try makeDirectory(parent(of: target)) }
      try write(bytes, to: temporary)
      try renameFile(temporary, to: target, replacing: true)
      try syncDirectory(parent(of: target))
    } catch {
      // The first failure is what matters; a leftover is swept by a later writer.
      try? removeFile(temporary)
      throw translated(error, path)
    }
    openFiles.forget(path)
  }

  private func write(_ bytes: RawSpan, to path: FilePath) throws(FileError) {
    let file = try File.create(path)
    if bytes.byteCount >= Self.largeObject {
      try file.writeDirectly(bytes)
    } else {
      try file.write(bytes, at: 0)
    }
    try file.sync()
  }

  package func read(
    _ path: ObjectPath, from offset: UInt64, into target: inout MutableRawSpan
  ) throws(StoreError) {
    let opened: OpenFiles.Opened
    do throws(FileError) { opened = try self.opened(path) } catch { throw translated(error, path) }
    try fill(&target, from: opened, at: offset, path)
  }

  package func readAll(_ path: ObjectPath, limit: Int) throws(StoreError) -> [UInt8] {
    // What is no file is no object, and one that is a pipe would be waited for.
    guard try byteCount(of: path) != nil else { throw StoreError(.missing, path, in: name) }
    let opened: OpenFiles.Opened
    let byteCount: UInt64
    do throws(FileError) {
      opened = try self.opened(path)
      byteCount = try opened.file.status().byteCount
    } catch { throw translated(error, path) }
    try refuse(path, of: byteCount, over: limit)
    var bytes = [UInt8](repeating: 0, count: Int(byteCount))
    var span = bytes.mutableSpan
    var raw = span.mutableBytes
    try fill(&raw, from: opened, at: 0, path)
    return bytes
  }

  package func willNeed(_ path: ObjectPath, _ range: Range<UInt64>) {
    do throws(FileError) { try opened(path).file.willNeed(range) } catch {}
  }

  private func fill(
    _ target: inout MutableRawSpan, from opened: OpenFiles.Opened, at offset: UInt64,
    _ path: ObjectPath
  ) throws(StoreError) {
    let wanted = target.byteCount
    let count: Int
    do throws(FileError) { count = try opened.file.read(at: offset, into: &target) } catch {
      throw translated(error, path)
    }
    if count < wanted { throw StoreError(.truncated, path, in: name) }
  }

  /// An object's file, as others have it there now.
  private func opened(_ path: ObjectPath) throws(FileError) -> OpenFiles.Opened {
    // What others replace would stay what it was when it was opened.
    guard path.pack != nil else { return OpenFiles.Opened(try .openForReading(location(path))) }
    return try openFiles.file(path, at: location(path))
  }

  package func byteCount(of path: ObjectPath) throws(StoreError) -> UInt64? {
    do throws(FileError) {
      // What is no file is no object, as listing has it, too.
      guard let status = try fileStatus(location(path)), status.kind == .regular else { return nil }
      return status.byteCount
    } catch { throw translated(error, path) }
  }

  package func map(_ path: ObjectPath) throws(StoreError) -> SharedBytes {
    do throws(FileError) {
      let file = try File.openForReading(location(path))
      let byteCount = try file.status().byteCount
      guard byteCount > 0, let count = Int(exactly: byteCount) else {
        throw FileError("map", location(path), .invalidArgument)
      }
      return try file.map(byteCount: count)
    } catch { throw translated(error, path) }
  }

  package func list(_ folder: ObjectFolder) throws(StoreError) -> [ListedObject] {
    var found: [ListedObject] = []
    do throws(FileError) { try list(folder.rawValue, depth: 2, into: &found) } catch {
      throw translated(error, ObjectPath(listed: folder.rawValue))
    }
    return found
  }

  private func list(
    _ folder: String, depth: Int, into found: inout [ListedObject]
  ) throws(FileError) {
    let entries = try directoryEntries(directory.appending(folder)) ?? []
    for entry in entries where !isTemporary(entry) {
      let child = "\(folder)/\(entry)"
      // What was removed since the directory was read is not there, that is all.
      guard let status = try fileStatus(directory.appending(child)) else { continue }
      if status.kind == .directory, depth > 1 {
        try list(child, depth: depth - 1, into: &found)
      } else if status.kind == .regular {
        found.append(
          ListedObject(path: ObjectPath(listed: child), byteCount: status.byteCount))
      }
    }
  }

  package func delete(_ path: ObjectPath) throws(StoreError) {
    openFiles.forget(path)
    do throws(FileError) { try removeFile(location(path)) } catch { throw translated(error, path) }
  }

  package func sweep() throws(StoreError) {
    for folder in ObjectFolder.allCases {
      do throws(FileError) { try sweep(directory.appending(folder.rawValue), depth: 2) } catch {
        throw translated(error, ObjectPath(listed: folder.rawValue))
      }
    }
  }

  private func sweep(_ folder: FilePath, depth: Int) throws(FileError) {
    for entry in try directoryEntries(folder) ?? [] {
      let path = folder.appending(entry)
      if isTemporary(entry) {
        if let status = try fileStatus(path), status.secondsSinceChange > Self.oldAge {
          try removeFile(path)
        }
      } else if depth > 1, try fileStatus(path)?.kind == .directory {
        try sweep(path, depth: depth - 1)
      }
    }
  }

  /// From this size on an object is written past the page cache, which it would only fill.
  private static let largeObject = 1 << 20

  /// Nothing takes this many seconds to be written.
  private static let oldAge: Int64 = 3600

  private func location(_ path: ObjectPath) -> FilePath { directory.appending(path.description) }

  private func translated(_ error: FileError, _ path: ObjectPath) -> StoreError {
    switch error.cause {
    case .noSuchFileOrDirectory, .notDirectory: StoreError(.missing, path, in: name)
    case .noSpace, .fileTooLarge, .diskQuotaExceeded: StoreError(.full, path, in: name)
    default: StoreError(.refused(error.description), path, in: name)
    }
  }

  private func temporaryName(beside target: FilePath) -> FilePath {
    let number = temporaryCount.add(1, ordering: .relaxed).newValue
    let random = UInt32.random(in: .min ... .max)
    return parent(of: target).appending("\(temporaryPrefix)\(random)-\(number)")
  }

  private func isTemporary(_ entry: String) -> Bool { entry.hasPrefix(temporaryPrefix) }
}

/// What the name of an object begins with while it is being written.
private let temporaryPrefix = ".new-"

/// The files read last, kept open; shared by all threads that read a store.
private final class OpenFiles: Sendable {
  final class Opened: Sendable {
    let file: File
    init(_ file: consuming File) { self.file = file }
  }

  private struct State {
    private var files: [ObjectPath: (file: Opened, lastUse: Int)] = [:]
    private var clock = 0

    mutating func use(_ path: ObjectPath) -> Opened? {
      guard let entry = files[path] else { return nil }
      clock += 1
      files[path] = (entry.file, clock)
      return entry.file
    }

    mutating func keep(_ file: Opened, as path: ObjectPath, atMost capacity: Int) {
      if files.count >= capacity,
        let oldest = files.min(by: { $0.value.lastUse < $1.value.lastUse })
      {
        files[oldest.key] = nil
      }
      clock += 1
      files[path] = (file, clock)
    }

    mutating func forget(_ path: ObjectPath) { files[path] = nil }
  }

  private let capacity: Int
  private let state = Mutex(State())

  init(capacity: Int) { self.capacity = capacity }

  func file(_ path: ObjectPath, at location: FilePath) throws(FileError) -> Opened {
    if let opened = state.withLock({ $0.use(path) }) { return opened }
    let opened = Opened(try File.openForReading(location))
    state.withLock { $0.keep(opened, as: path, atMost: capacity) }
    return opened
  }

  func forget(_ path: ObjectPath) { state.withLock { $0.forget(path) } }
}
