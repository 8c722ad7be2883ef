package import Bytes

/// One copy of what a vault keeps, in the shape of an object store.
///
/// Objects are put whole, never changed, read by range, listed and deleted. May be used from
/// several threads at once.
package protocol Store: AnyObject, Sendable {
  /// What a person calls it: its directory.
  var name: String { get }

  /// Stores a whole object. When this returns the object is durable under its name; when it throws
  /// nothing is there under that name that was not there before. An object that exists is replaced
  /// at once, so a reader sees the old bytes or the new.
  func put(_ bytes: RawSpan, at path: ObjectPath) throws(StoreError)

  /// Fills `target` with the object's bytes from `offset`.
  func read(
    _ path: ObjectPath, from offset: UInt64, into target: inout MutableRawSpan
  ) throws(StoreError)

  /// The whole of a small object, as it was at one moment where others replace it.
  ///
  /// - Parameter limit: bytes that it may have at most; a larger one is refused unread.
  func readAll(_ path: ObjectPath, limit: Int) throws(StoreError) -> [UInt8]

  /// Has a part of an object read ahead of its use, where the store can do that. Says nothing when
  /// it cannot be: the read that follows does.
  func willNeed(_ path: ObjectPath, _ range: Range<UInt64>)

  /// The object's size in bytes; nil where there is none.
  func byteCount(of path: ObjectPath) throws(StoreError) -> UInt64?

  /// All bytes of an object that will not change, without reading them at once.
  func map(_ path: ObjectPath) throws(StoreError) -> SharedBytes

  /// Everything in a folder, at any depth, in no order. Unfinished objects are not shown.
  func list(_ folder: ObjectFolder) throws(StoreError) -> [ListedObject]

  /// Removes an object; no error where there is none.
  func delete(_ path: ObjectPath) throws(StoreError)

  /// Removes what writers that were killed left unfinished. Leaves alone what somebody may be
  /// writing now.
  func sweep() throws(StoreError)
}

extension Store {
  package func willNeed(_ path: ObjectPath, _ range: Range<UInt64>) {}

  package func readAll(_ path: ObjectPath, limit: Int) throws(StoreError) -> [UInt8] {
    guard let byteCount = try byteCount(of: path) else {
      throw StoreError(.missing, path, in: name)
    }
    try refuse(path, of: byteCount, over: limit)
    var bytes = [UInt8](repeating: 0, count: Int(byteCount))
    var span = bytes.mutableSpan
    var raw = span.mutableBytes
    try read(path, from: 0, into: &raw)
    return bytes
  }

  /// Refuses an object that is larger than it can be.
  func refuse(
    _ path: ObjectPath, of byteCount: UInt64, over limit: Int
  ) throws(StoreError) {
    if byteCount <= UInt64(limit) { return }
    let reason = "it has \(byteCount) bytes, where at most \(limit) make sense"
    throw StoreError(.refused(reason), path, in: name)
  }
}
