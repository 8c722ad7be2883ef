/// The text in which LVM2 keeps what it knows of a volume group.
///
///     text    := setting*
///     setting := name section | name "=" value
///     section := "{" setting* "}"
///     value   := number | string | word | "[" [value ("," value)*] "]"
///     string  := '"' (byte | "\" byte)* '"'
///
/// Words are of letters, digits and `_.+-/@`; "#" begins a comment up to the end of the line; a
/// zero byte ends the text. Source: LVM2, libdm/libdm-config.c and lib/format_text/export.c.
indirect enum MetadataValue: Sendable, Equatable {
  case integer(Int64)
  case text(String)
  case list([MetadataValue])
  case section(MetadataSection)
}

/// Settings and sections by their names, in the order of the text. Where a name comes twice the
/// first one counts.
struct MetadataSection: Sendable, Equatable {
  private(set) var names: [String] = []
  private var values: [String: MetadataValue] = [:]

  fileprivate mutating func set(_ name: String, _ value: MetadataValue) {
    guard values[name] == nil else { return }
    names.append(name)
    values[name] = value
  }

  subscript(name: String) -> MetadataValue? { values[name] }
}

/// Text that is not what it should be.
struct MetadataDamage: Error, Equatable, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// - Throws: ``MetadataDamage``.
func parseMetadata(_ text: [UInt8]) throws(MetadataDamage) -> MetadataSection {
  var parser = MetadataParser(text)
  return try parser.settings(until: nil)
}

private struct MetadataParser {
  private let text: [UInt8]
  private var place = 0
  private var depth = 0
  private var count = 0

  /// Sections and lists within one another; LVM2 writes five.
  private static let depthLimit = 16
  /// Settings and values in all; ten thousand volumes have about as many.
  private static let countLimit = 1 << 19

  init(_ text: [UInt8]) { self.text = text }

  mutating func settings(until end: UInt8?) throws(MetadataDamage) -> MetadataSection {
    depth += 1
    guard depth <= Self.depthLimit else { throw damage("it is nested too deeply") }
    defer { depth -= 1 }
    var section = MetadataSection()
    while true {
      skipBlanks()
      if let next = peek, next == end {
        place += 1
        return section
      }
      if peek == nil {
        guard end == nil else { throw damage("it ends within a section") }
        return section
      }
      try countOne()
      let name = try name()
      skipBlanks()
      switch peek {
      case UInt8(ascii: "{"):
        place += 1
        section.set(name, .section(try settings(until: UInt8(ascii: "}"))))
      case UInt8(ascii: "="):
        place += 1
        section.set(name, try value())
      default: throw damage("neither a value nor a section follows \(name)")
      }
    }
  }

  private mutating func value() throws(MetadataDamage) -> MetadataValue {
    try countOne()
    skipBlanks()
    switch peek {
    case UInt8(ascii: "\""): return .text(try string())
    case UInt8(ascii: "["): return .list(try list())
    default:
      let word = try word()
      if let number = Int64(word) { return .integer(number) }
      return .text(word)
    }
  }

  private mutating func countOne() throws(MetadataDamage) {
    count += 1
    guard count <= Self.countLimit else { throw damage("it has too many values") }
  }

  private mutating func list() throws(MetadataDamage) -> [MetadataValue] {
    depth += 1
    guard depth <= Self.depthLimit else { throw damage("it is nested too deeply") }
    defer { depth -= 1 }
    place += 1
    var values: [MetadataValue] = []
    while true {
      skipBlanks()
      if peek == UInt8(ascii: "]") {
        place += 1
        return values
      }
      if !values.isEmpty {
        guard peek == UInt8(ascii: ",") else { throw damage("a list does not go on") }
        place += 1
      }
      values.append(try value())
    }
  }

  private mutating func name() throws(MetadataDamage) -> String {
    peek == UInt8(ascii: "\"") ? try string() : try word()
  }

  private mutating func word() throws(MetadataDamage) -> String {
    let start = place
    while let byte = peek, isWord(byte) { place += 1 }
    guard place > start else { throw damage("a word is missing") }
    return String(decoding: text[start..<place], as: UTF8.self)
  }

  private mutating func string() throws(MetadataDamage) -> String {
    place += 1
    var bytes: [UInt8] = []
    while let byte = peek {
      place += 1
      if byte == UInt8(ascii: "\"") { return String(decoding: bytes, as: UTF8.self) }
      if byte == UInt8(ascii: "\\"), let next = peek {
        place += 1
        bytes.append(next)
      } else {
        bytes.append(byte)
      }
    }
    throw damage("a string does not end")
  }

  private mutating func skipBlanks() {
    while let byte = peek {
      if byte == UInt8(ascii: "#") {
        while let other = peek, other != UInt8(ascii: "\n") { place += 1 }
      } else if byte == UInt8(ascii: " ") || (0x09...0x0D).contains(byte) {
        place += 1
      } else {
        return
      }
    }
  }

  /// The next byte; nil at the end, which a zero is too.
  private var peek: UInt8? { place < text.count && text[place] != 0 ? text[place] : nil }

  private func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "+")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "@"):
      byte != UInt8(ascii: ",")
    default: false
    }
  }

  private func damage(_ reason: String) -> MetadataDamage {
    MetadataDamage("\(reason) (byte \(place) of its text)")
  }
}
