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

  init(_ path: GuestPath, _ attributes: FileAttributes, target: FileName?) {
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

extension FileTime {
  /// `2026-11-22T15:04:05.123456789Z`; nanoseconds are left out where there are none.
  var text: String {
    let fraction = nanoseconds == 0 ? "" : ".\(Self.digits(Int64(nanoseconds), 9))"
    return "\(date)T\(clock)\(fraction)Z"
  }

  /// As `ls --full-time` has it: `2026-11-22 15:04:05.123456789 +0000`.
  var listingText: String {
    "\(date) \(clock).\(Self.digits(Int64(nanoseconds), 9)) +0000"
  }

  private var days: Int64 { secondsSince1970.floorDivided(by: 86_400) }

  /// A count of days as a date of the Gregorian calendar, for any count there is.
  private var date: String {
    // Days since 1 March of year 0, in cycles of 400 years.
    let shifted = days + 719_468
    let cycle = shifted.floorDivided(by: 146_097)
    let day = shifted - cycle * 146_097
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365
    let dayOfYear = day - (365 * year + year / 4 - year / 100)
    let month = (5 * dayOfYear + 2) / 153
    let dayOfMonth = dayOfYear - (153 * month + 2) / 5 + 1
    let isNextYear = month >= 10
    let number = year + cycle * 400 + (isNextYear ? 1 : 0)
    return "\(Self.digits(number, 4))-\(Self.digits(month + (isNextYear ? -9 : 3), 2))-"
      + Self.digits(dayOfMonth, 2)
  }

  private var clock: String {
    let seconds = secondsSince1970 - days * 86_400
    return [seconds / 3600, seconds / 60 % 60, seconds % 60].map { Self.digits($0, 2) }
      .joined(separator: ":")
  }

  private static func digits(_ value: Int64, _ count: Int) -> String {
    let digits = String(value.magnitude)
    let zeros = String(repeating: "0", count: max(0, count - digits.utf8.count))
    return (value < 0 ? "-" : "") + zeros + digits
  }
}

extension Int64 {
  fileprivate func floorDivided(by divisor: Int64) -> Int64 {
    let quotient = self / divisor
    return self % divisor < 0 ? quotient - 1 : quotient
  }
}
