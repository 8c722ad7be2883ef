internal import Bytes
internal import Compression
package import Hashing
package import Stores

/// A pack could not be read: the store refused, or what it gave is not a pack.
package enum PackError: Error, CustomStringConvertible, Sendable {
  case store(StoreError)
  case damaged(PackID, store: String, PackDamage)

  package var description: String {
    switch self {
    case .store(let error): error.description
    case .damaged(let id, let store, let damage):
      "pack \(id) in store \(store) is damaged at \(damage)"
    }
  }
}

extension Store {
  /// What a pack's directory lists, checked against the directory's digest; reads no record.
  package func directory(
    ofPack id: PackID, byteCount: UInt64, digester: inout Digester
  ) throws(PackError) -> [PackEntry] {
    do throws(PackDamage) {
      let byteCount = try bounded(byteCount)
      let trailerOffset = byteCount - PackFormat.trailerByteCount
      let tail = try bytes(ofPack: id, trailerOffset..<byteCount)
      let trailer = try PackTrailer(tail.span.bytes, packByteCount: byteCount)
      let directory = try bytes(ofPack: id, trailer.directoryOffset..<trailerOffset)
      guard digester.digest(directory.span.bytes) == trailer.digest else {
        throw PackDamage(offset: trailer.directoryOffset, "the directory's digest is wrong")
      }
      return try parseDirectory(directory.span.bytes, trailer)
    } catch {
      throw PackError.damaged(id, store: name, error)
    }
  }

  private func bytes(ofPack id: PackID, _ range: Range<Int>) throws(PackDamage) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: range.count)
    var span = bytes.mutableSpan
    var raw = span.mutableBytes
    do throws(StoreError) {
      try read(.pack(id), from: UInt64(range.lowerBound), into: &raw)
    } catch { throw PackDamage(offset: range.lowerBound, error.description) }
    return bytes
  }
}

/// A pack's size as a number that memory may be asked for.
private func bounded(_ byteCount: UInt64) throws(PackDamage) -> Int {
  guard byteCount >= UInt64(PackFormat.headerByteCount + PackFormat.trailerByteCount) else {
    throw PackDamage(offset: 0, "a pack is never as short as \(byteCount) bytes")
  }
  guard byteCount <= UInt64(PackFormat.maximumByteCount) else {
    throw PackDamage(offset: 0, "a pack is never as long as \(byteCount) bytes")
  }
  return Int(byteCount)
}

func parseDirectory(
  _ bytes: RawSpan, _ trailer: PackTrailer
) throws(PackDamage) -> [PackEntry] {
  var reader = ByteReader(bytes)
  var entries: [PackEntry] = []
  entries.reserveCapacity(trailer.count)
  for number in 0..<trailer.count {
    let place = trailer.directoryOffset + number * PackFormat.entryByteCount
    let entry: PackEntry?
    do throws(TruncatedInput) { entry = try parseEntry(&reader) } catch {
      throw PackDamage(offset: place, "the directory ends too early")
    }
    guard let entry, Int(entry.offset) >= PackFormat.headerByteCount,
      Int(entry.offset) + entry.recordByteCount <= trailer.directoryOffset
    else { throw PackDamage(offset: place, "a directory entry that cannot be") }
    entries.append(entry)
  }
  return entries
}

private func parseEntry(_ reader: inout ByteReader) throws(TruncatedInput) -> PackEntry? {
  let id = ContentID(try reader.digest())
  let offset: UInt32 = try reader.integer()
  let stored: UInt32 = try reader.integer()
  let plain: UInt32 = try reader.integer()
  let kind = RecordKind(rawValue: try reader.integer())
  let codec = Codec(rawValue: try reader.integer())
  let sealing = RecordSealing(rawValue: try reader.integer())
  let zero: UInt8 = try reader.integer()
  guard let kind, let codec, let sealing, zero == 0 else { return nil }
  let entry = PackEntry(
    id: id, kind: kind, codec: codec, sealing: sealing, offset: offset, storedByteCount: stored,
    plainByteCount: plain)
  return entry.isPossible ? entry : nil
}
