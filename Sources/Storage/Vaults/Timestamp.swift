internal import Glibc

/// A moment in whole seconds, written in ISO 8601 as UTC: `2026-11-22T15:04:05Z`.
package struct Timestamp: Sendable, Hashable, Comparable, CustomStringConvertible {
  package let secondsSince1970: Int64

  package init(secondsSince1970: Int64) { self.secondsSince1970 = secondsSince1970 }

  package static var now: Timestamp { Timestamp(secondsSince1970: Int64(time(nil))) }

  package static func < (a: Timestamp, b: Timestamp) -> Bool {
    a.secondsSince1970 < b.secondsSince1970
  }

  package var description: String {
    var seconds = time_t(secondsSince1970)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let date = "\(Int(parts.tm_year) + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
    return "\(date)T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
  }

  /// Reads exactly what ``description`` writes.
  package init?(_ text: String) {
    let fields = text.split(whereSeparator: { !$0.isNumber }).compactMap { Int32($0) }
    guard fields.count == 6 else { return nil }
    var parts = tm()
    (parts.tm_year, parts.tm_mon, parts.tm_mday) = (fields[0] - 1900, fields[1] - 1, fields[2])
    (parts.tm_hour, parts.tm_min, parts.tm_sec) = (fields[3], fields[4], fields[5])
    self.init(secondsSince1970: Int64(timegm(&parts)))
    guard description == text else { return nil }
  }
}

extension Timestamp? {
  /// Whether a document that was written then is newer than another one of the same thing. One that
  /// does not say when is older than all that do.
  func isLater(than other: Timestamp?) -> Bool {
    guard let self else { return false }
    guard let other else { return true }
    return self > other
  }
}

extension Timestamp: Codable {
  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let value = Timestamp(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "a time looks like 2026-11-22T15:04:05Z")
    }
    self = value
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
