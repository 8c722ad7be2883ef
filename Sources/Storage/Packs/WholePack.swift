package import Bytes
package import Hashing
package import Stores

extension SealedPack {
  /// Reads a whole pack and checks it against its name, which takes no key.
  ///
  /// - Parameter pool: lends the memory; made by ``PackWriter/makeBufferPool()``.
  package static func load(
    _ id: PackID, from store: any Store, pool: BufferPool, digester: inout Digester
  ) throws(PackError) -> SealedPack {
    var buffer = pool.take()
    let byteCount = try read(id, from: store, into: &buffer, digester: &digester)
    do throws(PackDamage) {
      let entries = try directory(in: buffer.bytes.extracting(0..<byteCount))
      return SealedPack(id: id, entries: entries, buffer: buffer, byteCount: byteCount)
    } catch { throw .damaged(id, store: store.name, error) }
  }

  /// A pack whose bytes are at hand and were checked against its name.
  package convenience init(id: PackID, copying bytes: [UInt8], pool: BufferPool) {
    var buffer = pool.take()
    var target = buffer.mutableBytes(0..<bytes.count)
    bytes.span.bytes.copy(into: &target)
    self.init(
      id: id, entries: walkRecords(ofPack: bytes.span.bytes), buffer: buffer,
      byteCount: bytes.count)
  }

  private static func read(
    _ id: PackID, from store: any Store, into buffer: inout AlignedBuffer,
    digester: inout Digester
  ) throws(PackError) -> Int {
    let byteCount: Int
    do throws(StoreError) {
      guard let found = try store.byteCount(of: .pack(id)) else {
        throw StoreError(.missing, .pack(id), in: store.name)
      }
      guard found <= UInt64(buffer.capacity) else {
        throw StoreError(.refused("no pack has \(found) bytes"), .pack(id), in: store.name)
      }
      byteCount = Int(found)
      digester.start()
      var position = 0
      // Digested piece by piece, each while it is in the core's cache.
      while position < byteCount {
        let end = min(byteCount, position + pieceByteCount)
        var piece = buffer.mutableBytes(position..<end)
        try store.read(.pack(id), from: UInt64(position), into: &piece)
        digester.update(piece.bytes)
        position = end
      }
    } catch { throw .store(error) }
    guard digester.finish() == id.digest else {
      throw .damaged(id, store: store.name, PackDamage(offset: 0, "its digest is wrong"))
    }
    return byteCount
  }

  private static let pieceByteCount = 512 << 10
}

/// The directory of a whole pack in memory, not checked against its digest.
private func directory(in pack: RawSpan) throws(PackDamage) -> [PackEntry] {
  let trailerOffset = pack.byteCount - PackFormat.trailerByteCount
  guard trailerOffset >= PackFormat.headerByteCount else {
    throw PackDamage(offset: 0, "a pack is never as short as \(pack.byteCount) bytes")
  }
  let trailer = try PackTrailer(
    pack.extracting(trailerOffset..<pack.byteCount), packByteCount: pack.byteCount)
  return try parseDirectory(pack.extracting(trailer.directoryOffset..<trailerOffset), trailer)
}

/// The records of a whole pack in memory, found by walking from header to header, for a pack whose
/// directory is lost. Ends at the directory, or where no record follows.
package func walkRecords(ofPack bytes: RawSpan) -> [PackEntry] {
  guard bytes.starts(with: "KLUISPCK") else { return [] }
  var entries: [PackEntry] = []
  var offset = PackFormat.headerByteCount
  while offset + RecordHeader.byteCount <= bytes.byteCount {
    let header = bytes.extracting(offset..<offset + RecordHeader.byteCount)
    guard let entry = RecordHeader.read(header, offset: UInt32(offset)),
      offset + entry.recordByteCount <= bytes.byteCount
    else { break }
    entries.append(entry)
    offset += entry.recordByteCount
  }
  return entries
}
