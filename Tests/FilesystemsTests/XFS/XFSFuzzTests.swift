import Filesystems
import TestSupport
import Testing

/// Images with a few fields changed, in the places that a reader looks at.
@Suite(.serialized) struct XFSFuzzTests {
  /// Some with a log that was never replayed.
  @Test(arguments: StoredImage.xfs)
  func `changed images are read to their end or refused`(_ stored: StoredImage) throws {
    let bytes = try stored.bytes()
    let places = try structures(of: bytes) { try XFSFileSystem.open($0) }
    #expect(places.count > 20)
    let seals = XFSSeals(bytes)
    // Version 4 has them in its log alone.
    #expect(seals.count > (stored.name == "xfs-4" ? 2 : 100))
    ReaderFuzz(
      name: stored.name, base: bytes, places: places, seal: seals.apply,
      imageCount: max(10, ReaderFuzz.readCount / StoredImage.xfs.count)
    ).run()
  }
}
