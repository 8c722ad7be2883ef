internal import Bytes
internal import Hashing
internal import Packs
internal import Stores
internal import Vaults
internal import Workers

/// An object in a store that has to be read.
struct StoredObject: Sendable {
  /// Which store of the scrub.
  let store: Int
  let path: ObjectPath
  let byteCount: UInt64
}

/// Reads objects whole and checks them; one for each thread. Takes no key; with one, points and
/// machines are told from forged ones as well.
struct ObjectChecker: ~Copyable {
  private let stores: [any Store]
  private let documents: DocumentCoder
  private let throttle: Throttle?
  private let cancellation: Cancellation
  private let progress: Progress
  private var digester = Digester()
  private var piece = AlignedBuffer(capacity: ObjectChecker.pieceByteCount)

  /// Small enough to stay in a core's own cache between the read and the digest.
  private static let pieceByteCount = 256 << 10

  init(
    stores: [any Store], documents: DocumentCoder, throttle: Throttle?,
    cancellation: Cancellation, progress: Progress
  ) {
    self.stores = stores
    self.documents = documents
    self.throttle = throttle
    self.cancellation = cancellation
    self.progress = progress
  }

  /// What is wrong with an object; nil where it is as it was written.
  mutating func problem(with object: StoredObject) throws(Cancelled) -> String? {
    if let id = object.path.pack {
      guard object.byteCount <= UInt64(PackFormat.maximumByteCount) else {
        return "a pack is never as long as \(object.byteCount) bytes"
      }
      return try problem(with: object, named: id.digest)
    }
    if let name = object.path.segment { return try problem(with: object, named: name) }
    defer { progress.advance(object.byteCount) }
    do throws(StoreError) {
      let bytes = try stores[object.store].readAll(object.path, limit: documentByteLimit)
      return documents.damage(in: bytes, at: object.path)
    } catch { return error.description }
  }

  private mutating func problem(
    with object: StoredObject, named expected: Digest
  ) throws(Cancelled) -> String? {
    digester.start()
    var position: UInt64 = 0
    defer { progress.advance(object.byteCount - min(position, object.byteCount)) }
    while position < object.byteCount {
      try cancellation.check()
      let count = Int(min(UInt64(Self.pieceByteCount), object.byteCount - position))
      throttle?.take(count)
      do throws(StoreError) {
        try digest(
          object.path, from: position, count, of: stores[object.store], through: &piece, &digester)
      } catch { return error.description }
      position += UInt64(count)
      progress.advance(UInt64(count))
    }
    return digester.finish() == expected ? nil : "its bytes have another digest than its name"
  }
}

/// Reads a part of an object into `piece` and adds it to the digest that was begun.
private func digest(
  _ path: ObjectPath, from position: UInt64, _ count: Int, of store: any Store,
  through piece: inout AlignedBuffer, _ digester: inout Digester
) throws(StoreError) {
  var target = piece.mutableBytes(0..<count)
  try store.read(path, from: position, into: &target)
  digester.update(target.bytes)
}
