internal import Bytes
internal import FoundationEssentials
internal import Hashing

/// A JSON document that is checked before it is believed.
///
///     document := "{\n\"body\":" body ",\n\"sha256\":\"" hex:64 "\"\n}\n"
///
/// `hex` is the SHA-256 of the body's bytes as they stand, so the whole is plain JSON that any tool
/// reads, and a flipped bit anywhere is noticed. The body is written with sorted keys.
package enum CheckedDocument {
  private static let head = Array("{\n\"body\":".utf8)
  private static let middle = Array(",\n\"sha256\":\"".utf8)
  private static let tail = Array("\"\n}\n".utf8)

  package static func encode(_ value: some Encodable) -> [UInt8] {
    let body = json(value)
    return head + body + middle + Array(digest(body).utf8) + tail
  }

  /// The value alone, always written alike.
  static func json(_ value: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    do { return Array(try encoder.encode(value)) } catch {
      preconditionFailure("a document that cannot be written as JSON: \(error)")
    }
  }

  /// - Throws: ``DocumentDamage`` where the bytes are not what was written.
  package static func decode<Value: Decodable>(
    _ type: Value.Type, from bytes: [UInt8]
  ) throws(DocumentDamage) -> Value {
    try parse(type, try checkedBody(of: bytes))
  }

  static func parse<Value: Decodable>(
    _ type: Value.Type, _ json: ArraySlice<UInt8>
  ) throws(DocumentDamage) -> Value {
    do { return try JSONDecoder().decode(type, from: Data(json)) } catch {
      throw DocumentDamage("it is written in a way that this version does not read: \(error)")
    }
  }

  private static func checkedBody(of bytes: [UInt8]) throws(DocumentDamage) -> ArraySlice<UInt8> {
    let bodyEnd = bytes.count - tail.count - 64 - middle.count
    guard bodyEnd >= head.count, bytes.starts(with: head),
      bytes[bodyEnd...].starts(with: middle), bytes.suffix(tail.count).elementsEqual(tail)
    else { throw DocumentDamage("it does not have the form of a checked document") }
    let body = bytes[head.count..<bodyEnd]
    let expected = bytes[(bodyEnd + middle.count)...].prefix(64)
    guard Array(digest(Array(body)).utf8).elementsEqual(expected) else {
      throw DocumentDamage("its digest is wrong")
    }
    return body
  }

  private static func digest(_ body: [UInt8]) -> String {
    var digester = Digester()
    return digester.digest(body.span.bytes).description
  }
}

/// A document that is not what was written.
package struct DocumentDamage: Error, Sendable {
  package let reason: String
  init(_ reason: String) { self.reason = reason }
}
