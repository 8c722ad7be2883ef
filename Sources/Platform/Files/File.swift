package import Bytes
internal import CLinux
internal import Glibc
package import SystemPackage

/// An open file or block device.
///
/// Owns its descriptor: it is closed when the value goes. Reads and writes are positional, so one
/// file may serve several threads.
package struct File: ~Copyable, Sendable {
  package let path: FilePath
  let descriptor: FileDescriptor

  init(path: FilePath, descriptor: FileDescriptor) {
    self.path = path
    self.descriptor = descriptor
  }

  deinit { try? descriptor.close() }

  package static func openForReading(_ path: FilePath) throws(FileError) -> File {
    try open(path, .readOnly, [], "open")
  }

  package static func openForWriting(_ path: FilePath) throws(FileError) -> File {
    try open(path, .readWrite, [], "open for writing")
  }

  /// Opens a block device that nobody has mounted, swaps on or has made part of another; the cause
  /// of the failure is `resourceBusy` where somebody has.
  package static func openDeviceForWriting(_ path: FilePath) throws(FileError) -> File {
    try open(path, .readWrite, .exclusiveCreate, "open for writing")
  }

  /// Makes a file that must not be there yet.
  package static func create(
    _ path: FilePath, permissions: FilePermissions = [.ownerReadWrite, .groupRead, .otherRead]
  ) throws(FileError) -> File {
    try open(path, .readWrite, [.create, .exclusiveCreate], "create", permissions)
  }

  private static func open(
    _ path: FilePath, _ mode: FileDescriptor.AccessMode, _ options: FileDescriptor.OpenOptions,
    _ operation: StaticString, _ permissions: FilePermissions? = nil
  ) throws(FileError) -> File {
    do {
      let descriptor = try FileDescriptor.open(
        path, mode, options: options.union(.closeOnExec), permissions: permissions)
      return File(path: path, descriptor: descriptor)
    } catch { throw FileError(operation, path, error.errno) }
  }

  /// Whether anybody else holds a lock on any part of it.
  package var isLocked: Bool { linux_is_locked(descriptor.rawValue) }

  /// Locks the whole of it until it is closed; fails where anybody else holds a lock on it.
  package func lock() throws(FileError) { _ = try checked(linux_lock(descriptor.rawValue), "lock") }

  /// Whether anybody has it open for writing. False where that is not known.
  package var hasWriter: Bool { linux_has_writer(descriptor.rawValue) }

  package func status() throws(FileError) -> FileStatus {
    do { return FileStatus(try descriptor.stat()) } catch {
      throw FileError("look at", path, error.errno)
    }
  }

  /// Reads up to the length of `target` from `offset`.
  /// - Returns: bytes read; fewer than asked for only at the end of the file.
  package func read(at offset: UInt64, into target: inout MutableRawSpan) throws(FileError) -> Int {
    let number = descriptor.rawValue
    let outcome: Int64 = target.withUnsafeMutableBytes { bytes in
      var done = 0
      while done < bytes.count {
        let count = linux_pread(
          number, bytes.baseAddress! + done, bytes.count - done, offset + UInt64(done))
        if count == 0 { break }
        if count == -Int64(Errno.interrupted.rawValue) { continue }
        if count < 0 { return count }
        done += Int(count)
      }
      return Int64(done)
    }
    return Int(try checked(outcome, "read"))
  }

  package func write(_ bytes: RawSpan, at offset: UInt64) throws(FileError) {
    let number = descriptor.rawValue
    let outcome: Int64 = bytes.withUnsafeBytes { bytes in
      var done = 0
      while done < bytes.count {
        let count = linux_pwrite(
          number, bytes.baseAddress! + done, bytes.count - done, offset + UInt64(done))
        if count == -Int64(Errno.interrupted.rawValue) { continue }
        if count < 0 { return count }
        if count == 0 { return -Int64(Errno.noSpace.rawValue) }
        done += Int(count)
      }
      return Int64(done)
    }
    _ = try checked(outcome, "write")
  }

  /// Writes `bytes` at the start, past the page cache as far as memory and file system allow.
  ///
  /// For what nobody reads again soon: the cache keeps what it holds, and the bytes are copied once
  /// less.
  package func writeDirectly(_ bytes: RawSpan) throws(FileError) {
    let isAligned = bytes.withUnsafeBytes { Int(bitPattern: $0.baseAddress) % directAlignment == 0 }
    let whole = bytes.byteCount / directAlignment * directAlignment
    guard isAligned, whole > 0, linux_set_direct(descriptor.rawValue, 1) == 0 else {
      return try write(bytes, at: 0)
    }
    try write(bytes.extracting(0..<whole), at: 0)
    _ = try checked(linux_set_direct(descriptor.rawValue, 0), "write")
    try write(bytes.extracting(whole..<bytes.byteCount), at: UInt64(whole))
  }

  /// Returns when all that was written is on the disk.
  package func sync() throws(FileError) {
    _ = try checked(linux_sync(descriptor.rawValue), "sync")
  }

  /// Starts writing `range` to the disk and does not wait for it.
  package func startWriteback(_ range: Range<UInt64>) {
    linux_start_writeback(descriptor.rawValue, range.lowerBound, UInt64(range.count))
  }

  /// Asks the system to read `range` ahead of its use.
  package func willNeed(_ range: Range<UInt64>) {
    // A length of 0 would mean everything up to the end of the file.
    guard !range.isEmpty else { return }
    linux_will_need(descriptor.rawValue, range.lowerBound, UInt64(range.count))
  }

  package func setByteCount(_ byteCount: UInt64) throws(FileError) {
    _ = try checked(linux_truncate(descriptor.rawValue, byteCount), "set the size of")
  }

  /// The first range at or after `offset` that may hold data; nil where only a hole follows.
  ///
  /// A file system without holes answers with everything up to `end`.
  package func nextData(from offset: UInt64, end: UInt64) throws(FileError) -> Range<UInt64>? {
    guard offset < end else { return nil }
    let start = linux_seek_data(descriptor.rawValue, offset)
    if start == -Int64(Errno.noSuchAddressOrDevice.rawValue) { return nil }
    if start == -Int64(Errno.invalidArgument.rawValue) { return offset..<end }
    let first = UInt64(try checked(start, "look for data in"))
    guard first < end else { return nil }
    let stop = UInt64(try checked(linux_seek_hole(descriptor.rawValue, first), "look for holes in"))
    return first..<min(max(stop, first), end)
  }

  /// The size of this block device in bytes.
  package func blockDeviceByteCount() throws(FileError) -> UInt64 {
    var byteCount: UInt64 = 0
    _ = try checked(linux_device_size(descriptor.rawValue, &byteCount), "ask for the size of")
    return byteCount
  }

  /// Maps `byteCount` bytes from the start for reading.
  ///
  /// The file must not shrink meanwhile; Kluis maps only files that never change.
  package func map(byteCount: Int) throws(FileError) -> SharedBytes {
    var cause: Int32 = 0
    guard let base = linux_map(descriptor.rawValue, byteCount, &cause) else {
      throw FileError("map", path, Errno(rawValue: cause))
    }
    nonisolated(unsafe) let mapped = base
    return SharedBytes(base: base, byteCount: byteCount) { linux_unmap(mapped, byteCount) }
  }

  func checked(_ outcome: Int64, _ operation: StaticString) throws(FileError) -> Int64 {
    guard outcome >= 0 else {
      throw FileError(operation, path, Errno(rawValue: Int32(truncatingIfNeeded: -outcome)))
    }
    return outcome
  }
}

/// The bytes of a small file: all of them, or one more than `limit` of a larger one.
package func readSmallFile(_ path: FilePath, limit: Int) throws(FileError) -> [UInt8] {
  let file = try File.openForReading(path)
  var bytes = [UInt8](repeating: 0, count: limit + 1)
  var span = bytes.mutableSpan
  var target = span.mutableBytes
  let count = try file.read(at: 0, into: &target)
  return Array(bytes.prefix(count))
}

/// How many files this process may have open at once.
package func openFileLimit() -> Int {
  Int(clamping: linux_open_file_limit())
}

/// Where writes past the page cache have to begin and end, on any disk.
private let directAlignment = 4096

extension Error {
  /// The system's number for this failure; swift-system throws nothing else.
  package var errno: Errno { self as? Errno ?? .ioError }
}
