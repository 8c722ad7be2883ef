import Bytes
import Filesystems
import Hashing

/// Everything that a file system shows, by path, as the listings in `Fixtures/Filesystems` have it.
struct WholeTree {
  enum Item: Hashable {
    case directory(permissions: UInt16, seconds: Int64)
    case file(permissions: UInt16, seconds: Int64, byteCount: UInt64, digest: String)
  }

  private(set) var items: [String: Item] = [:]
  /// What could not be read, and why.
  private(set) var errors: [String: String] = [:]

  init() {}

  init(_ fileSystem: any FileSystem) {
    var tree = WholeTree()
    fileSystem.walk(
      visiting: { path, item in
        let attributes = try fileSystem.attributes(of: item)
        let (permissions, seconds) = (attributes.permissions, attributes.modified.secondsSince1970)
        if attributes.kind == .directory {
          tree.items[path] = .directory(permissions: permissions, seconds: seconds)
        } else {
          let bytes = try fileSystem.content(of: item).bytes(limit: 1 << 30)
          tree.items[path] = .file(
            permissions: permissions, seconds: seconds, byteCount: UInt64(bytes.count),
            digest: sha256(bytes))
        }
      },
      failing: { tree.errors[$0] = "\($1)" })
    self = tree
  }

  /// A tree as `list` in `Fixtures/Filesystems` shows it.
  init(listing: String) {
    for line in listing.split(separator: "\n") {
      let path = String(line[line.firstIndex(of: "/")!...])
      let fields = line[..<line.firstIndex(of: "/")!].split(separator: " ").map(String.init)
      let (permissions, seconds) = (UInt16(fields[1], radix: 8)!, Int64(fields[2])!)
      items[path] =
        fields[0] == "d"
        ? .directory(permissions: permissions, seconds: seconds)
        : .file(
          permissions: permissions, seconds: seconds, byteCount: UInt64(fields[3])!,
          digest: fields[4])
    }
  }

  /// What differs from another tree, a line each; empty where both are the same.
  func differences(from other: WholeTree) -> [String] {
    Set(items.keys).union(other.items.keys).sorted().compactMap { path in
      let (one, two) = (items[path], other.items[path])
      if one == two { return nil }
      return "\(path): \(one.map { "\($0)" } ?? "missing"), not \(two.map { "\($0)" } ?? "missing")"
    } + errors.map { "\($0): \($1)" }
  }
}

func sha256(_ bytes: [UInt8]) -> String {
  var digester = Digester()
  return "\(digester.digest(bytes.span.bytes))"
}

extension FileSystem {
  /// Visits every item below the root; what is thrown is told to `failing` and the walk goes on.
  ///
  /// - Parameter limit: items at most, for a directory may hold one that it is in itself.
  func walk(
    limit: Int = 1 << 20, visiting: (String, ItemID) throws -> Void,
    failing: (String, any Error) -> Void
  ) {
    var open: [(path: String, item: ItemID)] = [("", root)]
    var known: Set<ItemID> = [root]
    var visited = 0
    while let directory = open.popLast() {
      do {
        try forEachEntry(of: directory.item) { entry in
          let path = "\(directory.path)/\(String(decoding: entry.name.bytes, as: UTF8.self))"
          visited += 1
          do { try visiting(path, entry.item) } catch { failing(path, error) }
          if entry.kind == .directory, known.insert(entry.item).inserted {
            open.append((path, entry.item))
          }
          return visited < limit
        }
      } catch {
        failing(directory.path, error)
      }
    }
  }
}
