/// A place in a machine's files, as it is typed.
///
///     address := point [ ":" place ]
///     place   := [ volume ":" ] path | volume
///     path    := "/" …
///     volume  := disk | disk "/" partition | group "/" volume | "UUID=" … | "LABEL=" …
///     point   := machine [ "@" time ]
///
/// The path begins at the first "/" that stands at the start or behind a ":". A machine's name has
/// no ":", so a point without "@" ends at the first one. In a time, a ":" belongs to it while two
/// digits follow and it has no more than two of them: `web01@2026-11-22T15:04:05Z-7f3a:/etc/hosts`.
package struct GuestAddress: Sendable, Equatable {
  /// Nil where the place is on an image.
  package var point: String?
  package var place: GuestPlace

  /// - Parameter text: with a point at its start.
  package init(_ text: String) {
    let end = Self.endOfPoint(text)
    point = String(text[..<end])
    place = end == text.endIndex ? GuestPlace("") : GuestPlace(text[text.index(after: end)...])
  }

  private static func endOfPoint(_ text: String) -> String.Index {
    guard let at = text.firstIndex(of: "@"), !text[..<at].contains(":") else {
      return text.firstIndex(of: ":") ?? text.endIndex
    }
    var place = text.index(after: at)
    var colons = 0
    while let colon = text[place...].firstIndex(of: ":") {
      let next = text[text.index(after: colon)...].prefix(2)
      let isTime = text[at..<colon].contains("T") && next.count == 2 && next.allSatisfy(\.isNumber)
      guard isTime, colons < 2 else { return colon }
      colons += 1
      place = text.index(colon, offsetBy: 3)
    }
    return text.endIndex
  }
}

/// A volume and a path on it.
package struct GuestPlace: Sendable, Equatable {
  /// As it is typed; nil for the tree that the machine itself would see.
  package var volume: String?
  /// Nil where only a volume was named, or nothing.
  package var path: String?

  package init(_ text: some StringProtocol) {
    if text.hasPrefix("/") {
      path = String(text)
    } else if let colon = text.firstRange(of: ":/") {
      volume = String(text[..<colon.lowerBound])
      path = String(text[text.index(after: colon.lowerBound)...])
    } else if text.hasSuffix(":") {
      volume = String(text.dropLast())
    } else {
      volume = text.isEmpty ? nil : String(text)
    }
    if volume == "" { volume = nil }
  }
}
