import Filesystems
import Testing

/// Against what Linux showed of the images that it filled.
@Suite struct KernelImageTests {
  @Test(arguments: StoredImage.all)
  func `an image that Linux filled is read as Linux shows it`(image: StoredImage) throws {
    let fileSystem = try openImage(image.bytes())
    #expect(fileSystem.typeName == (image.name.hasPrefix("exfat") ? "exfat" : "vfat"))
    #expect(fileSystem.state == FileSystemState())
    let expected = try image.tree()
    #expect(expected.items.count == 103)
    #expect(WholeTree(fileSystem).differences(from: expected) == [])
  }

  @Test(arguments: StoredImage.all)
  func `every item is found by its name, in whatever case`(image: StoredImage) throws {
    let fileSystem = try openImage(image.bytes())
    func find(_ path: String) throws -> DirectoryEntry? {
      var found: DirectoryEntry?
      for name in path.split(separator: "/") {
        let directory = found?.item ?? fileSystem.root
        guard let next = try fileSystem.entry(named: FileName(String(name)), in: directory) else {
          return nil
        }
        found = next
      }
      return found
    }
    for path in try image.tree().items.keys {
      let found = try find(path)
      #expect(found?.name.description == path.split(separator: "/").last.map(String.init))
      let upper = path == "/ünïcode dir/Straße été.txt" ? path : path.uppercased()
      #expect(try find(upper)?.item == found?.item)
      #expect(try find(path + " ") == nil)
    }
  }
}
