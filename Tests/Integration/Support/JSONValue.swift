import FoundationEssentials

/// Any JSON, to look into.
enum JSONValue: Decodable {
  case object([String: JSONValue])
  case array([JSONValue])
  case text(String)
  case number(Double)
  case boolean(Bool)
  case null

  init(_ text: String) throws { self = try JSONDecoder().decode(Self.self, from: Data(text.utf8)) }

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .boolean(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .text(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  subscript(key: String) -> JSONValue {
    guard case .object(let members) = self else { return .null }
    return members[key] ?? .null
  }

  subscript(position: Int) -> JSONValue {
    elements.indices.contains(position) ? elements[position] : .null
  }

  var elements: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }

  var text: String? { if case .text(let text) = self { text } else { nil } }

  var flag: Bool? { if case .boolean(let flag) = self { flag } else { nil } }

  var number: Double? { if case .number(let number) = self { number } else { nil } }

  /// An object's keys, sorted.
  var keys: [String] { if case .object(let members) = self { members.keys.sorted() } else { [] } }
}
