import Hashing
import Stores
import TestSupport
import Testing

@Suite struct ObjectPathTests {
  @Test("a path says which pack or segment lies there, and only the place itself does")
  func digests() {
    let name = digest(7)
    let hex = name.description
    #expect(ObjectPath.pack(PackID(name)).pack == PackID(name))
    #expect(ObjectPath.segment(name).segment == name)
    #expect(ObjectPath.pack(PackID(name)).segment == nil && ObjectPath.segment(name).pack == nil)
    for text in [
      "packs/\(hex).pack", "packs/00/\(hex).pack", "packs/\(hex.prefix(2))/x/\(hex).pack",
      "packs/\(hex.prefix(2))/\(hex.uppercased()).pack", "packs/\(hex.prefix(2))/\(hex).pack.old",
      "packs/\(hex.prefix(2))/\(hex.dropLast()).pack", "index/\(hex).pack", "/\(hex).pack",
      "packs//\(hex.prefix(2))/\(hex).pack", "packs/\(hex.prefix(2))/\(hex)", ".pack", "",
    ] {
      #expect(ObjectPath(listed: text).pack == nil, "\(text)")
    }
    for text in [
      "index/a/\(hex).index", "index/\(hex.uppercased()).index", "\(hex).index", "index/",
    ] {
      #expect(ObjectPath(listed: text).segment == nil, "\(text)")
    }
  }

  @Test("a point's path gives its machine and its name, and nothing deeper or shallower does")
  func points() {
    let path = ObjectPath.point(machine: "web 01", name: "2026-11-22T15:04:05Z-7f3a")
    #expect(path.point?.machine == "web 01")
    #expect(path.point?.name == "2026-11-22T15:04:05Z-7f3a")
    for text in [
      "points/a.json", "points/a/b/c.json", "points/a/b.txt", "machines/a/b.json",
      "/points/a/b.json", "points/a/b.json/",
    ] {
      #expect(ObjectPath(listed: text).point == nil, "\(text)")
    }
  }

  @Test("an object belongs into its own folder, and what Kluis does not write into none")
  func folders() {
    let objects: [(ObjectPath, ObjectFolder)] = [
      (.pack(PackID(digest(1))), .packs), (.segment(digest(2)), .index),
      (.point(machine: "a", name: "b"), .points), (.machine("a"), .machines),
      (.lock(of: .point(machine: "a", name: "b")), .locks),
      (.removal(of: .point(machine: "a", name: "b")), .trash), (.tombstone("0f"), .trash),
      (.lease("0f"), .leases),
    ]
    for (path, home) in objects {
      for folder in ObjectFolder.allCases {
        // Both are flat folders of documents: a path says which one it is in.
        let isFlat = [.machines, .leases].contains(folder)
        if isFlat, folder != home { continue }
        #expect(path.isObject(in: folder) == (folder == home), "\(path) in \(folder)")
      }
    }
    let strangers: [(String, ObjectFolder)] = [
      ("packs/README", .packs), ("index/lost+found", .index), ("points/a/notes.txt", .points),
      ("trash/a.json", .trash), ("trash/a/b/c.json", .trash), ("trash/a/b.tombstone", .trash),
      ("locks/a.json", .locks), ("machines/a/b.json", .machines), ("machines/a.json~", .machines),
      ("points/a.json", .points),
    ]
    for (text, folder) in strangers {
      #expect(!ObjectPath(listed: text).isObject(in: folder), "\(text)")
    }
  }
}
