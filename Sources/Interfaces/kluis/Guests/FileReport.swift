import Bytes
import FileRestores
import Filesystems
import Guests

/// A file or directory as `--json` shows it.
struct FileReport: Encodable {
  /// Escaped as on a terminal where it is no UTF-8, and then in `pathBytes` as it is.
  let path: String
  let pathBytes: String?
  let type: String
  /// Octal: "0644".
  let mode: String
  let links: UInt32
  let owner: UInt32
  let group: UInt32
  let size: UInt64
  let modified: String
  let accessed: String?
  let changed: String?
  let created: String?
  let target: String?
  let targetBytes: String?
  /// "8:1", of a device.
  let device: String?
  /// Streams of a file of NTFS besides its bytes; nil where it has none.
  let streams: [StreamReport]?

  init(
    _ path: GuestPath, _ attributes: FileAttributes, target: FileName?, streams: [NamedStream] = []
  ) {
    self.path = Self.text(path.bytes)
    pathBytes = Self.hexadecimal(path.bytes)
    type = attributes.kind.name
    let digits = String(attributes.permissions & 0o7777, radix: 8)
    mode = String(repeating: "0", count: 4 - digits.count) + digits
    links = attributes.linkCount
    owner = attributes.owner
    group = attributes.group
    size = attributes.byteCount
    modified = attributes.modified.text
    accessed = attributes.accessed?.text
    changed = attributes.changed?.text
    created = attributes.created?.text
    self.target = target.map { Self.text($0.bytes) }
    targetBytes = target.flatMap { Self.hexadecimal($0.bytes) }
    device = attributes.device.map { "\($0.major):\($0.minor)" }
    self.streams = streams.isEmpty ? nil : streams.map(StreamReport.init)
  }

  /// The text itself where it is UTF-8, for a program has no trouble with what a terminal cannot
  /// show.
  static func text(_ bytes: [UInt8]) -> String {
    String(validating: bytes, as: UTF8.self) ?? FileName(bytes).description
  }

  /// Nil where the text says it all.
  static func hexadecimal(_ bytes: [UInt8]) -> String? {
    if String(validating: bytes, as: UTF8.self) != nil { return nil }
    return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

/// A stream of a file besides its bytes, as `--json` shows it.
struct StreamReport: Encodable {
  let name: String
  let size: UInt64

  init(_ stream: NamedStream) {
    name = FileReport.text(stream.name.bytes)
    size = stream.byteCount
  }
}

/// A path that could not be looked at, as `--json` shows it.
struct ProblemReport: Encodable {
  let path: String
  let pathBytes: String?
  let reason: String

  init(_ path: GuestPath, _ reason: String) {
    self.path = FileReport.text(path.bytes)
    pathBytes = FileReport.hexadecimal(path.bytes)
    self.reason = reason
  }
}

extension FileKind {
  var name: String {
    switch self {
    case .regular: "file"
    case .directory: "directory"
    case .symbolicLink: "symlink"
    case .characterDevice: "character-device"
    case .blockDevice: "block-device"
    case .pipe: "pipe"
    case .socket: "socket"
    }
  }

  /// As `ls -l` begins its lines.
  var letter: String {
    switch self {
    case .regular: "-"
    case .directory: "d"
    case .symbolicLink: "l"
    case .characterDevice: "c"
    case .blockDevice: "b"
    case .pipe: "p"
    case .socket: "s"
    }
  }
}

extension FileAttributes {
  /// `drwxr-sr-x`.
  var modeText: String {
    var letters = Array(kind.letter)
    for shift in [6, 3, 0] as [UInt16] {
      let bits = permissions >> shift
      letters.append(bits & 4 == 0 ? "-" : "r")
      letters.append(bits & 2 == 0 ? "-" : "w")
      letters.append(bits & 1 == 0 ? "-" : "x")
    }
    func mark(_ bit: UInt16, _ place: Int, _ small: Character, _ large: Character) {
      if permissions & bit != 0 { letters[place] = letters[place] == "x" ? small : large }
    }
    mark(0o4000, 3, "s", "S")
    mark(0o2000, 6, "s", "S")
    mark(0o1000, 9, "t", "T")
    return String(letters)
  }
}
