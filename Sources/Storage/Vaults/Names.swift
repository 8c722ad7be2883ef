/// A name of a machine or disk that cannot be used.
package struct NameError: Error, CustomStringConvertible {
  package let what: String
  package let name: String
  package let reason: String

  package var description: String { "\(what) name \(quoted(name)): \(reason)" }
}

/// Checks the name of a machine or a disk before it becomes part of a path or of a point's name.
///
/// - Parameter what: "machine" or "disk", for the error.
package func checkName(_ name: String, of what: String) throws(NameError) {
  func refuse(_ reason: String) throws(NameError) {
    throw NameError(what: what, name: name, reason: reason)
  }
  if name.isEmpty { try refuse("it is empty") }
  if name.utf8.count > 128 { try refuse("it is longer than 128 bytes") }
  if name.hasPrefix(".") || name.hasPrefix("-") { try refuse("it begins with \(name.prefix(1))") }
  for scalar in name.unicodeScalars {
    if scalar.value < 32 || (127...159).contains(scalar.value) {
      try refuse("it holds a control character")
    }
    if "/\\@:=".unicodeScalars.contains(scalar) { try refuse("it holds a \(scalar)") }
  }
  // A combining mark would melt into the "/" before it or the "@" behind it.
  if "/\(name)@".count != name.count + 2 { try refuse("it begins or ends inside a character") }
}

/// Checks the name of a file before it becomes part of a path.
package func checkFileName(_ name: String) throws(NameError) {
  func refuse(_ reason: String) throws(NameError) {
    throw NameError(what: "file", name: name, reason: reason)
  }
  if name.isEmpty || name == "." || name == ".." { try refuse("it names no file") }
  if name.utf8.count > 255 { try refuse("it is longer than 255 bytes") }
  if name.utf8.contains(UInt8(ascii: "/")) { try refuse("it holds a /") }
  for scalar in name.unicodeScalars where scalar.value < 32 || (127...159).contains(scalar.value) {
    try refuse("it holds a control character")
  }
}

/// `text` in quotes, with control characters written as escapes, so that it stays on one line.
package func quoted(_ text: String) -> String {
  let escaped = text.unicodeScalars.map { scalar in
    scalar.value < 32 || (127...159).contains(scalar.value)
      ? scalar.escaped(asASCII: true) : String(scalar)
  }
  return "'\(escaped.joined())'"
}
