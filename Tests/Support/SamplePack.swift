internal import Bytes
package import Compression
package import Hashing
package import Packs

/// A pack made of given payloads, its bytes, and what lies where.
package struct SamplePack: Sendable {
  package let pack: SealedPack
  package let bytes: [UInt8]
  package let plains: [[UInt8]]

  package init(
    _ plains: [[UInt8]], kind: RecordKind = .chunk, compression: CompressionSetting = .standard
  ) {
    var run = RecordRun()
    var writer = PackWriter(pool: PackWriter.makeBufferPool())
    var compressor = Compressor(compression)
    var digester = Digester()
    for plain in plains {
      if !run.hasRoom(for: plain.count) {
        writer.append(run)
        run.removeAll()
      }
      _ = run.append(plain.span.bytes, id: contentID(plain), kind: kind, with: &compressor)
    }
    writer.append(run)
    let pack = writer.seal(with: &digester)
    self.pack = pack
    self.plains = plains
    bytes = pack.withBytes { [UInt8]($0) }
  }

  package var id: PackID { pack.id }
  package var entries: [PackEntry] { pack.entries }
}

/// The name of a chunk or a map with these bytes.
package func contentID(_ bytes: [UInt8]) -> ContentID {
  var digester = Digester()
  return ContentID(digester.digest(bytes.span.bytes))
}
