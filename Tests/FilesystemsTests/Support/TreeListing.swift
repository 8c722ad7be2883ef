import Bytes
import Filesystems

/// All that can be seen of a file system, one line an item, as `KernelTree` prints what the kernel
/// shows of the same one: path, kind, mode, owner, group, links, size, times, and then a checksum
/// of the bytes, a target or a device, and extended attributes. What cannot be read is told as
/// such.
struct TreeListing {
  /// By path.
  private(set) var lines: [String: String] = [:]
  /// Why something could not be read, by path.
  private(set) var errors: [String: String] = [:]
  private(set) var itemCount = 0
  private let limit: Int
  /// Whether times of access are told: reading changes them.
  private let tellsAccess: Bool

  /// - Parameter limit: items at most.
  init(
    _ fileSystem: any FileSystem, limit: Int = 1 << 20, tellsAccess: Bool = true
  ) {
    self.limit = limit
    self.tellsAccess = tellsAccess
    list(fileSystem, fileSystem.root, "", depth: 0)
  }

  private mutating func list(
    _ fileSystem: any FileSystem, _ item: ItemID, _ path: String, depth: Int
  ) {
    itemCount += 1
    guard itemCount <= limit else { return }
    let name = path.isEmpty ? "/" : path
    let attributes: FileAttributes
    do {
      attributes = try fileSystem.attributes(of: item)
    } catch {
      lines[name] = "ERROR"
      errors[name] = "\(error)"
      return
    }
    var fields = [numbers(attributes)]
    do { fields.append(try special(fileSystem, item, attributes)) } catch {
      fields.append("ERROR")
      errors[name] = "\(error)"
    }
    do { fields.append(try extendedAttributes(fileSystem, item)) } catch {
      fields.append("ERROR")
      errors[name] = "\(error)"
    }
    if attributes.kind == .directory, depth < 200 {
      var children: [DirectoryEntry] = []
      do {
        try fileSystem.forEachEntry(of: item) {
          children.append($0)
          return children.count < limit
        }
      } catch {
        fields.append("ERROR")
        errors[name] = "\(error)"
      }
      for child in children {
        list(fileSystem, child.item, path + "/" + escaped(child.name.bytes), depth: depth + 1)
      }
    }
    lines[name] = fields.joined(separator: " ")
  }

  private func extendedAttributes(
    _ fileSystem: any FileSystem, _ item: ItemID
  ) throws -> String {
    try fileSystem.extendedAttributes(of: item)
      .map { "\(escaped($0.name.bytes))=\(hexadecimal($0.value.span.bytes))" }
      .sorted().joined(separator: ",")
  }

  private func numbers(_ attributes: FileAttributes) -> String {
    let kind =
      switch attributes.kind {
      case .regular: "f"
      case .directory: "d"
      case .symbolicLink: "l"
      case .characterDevice: "c"
      case .blockDevice: "b"
      case .pipe: "p"
      case .socket: "s"
      }
    var text =
      "\(kind) \(attributes.permissions) \(attributes.owner) \(attributes.group) "
      + "\(attributes.linkCount) \(attributes.byteCount) \(time(attributes.modified)) "
      + "\(time(attributes.changed))"
    if tellsAccess { text += " \(time(attributes.accessed))" }
    return text
  }

  private func time(_ time: FileTime?) -> String {
    guard let time else { return "-" }
    return "\(time.secondsSince1970):\(time.nanoseconds)"
  }

  private func special(
    _ fileSystem: any FileSystem, _ item: ItemID, _ attributes: FileAttributes
  ) throws -> String {
    switch attributes.kind {
    case .regular: "\(try checksum(fileSystem.content(of: item)))"
    case .symbolicLink: escaped(try fileSystem.target(ofSymbolicLink: item).bytes)
    case .blockDevice, .characterDevice:
      "\(attributes.device?.major ?? 0):\(attributes.device?.minor ?? 0)"
    default: "-"
    }
  }

  /// Of all pieces of the file that are not zeros, as the kernel's side does: so that neither has
  /// to go through large holes.
  private func checksum(_ content: any FileContent) throws -> UInt32 {
    let piece: UInt64 = 1 << 20
    var value = UInt32.max
    var offset: UInt64 = 0
    var memory = [UInt8](repeating: 0, count: Int(min(piece, content.byteCount)))
    while offset < content.byteCount {
      let extent = try content.extent(at: offset)
      guard extent.byteCount > 0, extent.byteCount <= content.byteCount - offset else {
        return 0xBAD
      }
      if extent.storage == .zeros, extent.byteCount >= piece {
        offset += extent.byteCount / piece * piece
        continue
      }
      let count = Int(min(piece, content.byteCount - offset))
      var span = memory.mutableSpan
      var bytes = span.mutableBytes
      var target = bytes._mutatingExtracting(0..<count)
      try content.read(at: offset, into: &target)
      let read = memory.span.bytes.extracting(0..<count)
      if !read.isZero { value = CyclicChecksum.ethernet.updating(value, with: read) }
      offset += UInt64(count)
    }
    return ~value
  }
}

/// Bytes as one word of printable characters.
func escaped(_ bytes: [UInt8]) -> String {
  var text = ""
  for byte in bytes {
    if byte > 0x20, byte < 0x7F, byte != UInt8(ascii: "\\") {
      text.unicodeScalars.append(Unicode.Scalar(byte))
    } else {
      text += "\\x" + hexadecimal([byte].span.bytes)
    }
  }
  return text
}
