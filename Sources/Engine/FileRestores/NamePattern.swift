package import Filesystems

/// A pattern of one name, as shells have them, over bytes.
///
///     pattern := ( "*" | "?" | "[" ["!" | "^"] set "]" | escape | byte )*
///     set     := ( byte | byte "-" byte )+        "]" may come first
///     escape  := "\" ( "n" | "t" | "r" | "x" digit digit | byte )
///
/// "*" matches any bytes and "?" one character, a dot at the start of a name like any other. A "["
/// that is never closed stands for itself. Escapes are those with which names are shown, so that a
/// name can be typed as it is listed; before any other byte a "\" takes its meaning away.
package struct NamePattern: Sendable, Hashable {
  private enum Element: Hashable {
    case byte(UInt8)
    case anyCharacter
    case anyBytes
    case set([ClosedRange<UInt8>], isInverted: Bool)
  }

  private let elements: [Element]

  package init(_ text: some Collection<UInt8>) {
    var elements: [Element] = []
    var rest = Array(text)[...]
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "*"): if elements.last != .anyBytes { elements.append(.anyBytes) }
      case UInt8(ascii: "?"): elements.append(.anyCharacter)
      case UInt8(ascii: "\\"): elements.append(.byte(Self.escaped(&rest)))
      case UInt8(ascii: "["):
        if let (set, end) = Self.set(rest) {
          elements.append(set)
          rest = rest[end...]
        } else {
          elements.append(.byte(byte))
        }
      default: elements.append(.byte(byte))
      }
    }
    self.elements = elements
  }

  package init(_ text: String) { self.init(Array(text.utf8)) }

  /// The one name that it matches; nil where it is more than a name.
  package var literal: FileName? {
    var bytes: [UInt8] = []
    for element in elements {
      guard case .byte(let byte) = element else { return nil }
      bytes.append(byte)
    }
    return FileName(bytes)
  }

  /// The byte that an escape means, its "\" read already.
  private static func escaped(_ rest: inout ArraySlice<UInt8>) -> UInt8 {
    guard let byte = rest.popFirst() else { return UInt8(ascii: "\\") }
    switch byte {
    case UInt8(ascii: "n"): return UInt8(ascii: "\n")
    case UInt8(ascii: "t"): return UInt8(ascii: "\t")
    case UInt8(ascii: "r"): return UInt8(ascii: "\r")
    case UInt8(ascii: "x"):
      let digits = String(decoding: rest.prefix(2), as: UTF8.self)
      guard digits.utf8.count == 2, let value = UInt8(digits, radix: 16) else { return byte }
      rest = rest.dropFirst(2)
      return value
    default: return byte
    }
  }

  /// What stands behind a "[", and where that ends; nil where it is never closed.
  private static func set(_ text: ArraySlice<UInt8>) -> (Element, end: Int)? {
    var place = text.startIndex
    var ranges: [ClosedRange<UInt8>] = []
    let isInverted =
      place < text.endIndex
      && (text[place] == UInt8(ascii: "!") || text[place] == UInt8(ascii: "^"))
    if isInverted { place += 1 }
    let first = place
    while place < text.endIndex {
      if text[place] == UInt8(ascii: "]"), place > first {
        return (.set(ranges, isInverted: isInverted), place + 1)
      }
      let low = text[place]
      let isRange =
        place + 2 < text.endIndex && text[place + 1] == UInt8(ascii: "-")
        && text[place + 2] != UInt8(ascii: "]")
      let high = isRange ? text[place + 2] : low
      if low <= high { ranges.append(low...high) }
      place += isRange ? 3 : 1
    }
    return nil
  }

  package func matches(_ name: FileName) -> Bool {
    let bytes = name.bytes
    var (element, byte) = (0, 0)
    // Where to go on when what follows the last "*" does not match here.
    var retry: (element: Int, byte: Int)?
    while byte < bytes.count || element < elements.count {
      if element < elements.count {
        if elements[element] == .anyBytes {
          retry = (element, byte)
          element += 1
          continue
        }
        if let next = step(elements[element], bytes, byte) {
          (element, byte) = (element + 1, next)
          continue
        }
      }
      guard let (star, start) = retry, start < bytes.count else { return false }
      retry = (star, start + 1)
      (element, byte) = (star + 1, start + 1)
    }
    return true
  }

  /// Where the bytes go on after an element that matches there.
  private func step(_ element: Element, _ bytes: [UInt8], _ place: Int) -> Int? {
    guard place < bytes.count else { return nil }
    switch element {
    case .byte(let wanted): return bytes[place] == wanted ? place + 1 : nil
    case .anyBytes: return nil
    case .anyCharacter: return place + characterByteCount(bytes, place)
    case .set(let ranges, let isInverted):
      let isIn = ranges.contains { $0.contains(bytes[place]) }
      guard isIn != isInverted else { return nil }
      return isInverted ? place + characterByteCount(bytes, place) : place + 1
    }
  }

  /// Bytes of the UTF-8 character there; 1 where it is none.
  private func characterByteCount(_ bytes: [UInt8], _ place: Int) -> Int {
    let count =
      switch bytes[place] {
      case 0xC2...0xDF: 2
      case 0xE0...0xEF: 3
      case 0xF0...0xF4: 4
      default: 1
      }
    let end = place + count
    guard end <= bytes.count, bytes[(place + 1)..<end].allSatisfy({ $0 & 0xC0 == 0x80 }) else {
      return 1
    }
    return count
  }
}
