internal import Filesystems

/// The header of one member of a tar archive, as POSIX.1-2001 (pax) has it.
///
///     member := [extended] header data
///     header := name:100 mode:8 uid:8 gid:8 size:12 mtime:12 checksum:8 type:1 linkname:100
///               "ustar\0" "00" uname:32 gname:32 devmajor:8 devminor:8 prefix:155 zeros:12
///     extended := header of type "x", then records, filled up with zeros to 512 bytes
///     record := length " " keyword "=" value "\n"
///
/// Numbers are octal digits, a zero byte behind them. What a header has no room for, or cannot say,
/// is in a record. Owners have numbers and no names, so that they are restored as on the disk.
struct PaxHeader {
  /// Without a slash at the start; a directory's ends with one.
  var path: [UInt8]
  var type: UInt8
  var permissions: UInt16 = 0
  var owner: UInt32 = 0
  var group: UInt32 = 0
  /// Of the data that follow.
  var byteCount: UInt64 = 0
  var modified = FileTime(secondsSince1970: 0)
  var accessed: FileTime?
  var changed: FileTime?
  var linkTarget: [UInt8] = []
  var device: DeviceNumber?
  /// Further records, in this order.
  var records: [(keyword: [UInt8], value: [UInt8])] = []

  static let blockByteCount = 512

  init(path: [UInt8], type: Character) {
    self.path = path
    self.type = type.asciiValue!
  }

  func encoded() -> [UInt8] {
    var extended = extendedRecords()
    let header = header(path: path, type: type, byteCount: byteCount)
    guard !extended.isEmpty else { return header }
    let name = Array("PaxHeaders/".utf8) + path.suffix(80).drop { $0 == UInt8(ascii: "/") }
    let length = UInt64(extended.count)
    padToBlock(&extended)
    return self.header(path: name, type: UInt8(ascii: "x"), byteCount: length) + extended + header
  }

  // MARK: records

  private func extendedRecords() -> [UInt8] {
    var all: [(keyword: [UInt8], value: [UInt8])] = []
    func add(_ keyword: String, _ value: some Sequence<UInt8>) {
      all.append((Array(keyword.utf8), Array(value)))
    }
    // Records are UTF-8 by default, where headers are bytes of any kind.
    let longNames = [
      ("path", path, fits: split(path) != nil),
      ("linkpath", linkTarget, fits: linkTarget.count <= 100),
    ].filter { _, name, fits in !fits || !isASCII(name) && isUTF8(name) }
    if longNames.contains(where: { !isUTF8($0.1) }) { add("hdrcharset", "BINARY".utf8) }
    for (keyword, name, _) in longNames { add(keyword, name) }
    if byteCount > Self.largest(digits: 11) { add("size", "\(byteCount)".utf8) }
    if owner > Self.largest(digits: 7) { add("uid", "\(owner)".utf8) }
    if group > Self.largest(digits: 7) { add("gid", "\(group)".utf8) }
    if modified.nanoseconds > 0 || octal(modified) == nil { add("mtime", text(modified).utf8) }
    if let accessed { add("atime", text(accessed).utf8) }
    if let changed { add("ctime", text(changed).utf8) }
    return (all + records).flatMap { record($0.keyword, $0.value) }
  }

  /// A record's length counts its own digits.
  private func record(_ keyword: [UInt8], _ value: [UInt8]) -> [UInt8] {
    let rest = keyword.count + value.count + 3
    var length = rest + String(rest).utf8.count
    if String(length).utf8.count > String(rest).utf8.count { length += 1 }
    return Array("\(length) ".utf8) + keyword + [UInt8(ascii: "=")] + value + [UInt8(ascii: "\n")]
  }

  /// Seconds since 1970 as a decimal number.
  private func text(_ time: FileTime) -> String {
    guard time.nanoseconds > 0 else { return "\(time.secondsSince1970)" }
    var (seconds, nanoseconds) = (time.secondsSince1970, Int(time.nanoseconds))
    let isNegative = seconds < 0
    // -1.25 is two seconds before 1970 and 0.75 of one after that.
    if isNegative { (seconds, nanoseconds) = (seconds + 1, 1_000_000_000 - nanoseconds) }
    let digits = String(nanoseconds)
    let fraction = String(repeating: "0", count: 9 - digits.count) + digits
    return "\(isNegative ? "-" : "")\(seconds.magnitude).\(fraction)"
  }

  // MARK: the header

  private func header(path: [UInt8], type: UInt8, byteCount: UInt64) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: Self.blockByteCount)
    func put(_ bytes: some Sequence<UInt8>, _ place: Int, _ room: Int) {
      for (index, byte) in bytes.prefix(room).enumerated() { block[place + index] = byte }
    }
    func number(_ value: UInt64, _ place: Int, digits: Int) {
      put(Self.octalDigits(value, digits), place, digits)
    }
    let (prefix, name) = split(path) ?? ([], path.suffix(100))
    put(name, 0, 100)
    number(UInt64(permissions & 0o7777), 100, digits: 7)
    number(UInt64(owner), 108, digits: 7)
    number(UInt64(group), 116, digits: 7)
    number(byteCount, 124, digits: 11)
    number(octal(modified) ?? 0, 136, digits: 11)
    put(repeatElement(UInt8(ascii: " "), count: 8), 148, 8)
    block[156] = type
    put(linkTarget, 157, 100)
    put("ustar\u{0}00".utf8, 257, 8)
    number(UInt64(device?.major ?? 0), 329, digits: 7)
    number(UInt64(device?.minor ?? 0), 337, digits: 7)
    put(prefix, 345, 155)
    let sum = block.reduce(UInt64(0)) { $0 + UInt64($1) }
    number(sum, 148, digits: 6)
    block[154] = 0
    return block
  }

  /// A path as the header's two fields take it; nil where it does not fit.
  private func split(_ path: [UInt8]) -> (prefix: [UInt8], name: ArraySlice<UInt8>)? {
    if path.count <= 100 { return ([], path[...]) }
    // The first slash after which the rest fits; one at the very end is the name's own.
    let slash = UInt8(ascii: "/")
    guard let place = path.dropLast().suffix(101).firstIndex(of: slash), place <= 155 else {
      return nil
    }
    let name = path[(place + 1)...]
    return name.count <= 100 ? (Array(path[..<place]), name) : nil
  }

  private func octal(_ time: FileTime) -> UInt64? {
    guard time.secondsSince1970 >= 0 else { return nil }
    let seconds = UInt64(time.secondsSince1970)
    return seconds <= Self.largest(digits: 11) ? seconds : nil
  }

  private static func largest(digits: Int) -> UInt64 { (1 << UInt64(3 * digits)) - 1 }

  /// Exactly so many digits; zeros for what has more, which a record says.
  private static func octalDigits(_ value: UInt64, _ count: Int) -> [UInt8] {
    let digits = value > largest(digits: count) ? "0" : String(value, radix: 8)
    return Array(repeating: UInt8(ascii: "0"), count: count - digits.utf8.count) + digits.utf8
  }

  private func isASCII(_ bytes: [UInt8]) -> Bool { bytes.allSatisfy { $0 < 0x80 } }

  private func isUTF8(_ bytes: [UInt8]) -> Bool { String(validating: bytes, as: UTF8.self) != nil }
}

/// Fills up with zeros to a whole number of blocks.
func padToBlock(_ bytes: inout [UInt8]) {
  let rest = bytes.count % PaxHeader.blockByteCount
  if rest > 0 { bytes += repeatElement(0, count: PaxHeader.blockByteCount - rest) }
}
