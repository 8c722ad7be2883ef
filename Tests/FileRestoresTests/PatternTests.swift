import FileRestores
import Filesystems
import Guests
import TestSupport
import Testing

@Suite struct PatternTests {
  @Test(arguments: [
    ("*", "anything", true), ("*", ".hidden", true), ("*.conf", "a.conf", true),
    ("*.conf", "a.conf.old", false), ("a*b*c", "aXbYbZc", true), ("a*b*c", "aXbY", false),
    ("?", "ü", true), ("?", "ab", false), ("[a-c]x", "bx", true), ("[!a-c]x", "bx", false),
    ("[^a-c]x", "dx", true), ("[]]", "]", true), ("[a", "[a", true), ("\\*", "*", true),
    ("\\*", "x", false), ("a\\nb", "a\nb", true), ("", "", true), ("**", "x", true),
    ("[a-]", "-", true), ("*\\\\", "x\\", true),
  ])
  func `a pattern matches a name as a shell's does`(
    pattern: String, name: String, matches: Bool
  ) {
    #expect(NamePattern(pattern).matches(FileName(name)) == matches, "\(pattern) \(name)")
  }

  @Test func `a name can be typed as it is shown`() {
    for bytes in [[0x62, 0xFF, 0x61], [0x0A], [0x5C], [0x1B, 0x5B], Array("*?[a]".utf8)]
      as [[UInt8]]
    {
      let name = FileName(bytes)
      let pattern = NamePattern(
        name.description.replacing("*", with: "\\*").replacing("?", with: "\\?")
          .replacing("[", with: "\\["))
      #expect(pattern.literal == name, "\(name)")
    }
  }

  @Test func `many stars take no long time`() {
    let pattern = NamePattern(String(repeating: "*a", count: 100) + "b")
    #expect(!pattern.matches(FileName(String(repeating: "a", count: 255))))
  }

  @Test(arguments: [
    ("/etc/*.conf", "/etc/a.conf", true), ("/etc/*.conf", "/etc/d/a.conf", false),
    ("/etc/**/*.conf", "/etc/a.conf", true), ("/etc/**/*.conf", "/etc/d/e/a.conf", true),
    ("/**/hosts", "/hosts", true), ("/**", "/a/b", true),
    ("/home/*/.ssh/**", "/home/me/.ssh/k", true),
    ("/home/*/.ssh", "/home/me/.ssh/k", false), ("/a/**/**/b", "/a/x/y/b", true),
  ])
  func `two stars cross directories`(pattern: String, path: String, matches: Bool) {
    #expect(PathPattern(pattern).matches(GuestPath(path)) == matches, "\(pattern) \(path)")
  }

  @Test func `what exists as it was typed is meant so`() throws {
    let memory = MemoryFileSystem()
    memory.file("a[1].txt", "one")
    memory.file("a1.txt", "two")
    let tree = MountTree(root: memory)
    let selection = try Selection([PathPattern("/a[1].txt")], in: tree)
    #expect(selection.roots.map(\.path.description) == ["/a[1].txt"])
    let other = try Selection([PathPattern("/a[1-9].txt")], in: tree)
    #expect(other.roots.map(\.path.description) == ["/a1.txt"])
  }

  @Test func `what lies below something that is chosen is not chosen twice`() throws {
    let memory = MemoryFileSystem()
    let etc = memory.directory("etc")
    memory.file("hosts", "x", in: etc)
    memory.file("etc-x", "x")
    let tree = MountTree(root: memory)
    let patterns = ["/etc/hosts", "/etc", "/etc-x", "/etc/./hosts"].map { PathPattern($0) }
    let selection = try Selection(patterns, in: tree)
    #expect(selection.roots.map(\.path.description) == ["/etc", "/etc-x"])
  }

  @Test func `what is not there is an error that says so`() {
    let tree = MountTree(root: MemoryFileSystem())
    #expect(throws: PathError.self) { try Selection([PathPattern("/no")], in: tree) }
    #expect(throws: NothingMatches.self) { try Selection([PathPattern("/*.no")], in: tree) }
  }
}

@Suite struct AddressTests {
  @Test(
    arguments: [
      ("web01", "web01", nil, nil),
      ("web01:/etc/hosts", "web01", nil, "/etc/hosts"),
      ("web01:root/1:/boot", "web01", "root/1", "/boot"),
      ("web01:root/1", "web01", "root/1", nil),
      ("web01:vg0/home:/me/a:b", "web01", "vg0/home", "/me/a:b"),
      ("web01:UUID=12ab-34:/x", "web01", "UUID=12ab-34", "/x"),
      ("web01@latest:/x", "web01@latest", nil, "/x"),
      ("web01@2026-11-22:/x", "web01@2026-11-22", nil, "/x"),
      ("web01@2026-11-22T15:04:05Z-7f3a:/x", "web01@2026-11-22T15:04:05Z-7f3a", nil, "/x"),
      (
        "web01@2026-11-22T15:04:05Z-7f3a:root/1:/x", "web01@2026-11-22T15:04:05Z-7f3a", "root/1",
        "/x"
      ),
      ("web01@2026-11-22T15:04:05Z-7f3a", "web01@2026-11-22T15:04:05Z-7f3a", nil, nil),
      ("web01@2026-11-22T15:root/1:/x", "web01@2026-11-22T15", "root/1", "/x"),
      ("web01@2026-11-22T15:04:root/1:/x", "web01@2026-11-22T15:04", "root/1", "/x"),
      ("web01:/a@b:12:34", "web01", nil, "/a@b:12:34"),
      ("web01:", "web01", nil, nil),
    ] as [(String, String, String?, String?)])
  func `an address falls into point, volume and path`(
    text: String, point: String, volume: String?, path: String?
  ) {
    let address = GuestAddress(text)
    #expect(address.point == point)
    #expect(address.place.volume == volume)
    #expect(address.place.path == path)
  }

  @Test(
    arguments: [
      ("/etc/hosts", nil, "/etc/hosts"), ("vg0/home:/me", "vg0/home", "/me"), ("", nil, nil),
      ("disk/1", "disk/1", nil), ("/a:/b", nil, "/a:/b"), ("disk:", "disk", nil),
    ] as [(String, String?, String?)])
  func `a place falls into volume and path`(text: String, volume: String?, path: String?) {
    #expect(GuestPlace(text).volume == volume)
    #expect(GuestPlace(text).path == path)
  }
}
