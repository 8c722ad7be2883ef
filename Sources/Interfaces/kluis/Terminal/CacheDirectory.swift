import FoundationEssentials
import SystemPackage
import Vaults

/// Where this machine keeps what only saves time: `KLUIS_CACHE`, else `kluis` in the user's cache.
/// All of it may be removed at any time.
enum CacheDirectory {
  /// Nil where there is no place, and where `KLUIS_CACHE` is set to nothing.
  static var path: FilePath? {
    let variables = ProcessInfo.processInfo.environment
    if let named = variables["KLUIS_CACHE"] { return named.isEmpty ? nil : FilePath(named) }
    if let cache = variables["XDG_CACHE_HOME"], cache.hasPrefix("/") {
      return FilePath(cache).appending("kluis")
    }
    if let home = variables["HOME"], home.hasPrefix("/") {
      return FilePath(home).appending(".cache").appending("kluis")
    }
    return nil
  }

  /// Why there is none although nobody has said so, as under a service manager that sets no `HOME`.
  static var problem: String? {
    if path != nil || ProcessInfo.processInfo.environment["KLUIS_CACHE"] != nil { return nil }
    return "neither HOME nor KLUIS_CACHE says where to keep what the next backup knows unchanged "
      + "chunks by, so it will compute every digest"
  }

  /// The part of it that belongs to one vault.
  static func path(for vault: Vault) -> FilePath? { path?.appending(vault.descriptor.id) }
}
