/// A name, or what a symbolic link points to: bytes, of no certain encoding.
package struct FileName: Hashable, Sendable, Comparable, CustomStringConvertible {
  package let bytes: [UInt8]

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  package init(_ text: String) { bytes = Array(text.utf8) }

  /// In the order of the bytes.
  package static func < (a: FileName, b: FileName) -> Bool {
    a.bytes.lexicographicallyPrecedes(b.bytes)
  }

  /// The name as a terminal may show it: control characters, backslashes and what is no UTF-8 are
  /// escaped as `\n`, `\\` and `\xFF`.
  package var description: String {
    if bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }) {
      return String(decoding: bytes, as: UTF8.self)
    }
    var text = ""
    var rest = bytes[...]
    while !rest.isEmpty {
      if let (scalar, length) = firstScalar(of: rest) {
        text += escaped(scalar)
        rest = rest.dropFirst(length)
      } else {
        text += escaped(byte: rest.removeFirst())
      }
    }
    return text
  }

  private func firstScalar(of bytes: ArraySlice<UInt8>) -> (Unicode.Scalar, length: Int)? {
    var decoder = UTF8()
    var iterator = bytes.prefix(4).makeIterator()
    guard case .scalarValue(let scalar) = decoder.decode(&iterator) else { return nil }
    return (scalar, UTF8.width(scalar))
  }

  private func escaped(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\n": "\\n"
    case "\t": "\\t"
    case "\r": "\\r"
    case "\\": "\\\\"
    default:
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate:
        UTF8.encode(scalar)!.map { escaped(byte: $0) }.joined()
      default: String(scalar)
      }
    }
  }

  private func escaped(byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return "\\x" + (digits.count < 2 ? "0" : "") + digits
  }
}

extension FileName: ExpressibleByStringLiteral {
  package init(stringLiteral text: String) { self.init(text) }
}
