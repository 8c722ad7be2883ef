import Vaults

/// Sizes, times and rates as people read them.
enum Text {
  /// `1.4 GiB`; bytes below one KiB as they are.
  static func size(_ byteCount: UInt64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    var value = Double(byteCount)
    var unit = 0
    while value >= 1024, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    return unit == 0 ? "\(byteCount) B" : "\(decimal(value)) \(units[unit])"
  }

  static func rate(_ byteCount: UInt64, seconds: Double) -> String {
    size(UInt64(Double(byteCount) / max(seconds, 0.001))) + "/s"
  }

  /// `0.8 s`, `42 s`, `3:05 min`, `2:10 h`.
  static func duration(_ seconds: Double) -> String {
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    if seconds < 9.95 { return "\(decimal(seconds)) s" }
    let whole = Int(min(seconds.rounded(), 1e9))
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60):\(two(whole % 60)) min" }
    return "\(whole / 3600):\(two(whole / 60 % 60)) h"
  }

  /// How many times larger `plain` is than `stored`: `3.1 : 1`.
  static func ratio(_ plain: UInt64, to stored: UInt64) -> String {
    stored == 0 ? "–" : "\(decimal(Double(plain) / Double(stored))) : 1"
  }

  static func count(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
  }

  /// `text` as one word of a shell's command line.
  static func word(_ text: String) -> String {
    let plain = text.utf8.allSatisfy { byte in
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        || (UInt8(ascii: "+")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
    }
    return plain && !text.isEmpty ? text : "'\(text.replacing("'", with: "'\\''"))'"
  }

  /// `text` as it is where it stays on one line and moves no cursor, else quoted.
  static func line(_ text: String) -> String {
    let quoted = quoted(text)
    return quoted.dropFirst().dropLast() == text[...] ? text : quoted
  }

  /// One decimal below a hundred, none above.
  static func decimal(_ value: Double) -> String {
    if value >= 99.95 { return String(Int(value.rounded())) }
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }
}

/// Rows of text in columns as wide as their widest cell.
struct Table {
  private var rows: [[String]]
  private let isRightAligned: [Bool]

  /// - Parameter columns: a title each; one that begins with ">" is aligned right.
  init(_ columns: [String]) {
    isRightAligned = columns.map { $0.hasPrefix(">") }
    rows = [columns.map { $0.hasPrefix(">") ? String($0.dropFirst()) : $0 }]
  }

  mutating func add(_ row: [String]) { rows.append(row) }

  var text: String {
    let widths = isRightAligned.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let cells = row.enumerated().map { column, cell in
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        return isRightAligned[column] ? padding + cell : cell + padding
      }
      var line = cells.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }.joined(separator: "\n")
  }
}
