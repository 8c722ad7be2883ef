package import Encryption
internal import FoundationEssentials
package import Stores

/// Writes and reads points and machines: as they are, or sealed under the vault's key.
///
/// A sealed one is a ``CheckedDocument`` as well, so that whoever has no key can tell a damaged one
/// and move a good one. Its body is
///
///     { "path": the place in the store, "sealed": base64, "updated": a time, where there is one }
///
/// `sealed` is the JSON of the value under a key made from the path (``ObjectCipher``), with path
/// and time authenticated: what is put under another name does not open there.
package struct DocumentCoder: Sendable {
  private let protection: ContentProtection

  package init(_ protection: ContentProtection) { self.protection = protection }

  /// The body of a sealed document.
  private struct SealedBody: Codable {
    var path: String
    var sealed: Data
    var updated: Timestamp?

    /// What is authenticated beside the sealed bytes.
    var header: [UInt8] { Array("\(path)\n\(updated?.description ?? "")".utf8) }
  }

  /// - Parameter updated: stays readable without the key, to tell the newer of two copies.
  func encode(
    _ value: some Encodable, at path: ObjectPath, updated: Timestamp? = nil
  ) throws(LockedError) -> [UInt8] {
    switch protection {
    case .none: return CheckedDocument.encode(value)
    case .locked: throw LockedError()
    case .encrypted(let keys):
      var body = SealedBody(path: path.description, sealed: Data(), updated: updated)
      var cipher = keys.documentCipher()
      body.sealed = Data(
        cipher.sealed(
          CheckedDocument.json(value), named: body.path, authenticating: body.header))
      return CheckedDocument.encode(body)
    }
  }

  /// - Throws: ``DocumentDamage`` where the bytes are not what was written there.
  func decode<Value: Decodable>(
    _ type: Value.Type, from bytes: [UInt8], at path: ObjectPath
  ) throws(DocumentDamage) -> Value {
    switch protection {
    case .none: return try CheckedDocument.decode(type, from: bytes)
    case .locked: throw DocumentDamage("\(LockedError())")
    case .encrypted(let keys):
      let body = try CheckedDocument.decode(SealedBody.self, from: bytes)
      guard body.path == path.description else {
        throw DocumentDamage("it is \(body.path), put under another name")
      }
      var cipher = keys.documentCipher()
      guard
        let plain = cipher.opened(
          Array(body.sealed), named: body.path, authenticating: body.header)
      else { throw DocumentDamage("it was altered, or sealed with another key") }
      return try CheckedDocument.parse(type, plain[...])
    }
  }

  /// What is wrong with a document as it lies in a store; nil where it is as it was written.
  ///
  /// Without the vault's key only its digest is looked at: that finds damage, not forgery.
  package func damage(in bytes: [UInt8], at path: ObjectPath) -> String? {
    do throws(DocumentDamage) {
      switch protection {
      // Tombstones are written without the key as well.
      case _ where path.tombstone != nil: _ = try CheckedDocument.decode(Anything.self, from: bytes)
      case .none, .locked: _ = try CheckedDocument.decode(Anything.self, from: bytes)
      case .encrypted: _ = try decode(Anything.self, from: bytes, at: path)
      }
      return nil
    } catch { return error.reason }
  }

  private struct Anything: Decodable {}
}
