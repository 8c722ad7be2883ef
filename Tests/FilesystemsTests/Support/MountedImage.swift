import Glibc
import SystemPackage
import TestSupport

/// Whether this machine can show by its own kernel what an image holds; says why where it cannot.
func canMount() -> Bool {
  guard getuid() == 0 else {
    print("skipped, mounting needs root")
    return false
  }
  return areInstalled("mount", "umount", "python3")
}

/// An image file that the kernel has mounted; it is unmounted when the value goes.
struct MountedImage: ~Copyable {
  let place: FilePath

  /// - Throws: ``ProgramError`` where the kernel refuses.
  init(_ image: FilePath, at place: FilePath, options: String) throws {
    mkdir(place.string, 0o700)
    do {
      try output(
        of: "mount", arguments: ["-o", "loop,noatime,\(options)", image.string, place.string])
    } catch {
      rmdir(place.string)
      throw error
    }
    // Last, for a value that is whole is unmounted.
    self.place = place
  }

  deinit {
    for attempt in 0..<50 {
      if (try? output(of: "umount", place.string)) != nil { break }
      usleep(UInt32(20_000 * (attempt + 1)))
    }
    rmdir(place.string)
  }
}

/// What the kernel shows of an image, by path; nil where it refuses to mount it.
func kernelTree(
  of image: FilePath, at place: FilePath, options: String, tellsAccess: Bool = true
) throws -> [String: String]? {
  let mounted: MountedImage
  do { mounted = try MountedImage(image, at: place, options: options) } catch is ProgramError {
    return nil
  }
  return try treeLines(at: mounted.place, tellsAccess: tellsAccess)
}

/// What the kernel shows of a tree, by path.
///
/// - Parameter unlisted: extended attributes that are shown though no list has them.
func treeLines(
  at place: FilePath, tellsAccess: Bool = true, unlisted: [String] = []
) throws -> [String: String] {
  let text = try output(
    of: "python3",
    arguments: ["-c", kernelTreeScript, place.string, tellsAccess ? "access" : "noaccess"]
      + unlisted)
  return linesByPath(text)
}

/// A listing as `kernelTreeScript` prints it.
func linesByPath(_ text: String) -> [String: String] {
  var lines: [String: String] = [:]
  for line in text.split(separator: "\n") {
    let space = line.firstIndex(of: " ") ?? line.endIndex
    lines[String(line[..<space])] = String(line[space...].dropFirst())
  }
  return lines
}

/// The first few paths of which two listings tell different things; empty where they are equal.
func differences(_ ours: [String: String], _ kernels: [String: String]) -> [String] {
  Set(ours.keys).union(kernels.keys).filter { ours[$0] != kernels[$0] }.sorted().prefix(5).map {
    "\($0)\n  ours:   \(ours[$0] ?? "nothing")\n  kernel: \(kernels[$0] ?? "nothing")"
  }
}
