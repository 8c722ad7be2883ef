internal import Bytes
internal import Files
internal import Hashing
internal import SystemPackage

/// Writes a ``FingerprintFile`` beside its name, region by region in any order.
///
/// Once a write fails it writes no more, and there will be no file: backups do not fail for it, and
/// tell of it.
struct FingerprintFileWriter: ~Copyable {
  private let path: FilePath
  private let header: [UInt8]
  /// Nil after a failure.
  private var file: File?
  /// Why there will be no file.
  private(set) var failure: FileError?
  private var pending: ByteWriter
  private var pendingOffset: UInt64 = 0
  private var table = ByteWriter()
  private var regionCount: UInt32 = 0

  private static let pendingLimit = 1 << 20

  private static func partial(_ path: FilePath) -> FilePath {
    FilePath(path.string + ".part")
  }

  /// - Parameter key: what the fingerprints are made with.
  init(_ path: FilePath, key: [UInt8]) {
    self.path = path
    pending = ByteWriter(reservingCapacity: Self.pendingLimit)
    pending.append(FingerprintFile.magic)
    pending.integer(FingerprintFile.version)
    pending.append(key.span.bytes)
    header = pending.bytes
    do throws(FileError) {
      try makeDirectory(parent(of: path))
      // Left by a backup that was stopped.
      try removeFile(Self.partial(path))
      file = try File.create(Self.partial(path), permissions: [.ownerReadWrite])
    } catch {
      file = nil
      failure = error
    }
  }

  /// - Parameter fingerprints: of the chunks of the map, in order.
  mutating func append(region: UInt64, map: ContentID, _ fingerprints: [Fingerprint]) {
    guard file != nil else { return }
    table.integer(region)
    table.digest(map.digest)
    table.integer(pendingOffset + UInt64(pending.bytes.count))
    table.integer(UInt32(fingerprints.count))
    regionCount += 1
    for fingerprint in fingerprints {
      pending.integer(fingerprint.words.0)
      pending.integer(fingerprint.words.1)
    }
    if pending.bytes.count >= Self.pendingLimit { flush() }
  }

  /// Gives the file its name.
  mutating func finish() {
    let tableOffset = pendingOffset + UInt64(pending.bytes.count)
    let rows = table.bytes
    pending.append(rows.span.bytes)
    var ends = ByteWriter()
    ends.integer(tableOffset)
    ends.integer(regionCount)
    var digester = Digester()
    digester.start()
    digester.update(header.span.bytes)
    digester.update(rows.span.bytes)
    digester.update(ends.bytes.span.bytes)
    ends.digest(digester.finish())
    pending.append(ends.bytes.span.bytes)
    flush()
    guard file != nil else { return }
    file = nil
    do throws(FileError) {
      try renameFile(Self.partial(path), to: path, replacing: true)
    } catch { failure = error }
  }

  /// Leaves what was there before.
  mutating func abandon() {
    file = nil
    do throws(FileError) { try removeFile(Self.partial(path)) } catch { return }
  }

  private mutating func flush() {
    guard let open = file.take() else { return }
    do throws(FileError) {
      try open.write(pending.bytes.span.bytes, at: pendingOffset)
    } catch {
      failure = error
      return abandon()
    }
    file = consume open
    pendingOffset += UInt64(pending.bytes.count)
    pending = ByteWriter(reservingCapacity: Self.pendingLimit)
  }
}
