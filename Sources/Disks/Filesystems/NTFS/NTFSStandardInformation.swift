internal import Bytes

/// What every file has:
///
///     information := created:u64 modified:u64 changed:u64 accessed:u64 attributes:u32
///                    versions:u32 version:u32 class:u32
///                    [owner:u32 security:u32 quota:u64 journal:u64]
///
/// Times count 100 nanoseconds from the year 1601 on.
struct NTFSStandardInformation: Sendable {
  let created: FileTime
  let modified: FileTime
  let changed: FileTime
  let accessed: FileTime
  let attributes: NTFSFileAttributes
  /// Whether a directory tells names apart that differ only in case.
  let isCaseSensitive: Bool
  /// By which `$Secure` knows the security descriptor; nil in a file of Windows NT.
  let securityID: UInt32?

  /// - Throws: ``FileSystemError`` where the file has none.
  init(of file: NTFSFile) throws {
    guard let bytes = try file.residentValue(NTFSAttributeType.standardInformation) else {
      throw damagedNTFS(file.structure, "it has no times and no attributes")
    }
    do { try self.init(bytes.span.bytes) } catch {
      throw damagedNTFS(file.structure, "its times and attributes are cut off")
    }
  }

  private init(_ bytes: RawSpan) throws(TruncatedInput) {
    created = FileTime(sinceYear1601: try bytes.littleEndian(at: 0))
    modified = FileTime(sinceYear1601: try bytes.littleEndian(at: 8))
    changed = FileTime(sinceYear1601: try bytes.littleEndian(at: 16))
    accessed = FileTime(sinceYear1601: try bytes.littleEndian(at: 24))
    attributes = NTFSFileAttributes(rawValue: try bytes.littleEndian(at: 32))
    // No version of many: so a directory has it since Windows 10 of 2018.
    let versions: UInt32 = try bytes.littleEndian(at: 36)
    isCaseSensitive = try bytes.littleEndian(at: 40) == 1 as UInt32 && versions == 0
    securityID = bytes.byteCount >= 72 ? try bytes.littleEndian(at: 52) : nil
  }
}

extension FileTime {
  /// - Parameter ticks: 100 nanoseconds each, from the year 1601 on.
  init(sinceYear1601 ticks: Int64) {
    let second: Int64 = 10_000_000
    let (seconds, rest) = ticks.quotientAndRemainder(dividingBy: second)
    self.init(
      secondsSince1970: seconds - 11_644_473_600 - (rest < 0 ? 1 : 0),
      nanoseconds: UInt32(rest < 0 ? rest + second : rest) * 100)
  }
}
