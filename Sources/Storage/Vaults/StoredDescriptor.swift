internal import Stores
internal import Tiers

extension Store {
  /// Makes `descriptor` this store's, in both places.
  func putDescriptor(_ descriptor: VaultDescriptor) throws(StoreError) {
    let document = CheckedDocument.encode(descriptor)
    try put(document.span.bytes, at: .descriptorCopy)
    try put(document.span.bytes, at: .descriptor)
  }

  /// The descriptor in this store; nil where there is none in either place.
  ///
  /// One that is damaged or missing is written anew from the other.
  /// - Throws: ``VaultError/damaged(_:reason:)``, ``VaultError/newer(_:format:)``; ``StoreError``.
  func readDescriptor(notices: Notices) throws -> VaultDescriptor? {
    var damage: (any Error)?
    for (path, other) in [
      (ObjectPath.descriptor, ObjectPath.descriptorCopy),
      (ObjectPath.descriptorCopy, ObjectPath.descriptor),
    ] {
      do {
        guard let found = try decodeDescriptor(at: path) else { continue }
        if path == .descriptorCopy || (try? decodeDescriptor(at: other)) != found {
          restoreDescriptor(found, at: other, notices: notices)
        }
        return found
      } catch let error as VaultError {
        if case .newer = error { throw error }
        damage = damage ?? error
      }
    }
    if let damage { throw damage }
    return nil
  }

  private func restoreDescriptor(
    _ descriptor: VaultDescriptor, at path: ObjectPath, notices: Notices
  ) {
    let what = "\(path) in store \(name) is damaged or missing"
    do throws(StoreError) {
      try put(CheckedDocument.encode(descriptor).span.bytes, at: path)
      notices.add("\(what); repaired from the other copy beside it")
    } catch { notices.add("\(what); not repaired: \(error)") }
  }

  private func decodeDescriptor(at path: ObjectPath) throws -> VaultDescriptor? {
    guard try byteCount(of: path) != nil else { return nil }
    let bytes = try readAll(path, limit: 1 << 20)
    do {
      let format = try CheckedDocument.decode(FormatOnly.self, from: bytes).format
      guard format <= VaultDescriptor.currentFormat else {
        throw VaultError.newer(name, format: format)
      }
      guard format > 0 else { throw DocumentDamage("there is no format \(format)") }
      return try CheckedDocument.decode(VaultDescriptor.self, from: bytes)
    } catch let error as DocumentDamage {
      throw VaultError.damaged("\(name)/\(path)", reason: error.reason)
    }
  }
}

/// What every version of the descriptor has.
private struct FormatOnly: Decodable { var format: Int }
