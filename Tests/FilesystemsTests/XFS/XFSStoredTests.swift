import BlockDevices
import Filesystems
import TestSupport
import Testing

/// Against what Linux showed of images that it filled, when it had replayed their logs.
@Suite struct XFSStoredTests {
  @Test(arguments: StoredImage.xfsWithLogs)
  func `an image with a log is read as Linux shows it`(_ stored: StoredImage) throws {
    let fileSystem = try openImage(stored.bytes())
    #expect(fileSystem.typeName == "xfs")
    #expect(fileSystem.state.sentence == "journal replayed (3 transactions)")
    let ours = TreeListing(fileSystem, tellsAccess: false)
    #expect(ours.errors.isEmpty, "\(ours.errors.prefix(3))")
    #expect(differences(ours.lines, linesByPath(try stored.listing())).isEmpty)
  }

  @Test func `an image that was unmounted shows the same as the one whose log was replayed`() throws
  {
    let fileSystem = try openImage(StoredImage.cleanXFS.bytes())
    #expect(fileSystem.state == FileSystemState())
    let ours = TreeListing(fileSystem, tellsAccess: false)
    let listing = try StoredImage.xfsWithLogs[1].listing()
    #expect(differences(ours.lines, linesByPath(listing)).isEmpty)
  }

  @Test(arguments: StoredImage.xfs)
  func `a name in a large directory is found by a few of its blocks`(_ stored: StoredImage) throws {
    let bytes = try stored.bytes()
    let whole = try openImage(bytes)
    for name in ["short", "block", "leaf", "node"] {
      let directory = try whole.item(name)
      var entries: [FileName: ItemID] = [:]
      try whole.forEachEntry(of: directory) {
        entries[$0.name] = $0.item
        return true
      }
      for (name, item) in entries {
        #expect(try whole.entry(named: name, in: directory)?.item == item)
      }
      #expect(try whole.entry(named: "nobody", in: directory) == nil)
    }
    let recorder = RecordingDevice(bytes)
    let fileSystem = try #require(try XFSFileSystem.open(recorder))
    let node = try fileSystem.item("node")
    let before = recorder.ranges.count
    #expect(try fileSystem.entry(named: "node number 501", in: node) != nil)
    #expect(recorder.ranges.count - before < 24)
  }
}
