import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing

/// An image that was copied while its file system was being changed: as we show it, and as the
/// kernel does after its own replay.
struct CrashImage {
  let ours: Result<(listing: TreeListing, state: FileSystemState), any Error>
  /// Nil where the kernel refuses it.
  let kernels: [String: String]?
  /// The image as it was before the kernel wrote to it.
  let untouched: FilePath

  /// - Parameters:
  ///   - open: opens it here.
  ///   - kernelTree: mounts it, which changes it, and lists it.
  init(
    _ copy: FilePath, opening open: () throws -> any FileSystem,
    kernelTree: () throws -> [String: String]?
  ) throws {
    ours = Result { try open() }.map { (TreeListing($0, tellsAccess: false), $0.state) }
    untouched = copy.removingLastComponent().appending("kept.img")
    try output(of: "cp", "--reflink=auto", copy.string, untouched.string)
    kernels = try kernelTree()
  }

  /// How many images are to be compared: what `KLUIS_CRASH_IMAGES` says.
  static func count(otherwise count: Int) -> Int {
    getenv("KLUIS_CRASH_IMAGES").flatMap { Int(String(cString: $0)) } ?? count
  }

  /// Fails, and keeps the image in the directory that `KLUIS_KEEP_IMAGES` names.
  func report(_ text: String, number: Int) {
    Issue.record("\(text)")
    guard let keep = getenv("KLUIS_KEEP_IMAGES").map({ String(cString: $0) }) else { return }
    _ = try? output(of: "cp", untouched.string, "\(keep)/\(number).img")
  }
}
