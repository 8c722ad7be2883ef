import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing

/// What mkfs.xfs can make, filled with everything that a tree may hold, against what the kernel
/// shows.
@Suite(.serialized) struct XFSMatrixTests {
  @Test(arguments: [
    "",
    "-b size=1024 -n size=8192 -l size=6m -m reflink=1,rmapbt=1,bigtime=0,finobt=0 -i sparse=0",
    "-m reflink=0 -i nrext64=1,size=2048 -d agcount=7",
    "-b size=65536 -i size=1024",
    "-s size=4096 -n size=65536 -l su=256k,size=20m",
  ])
  func `a tree that the kernel made is read as the kernel reads it`(_ options: String) throws {
    guard canMount(), areInstalled("mkfs.xfs") else { return }
    let directory = try TemporaryDirectory(isInMemory: true)
    let image = directory.appending("image")
    let place = directory.appending("mounted")
    try makeXFSImage(image, megabytes: 400, options: options)
    do {
      let mounted: MountedImage
      do { mounted = try MountedImage(image, at: place, options: "rw") } catch {
        print("\(options): the kernel here does not mount it")
        return
      }
      try output(of: "python3", "-c", treeScript, mounted.place.string, "1", "60000", "large")
      try output(of: "python3", "-c", xfsTreeScript, mounted.place.string, "large")
    }
    let fileSystem = try openXFS(image)
    #expect(fileSystem.state.sentence == "clean")
    let ours = TreeListing(fileSystem)
    #expect(ours.errors.isEmpty, "\(ours.errors.prefix(3))")
    let kernels = try #require(try kernelTree(of: image, at: place, options: "ro"))
    #expect(kernels.count > 6000)
    #expect(differences(ours.lines, kernels).isEmpty)
  }

  /// Which mkfs.xfs of Debian 12 does not make, and newer kernels use.
  @Test func `parent pointers and exchanged ranges are read as the kernel reads them`() throws {
    guard canMount(), areInstalled("mkfs.xfs") else { return }
    let directory = try TemporaryDirectory(isInMemory: true)
    let image = directory.appending("image")
    let place = directory.appending("mounted")
    try makeXFSImage(image, megabytes: 400, options: "-i nrext64=1")
    try enableXFSFeatures(0xC0, in: image)
    do {
      let mounted: MountedImage
      do { mounted = try MountedImage(image, at: place, options: "rw") } catch {
        print("skipped: the kernel here does not know them")
        return
      }
      try output(of: "python3", "-c", treeScript, mounted.place.string, "1", "60000", "large")
    }
    let ours = TreeListing(try openXFS(image))
    #expect(ours.errors.isEmpty, "\(ours.errors.prefix(3))")
    let kernels = try #require(try kernelTree(of: image, at: place, options: "ro"))
    #expect(kernels.count > 1700)
    #expect(differences(ours.lines, kernels).isEmpty)
  }
}
