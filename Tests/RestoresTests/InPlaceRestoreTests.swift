import DiskImages
import Files
import Glibc
import Machines
import SystemPackage
import TestSupport
import Testing
import Vaults
import Workers

@testable import Restores

@Suite struct InPlaceRestoreTests {
  @Test("disks and NVRAM are the point's afterwards, and the old ones lie under a dated name")
  func swapped() throws {
    let bench = try InPlaceBench()
    let journal = try bench.run(bench.restore())
    #expect(journal.disks.map(\.name) == ["root", "data", "vars.fd"])
    #expect(journal.disks.map(\.replaced) == replacedPaths(bench))
    for name in ["root.img", "vars.fd"] {
      expectSame(try readFile(bench.path(name)), bench.backedUp[name] ?? [], "\(Seed.ofThisRun)")
    }
    for name in InPlaceBench.files {
      #expect(try bench.has(bench.replaced(name), bench.changed[name]), "\(name)")
    }
    #expect(try bench.names().count == 6, "nothing else is left")
    let found = try ReplacedDisk.find(beside: InPlaceBench.files.map { bench.path($0) })
    #expect(found.map(\.path.string) == replacedPaths(bench))
    for disk in found { try disk.remove() }
    #expect(try bench.names() == InPlaceBench.files.sorted())
  }

  private func replacedPaths(_ bench: InPlaceBench) -> [String] {
    InPlaceBench.files.map { bench.path(bench.replaced($0)).string }
  }

  @Test("a fixed VHD is one afterwards, of the point's disk, and a raw image stays raw")
  func formats() throws {
    let bench = try InPlaceBench()
    try bench.run(bench.restore())
    let image = try DiskImage(opening: bench.path("data.vhd"))
    let expected = bench.backedUp["data.vhd"] ?? []
    #expect(image.format == .fixedVHD && image.byteCount == UInt64(expected.count - 512))
    let found = try readFile(bench.path("data.vhd"))
    expectSame(Array(found.dropLast(512)), Array(expected.dropLast(512)), "\(Seed.ofThisRun)")
    #expect(try DiskImage(opening: bench.path("root.img")).format == .raw)
  }

  @Test("NVRAM that looks like a disk of another format is bytes all the same")
  func plainNVRAM() throws {
    let bench = try InPlaceBench()
    try writeFile(
      [0x51, 0x46, 0x49, 0xFB, 0, 0, 0, 3] + [UInt8](repeating: 9, count: 600),
      to: bench.path("other.fd"))
    var restore = bench.restore()
    restore.nvram = bench.path("other.fd")
    try bench.run(restore)
    #expect(try bench.has("other.fd", bench.backedUp["vars.fd"]))
    #expect(try bench.has("vars.fd", bench.changed["vars.fd"]), "it is not the machine's any more")
  }

  @Test("a machine without NVRAM now is given none")
  func noNVRAM() throws {
    let bench = try InPlaceBench()
    var restore = bench.restore()
    restore.nvram = nil
    #expect(try bench.run(restore).disks.count == 2)
    #expect(try bench.has("vars.fd", bench.changed["vars.fd"]))
  }

  @Test("the new disks have the owner and the permissions of the old ones")
  func ownership() throws {
    let bench = try InPlaceBench()
    let owner: uid_t = geteuid() == 0 ? 4711 : geteuid()
    for (name, mode) in zip(InPlaceBench.files, [0o600, 0o640, 0o4755] as [mode_t]) {
      let path = bench.path(name).string
      #expect(chown(path, owner, getegid()) == 0 && chmod(path, mode) == 0)
    }
    try bench.run(bench.restore())
    for (name, mode) in zip(InPlaceBench.files, [0o600, 0o640, 0o4755] as [mode_t]) {
      var status = stat()
      #expect(stat(bench.path(name).string, &status) == 0)
      #expect(status.st_mode & 0o7777 == mode && status.st_uid == owner, "\(name)")
    }
  }

  @Test("two restores within one second keep both old states apart")
  func twice() throws {
    let bench = try InPlaceBench()
    try bench.run(bench.restore())
    try writeFile([1, 2, 3], to: bench.path("root.img"))
    try bench.run(bench.restore())
    #expect(try bench.has("root.img", bench.backedUp["root.img"]))
    #expect(try bench.has(bench.replaced("root.img"), bench.changed["root.img"]))
    #expect(try bench.has(bench.replaced("root.img", later: 1), [1, 2, 3]))
    #expect(try bench.names().count == 9)
    let found = try ReplacedDisk.find(beside: [bench.path("root.img")])
    #expect(
      found.map(\.path.lastComponent?.string)
        == [bench.replaced("root.img"), bench.replaced("root.img", later: 1)], "oldest first")
  }

  @Test("links to an image stay, and the image that they lead to is replaced where it lies")
  func links() throws {
    let bench = try InPlaceBench()
    try makeDirectory(bench.directory.appending("links"))
    let link = bench.directory.appending("links/root.img")
    #expect(symlink(bench.path("root.img").string, link.string) == 0)
    let disks = [Machine.Disk(name: "root", source: link.string), bench.disk("data", "data.vhd")]
    try bench.run(bench.restore(disks))
    #expect(try directoryEntries(bench.directory.appending("links")) == ["root.img"])
    #expect(try bench.has("root.img", bench.backedUp["root.img"]))
    #expect(try bench.has(bench.replaced("root.img"), bench.changed["root.img"]))
    let found = try ReplacedDisk.find(beside: [link])
    #expect(found.map(\.path) == [bench.path(bench.replaced("root.img"))])
  }

  @Test("a restore that is cancelled, or finds chunks damaged, leaves the old disks and no more")
  func failing() throws {
    let bench = try InPlaceBench()
    let cancellation = Cancellation()
    cancellation.request()
    #expect(throws: Cancelled.self) {
      try bench.run(bench.restore(), cancellation: cancellation)
    }
    #expect(try bench.isUntouched())
    try bench.spoilPacks()
    #expect(throws: (any Error).self) { try bench.run(bench.restore()) }
    #expect(try bench.isUntouched(), "\(Seed.ofThisRun)")
  }

  @Test("a point of which the last file is damaged leaves all disks as they were")
  func lastDamaged() throws {
    var bench = try InPlaceBench()
    bench.point.files?[1].content.root = String(repeating: "5", count: 64)
    #expect(bench.point.files?[1].kind == .nvram)
    #expect(throws: (any Error).self) { try bench.run(bench.restore()) }
    #expect(try bench.isUntouched())
  }
}
