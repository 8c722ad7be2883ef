internal import Stores
internal import Tiers

extension Store {
  /// Makes `descriptor` this store's, in both places.
  func putDescriptor(_ descriptor: VaultDescriptor) throws(StoreError) {
    let document = CheckedDocument.encode(descriptor)
    try put(document.span.bytes, at: .descriptorCopy)
    try put(document.span.bytes, at: .descriptor)
  }

  /// Makes `descriptor` this store's where what is there is still `known`.
  ///
  /// - Parameter known: nil for one that is damaged or missing.
  /// - Returns: whether it was that.
  func putDescriptor(
    _ descriptor: VaultDescriptor, inPlaceOf known: VaultDescriptor?, notices: Notices
  ) throws -> Bool {
    var present: VaultDescriptor?
    do { present = try readDescriptor(notices: notices) } catch VaultError.damaged { present = nil }
    guard present == known else { return false }
    try putDescriptor(descriptor)
    return true
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
        if path == .descriptorCopy || !isCopy(at: other, of: found) {
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

  private func isCopy(at path: ObjectPath, of descriptor: VaultDescriptor) -> Bool {
    let copy: VaultDescriptor?
    // What is wrong with it is mended; that is told.
    do { copy = try decodeDescriptor(at: path) } catch { return false }
    guard let copy else { return false }
    // A change writes the copy first, and may be on its way from there now.
    return copy == descriptor || copy.id == descriptor.id && copy.revision > descriptor.revision
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

  /// Nil where there is none.
  private func descriptorBytes(at path: ObjectPath) throws(StoreError) -> [UInt8]? {
    do throws(StoreError) { return try readAll(path, limit: 1 << 20) } catch {
      if error.kind == .missing { return nil }
      throw error
    }
  }

  private func decodeDescriptor(at path: ObjectPath) throws -> VaultDescriptor? {
    guard let bytes = try descriptorBytes(at: path) else { return nil }
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
