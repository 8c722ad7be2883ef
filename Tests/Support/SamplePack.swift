internal import Bytes
package import Compression
package import Encryption
package import Hashing
package import Packs

/// A pack made of given payloads, its bytes, and what lies where.
package struct SamplePack: Sendable {
  package let pack: SealedPack
  package let bytes: [UInt8]
  package let plains: [[UInt8]]

  package init(
    _ plains: [[UInt8]], kind: RecordKind = .chunk, compression: CompressionSetting = .standard,
    protection: ContentProtection = .none
  ) {
    var run = RecordRun()
    var writer = PackWriter(pool: PackWriter.makeBufferPool())
    var sealer = RecordSealer(compression, protection)
    var namer = ContentNamer(protection)
    var digester = Digester()
    for plain in plains {
      if !run.hasRoom(for: plain.count) {
        writer.append(run)
        run.removeAll()
      }
      let id = namer.name(plain.span.bytes)
      _ = run.append(plain.span.bytes, id: id, kind: kind, with: &sealer)
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
