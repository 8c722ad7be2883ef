import Files
import Filesystems
import Glibc
import SystemPackage
import TestSupport
import Testing

/// What a Windows left behind that is not in its files.
@Suite(.serialized) struct NTFSStateTests {
  @Test(arguments: [
    ("HIBR", true), ("hibr", true), ("wake", false), ("\0\0\0\0", false), ("", false),
  ])
  func `a Windows that is hibernated is told`(magic: String, isHibernated: Bool) throws {
    guard canUseNTFS3G() else { return }
    let directory = try TemporaryDirectory(isInMemory: true)
    let image = directory.appending("image")
    try makeNTFSImage(image, megabytes: 16)
    do {
      let mounted = try NTFS3GMount(image, at: directory.appending("mounted"))
      let bytes = Array(magic.utf8) + [UInt8](repeating: 0, count: magic.isEmpty ? 0 : 9000)
      try writeFile(bytes, to: mounted.place.appending("hiberfil.sys"), sparse: false)
    }
    let state = try openNTFS(image).state
    #expect(
      state.warnings
        == (isHibernated ? ["Windows is hibernated, so what it has in memory is not here"] : []))
    #expect(state.journal == .clean)
  }

  @Test func `a stream that Linux has no room for is had by its name`() throws {
    guard canUseNTFS3G() else { return }
    var random = Seed.ofThisRun.random
    let directory = try TemporaryDirectory(isInMemory: true)
    let image = directory.appending("image")
    try makeNTFSImage(image, megabytes: 16)
    let bytes = random.bytes(300_000)
    do {
      let mounted = try NTFS3GMount(
        image, at: directory.appending("mounted"), options: "streams_interface=windows")
      try writeFile([1], to: mounted.place.appending("file"), sparse: false)
      try writeFile(bytes, to: mounted.place.appending("file:large"), sparse: false)
      try writeFile([2], to: mounted.place.appending("file:small"), sparse: false)
    }
    let fileSystem = try openNTFS(image)
    let file = try fileSystem.item("file")
    #expect(
      try fileSystem.namedStreams(of: file) == [
        NamedStream(name: "large", byteCount: 300_000, isAttribute: false),
        NamedStream(name: "small", byteCount: 1, isAttribute: true),
      ])
    #expect(try fileSystem.content(ofStream: "large", of: file).bytes(limit: 1 << 20) == bytes)
    #expect(
      try fileSystem.extendedAttributes(of: file).map(\.name)
        == ["user.small", "system.ntfs_acl", "system.ntfs_attrib"])
    #expect(try fileSystem.bytes("file") == [1])
  }
}
