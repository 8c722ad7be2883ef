package import Files
package import SystemPackage
internal import Vaults

/// A disk that an in-place restore put aside.
package struct ReplacedDisk: Sendable {
  package let path: FilePath
  package let allocatedByteCount: UInt64

  /// Those beside a machine's disks, oldest first.
  package static func find(beside disks: [FilePath]) throws(FileError) -> [ReplacedDisk] {
    var found: [ReplacedDisk] = []
    for disk in try disks.map({ path throws(FileError) in try realPath(path) }) {
      let prefix = "\(disk.lastComponent?.string ?? "").replaced-"
      for name in try directoryEntries(parent(of: disk)) ?? [] where name.hasPrefix(prefix) {
        guard Timestamp(String(name.dropFirst(prefix.count))) != nil else { continue }
        let path = parent(of: disk).appending(name)
        guard let status = try fileStatus(path) else { continue }
        found.append(
          ReplacedDisk(path: path, allocatedByteCount: status.allocatedByteCount))
      }
    }
    return found
  }

  package func remove() throws(FileError) { try removeFile(path) }
}
