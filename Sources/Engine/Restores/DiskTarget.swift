internal import DiskImages
internal import Files
package import SystemPackage

/// A disk cannot be restored to the place that was named.
package enum TargetError: Error, CustomStringConvertible {
  case exists(FilePath)
  case device(FilePath)
  /// What belongs to a machine is in the way of another.
  case taken(FilePath)
  case notADisk(FilePath)
  case directory(FilePath)
  case noDirectory(FilePath)
  case inUse(FilePath)
  case tooSmall(FilePath, has: UInt64, needs: UInt64)
  case notWholeSectors(FilePath, byteCount: UInt64, ImageFormat)
  case tooLarge(FilePath, byteCount: UInt64, ImageFormat)
  case noFile(FilePath, ImageFormat)

  package var description: String {
    switch self {
    case .exists(let path):
      "\(path) exists already: choose another name, or replace it with --force"
    case .device(let path):
      "\(path) is a block device: --force overwrites what is on it"
    case .taken(let path): "\(path) exists already: choose another name or directory"
    case .notADisk(let path): "\(path) is neither a file nor a block device"
    case .directory(let path):
      "\(path) is a directory: give the name of the image, too"
    case .noDirectory(let path): "there is no directory \(path): make it first"
    case .inUse(let path):
      "\(path) is in use: unmount it, or take it out of what it is a part of"
    case .tooSmall(let path, let has, let needs):
      "\(path) has \(has) bytes, and the disk needs \(needs)"
    case .notWholeSectors(let path, let byteCount, let format):
      "\(path) cannot be \(format.article): the disk has \(byteCount) bytes, no whole sectors of "
        + "512"
    case .tooLarge(let path, let byteCount, let format):
      "\(path) cannot be \(format.article): the disk has \(byteCount) bytes, more than "
        + "\((format.byteLimit ?? 0) >> 30) GiB"
    case .noFile(let path, let format):
      "\(path) is a block device, and \(format.article) is a file: restore it as raw"
    }
  }
}

/// Takes what a region of a disk is to be; safe for several threads.
protocol RegionTarget: Sendable {
  /// Is told of a longer range before it is written, part after part.
  func willWrite(_ range: Range<UInt64>) throws
  func write(_ bytes: RawSpan, at offset: UInt64) throws
  /// Makes a range zeros.
  func writeZeros(_ range: Range<UInt64>) throws
}

extension RegionTarget {
  func willWrite(_ range: Range<UInt64>) {}
}

/// Where a disk is restored to: a new image that gets its name when it is whole, or a block device.
///
/// Whoever does not finish it has to abandon it, so that no file is left behind.
final class DiskTarget: RegionTarget {
  private let path: FilePath
  private let file: File
  /// The name while it is not whole; nil for a block device.
  private let temporary: FilePath?
  private let replacing: Bool
  /// Whether all of it is zeros before anything is written.
  private let isBlank: Bool
  /// Lays out the disk in the file; nil where its bytes are the file's.
  private let layout: QCOW2Writer?
  /// Whether room is set aside for what will be written.
  private let isReserving: Bool

  /// - Parameters:
  ///   - byteCount: of the file; what has a layout grows as it needs to.
  ///   - layout: how the disk lies in the file; nil where its bytes are the file's.
  /// - Throws: ``TargetError``, ``FileError``; ``MachineRunsError`` where what would be replaced is
  ///   in use.
  init(
    _ path: FilePath, byteCount: UInt64, layout: QCOW2Writer? = nil, replacing: Bool
  ) throws {
    self.path = path
    self.replacing = replacing
    self.layout = layout
    let kind = try fileStatus(path)?.kind
    if kind == .regular || kind == .blockDevice {
      if !replacing {
        throw kind == .blockDevice ? TargetError.device(path) : TargetError.exists(path)
      }
      try requireUnused(path)
    }
    switch kind {
    case .blockDevice:
      if layout != nil { throw TargetError.noFile(path, .qcow2) }
      do throws(FileError) { file = try File.openDeviceForWriting(path) } catch {
        throw error.cause == .resourceBusy ? TargetError.inUse(path) : error
      }
      temporary = nil
      isBlank = false
      isReserving = false
      let size = try file.blockDeviceByteCount()
      guard size >= byteCount else {
        throw TargetError.tooSmall(path, has: size, needs: byteCount)
      }
    case .directory: throw TargetError.directory(path)
    case .other: throw TargetError.notADisk(path)
    case .regular, nil:
      let directory = parent(of: path)
      guard path.lastComponent != nil, try fileStatus(directory)?.kind == .directory else {
        throw TargetError.noDirectory(directory)
      }
      let partial = Self.partial(of: path)
      file = try File.create(partial)
      temporary = partial
      isBlank = true
      isReserving = layout == nil && file.isCheaperReserved
      do {
        try file.setByteCount(byteCount)
        if try lock(file) { try Self.removeAbandoned(of: path, besides: partial) }
      } catch {
        discard(partial)
        throw error
      }
    }
  }

  /// A new image that begins as a copy of another, whose blocks it shares; nil where the file
  /// system cannot do that.
  init?(_ path: FilePath, cloning source: FilePath) throws(FileError) {
    self.path = path
    replacing = false
    isBlank = false
    isReserving = false
    layout = nil
    let partial = Self.partial(of: path)
    file = try File.create(partial, permissions: .ownerReadWrite)
    temporary = partial
    do throws(FileError) {
      if try file.shareBlocks(of: try File.openForReading(source)) { return }
    } catch {
      discard(partial)
      throw error
    }
    discard(partial)
    return nil
  }

  private static func partial(of path: FilePath) -> FilePath {
    let name = path.lastComponent?.string ?? ""
    return parent(of: path).appending(".\(name).\(UInt32.random(in: .min ... .max)).partial")
  }

  /// Removes what restores to this name have left that were killed: what nobody has locked.
  private static func removeAbandoned(of path: FilePath, besides own: FilePath) throws {
    let (start, end) = (".\(path.lastComponent?.string ?? "").", ".partial")
    let directory = parent(of: path)
    for entry in try directoryEntries(directory) ?? []
    where entry.hasPrefix(start) && entry.hasSuffix(end) && entry != own.lastComponent?.string {
      guard UInt32(entry.dropFirst(start.count).dropLast(end.count)) != nil else { continue }
      let other = directory.appending(entry)
      // What is another's, or gone by now, is none of this restore's business.
      do { if try File.openForReading(other).isLocked { continue } } catch { continue }
      discard(other)
    }
  }

  func willWrite(_ range: Range<UInt64>) throws { if isReserving { try file.reserve(range) } }

  func write(_ bytes: RawSpan, at offset: UInt64) throws {
    if let layout {
      try layout.write(bytes, at: offset, to: file)
    } else {
      try file.write(bytes, at: offset)
    }
  }

  /// A blank image is all holes already.
  func writeZeros(_ range: Range<UInt64>) throws { if !isBlank { try file.writeZeros(range) } }

  /// Gives the image its name. A block device is synced, an image if `durably`.
  func finish(durably: Bool) throws {
    try layout?.finish(file)
    if durably || temporary == nil { try file.sync() }
    guard let temporary else { return }
    do throws(FileError) { try renameFile(temporary, to: path, replacing: replacing) } catch {
      throw error.cause == .fileExists ? TargetError.exists(path) : error
    }
    if durably { try syncDirectory(parent(of: path)) }
  }

  /// Removes what was written, after a failure.
  func abandon() {
    if let temporary { discard(temporary) }
  }
}

/// Shows others that the file is being written, for as long as it is open; false where the file
/// system knows no locks.
private func lock(_ file: borrowing File) throws(FileError) -> Bool {
  do throws(FileError) {
    try file.lock()
    return true
  } catch {
    let unknown: [Errno] = [.noLocks, .noFunction, .notSupported, .invalidArgument]
    if unknown.contains(error.cause) { return false }
    throw error
  }
}

/// Removes what is not finished. That it cannot be removed must not hide why it was not finished.
func discard(_ path: FilePath) { do { try removeFile(path) } catch {} }
