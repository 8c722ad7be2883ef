internal import Files
internal import SystemPackage

/// Removes fingerprint files that no backup has used for a long time: of machines, disks and vaults
/// that are gone, or that are backed up so rarely that they cost more than they save.
///
/// Every backup writes the files of its disks anew, so their age tells. Safe beside other backups:
/// one that has a file open keeps it, and one that finds none makes it. What cannot be removed is
/// left for the next time: backups do not fail for it.
struct FingerprintAging {
  /// Where each vault has its directory.
  let cache: FilePath

  private static let daysKept: Int64 = 90

  func removeUnused() {
    do {
      for vault in try directoryEntries(cache) ?? [] where isDigest(vault) {
        try removeUnused(in: cache.appending(vault))
      }
    } catch { return }
  }

  private func removeUnused(in vault: FilePath) throws(FileError) {
    guard let names = try directoryEntries(vault) else { return }
    var hasRemoved = false
    for name in names where isFingerprintFile(name) {
      let path = vault.appending(name)
      if let status = try fileStatus(path) {
        guard status.kind == .regular, status.secondsSinceChange > Self.daysKept * 86_400 else {
          continue
        }
        try removeFile(path)
      }
      // By this one, or by another that does the same.
      hasRemoved = true
    }
    // Whoever makes a file there now finds that the directory is gone, and goes on without.
    if hasRemoved { try removeEmptyDirectory(vault) }
  }

  /// What else lies there belongs to somebody else.
  private func isFingerprintFile(_ name: String) -> Bool {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    return isDigest(String(parts[0]))
      && (parts.dropFirst() == ["fingerprints"] || parts.dropFirst() == ["fingerprints", "part"])
  }

  private func isDigest(_ text: String) -> Bool {
    text.utf8.count == 32 && text.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) }
  }
}
