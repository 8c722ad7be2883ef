import BlockDevices
import Filesystems
import Glibc
import TestSupport
import Testing

/// Reads whole trees of images that were changed at random, and expects of a reader no more than it
/// promises: no trap, no endless way, and extents that make sense.
struct ReaderFuzz {
  let name: String
  let base: [UInt8]
  /// Where the metadata is.
  let places: [Range<Int>]
  /// Makes checksums fit again, so that what they guard is reached too.
  var seal: (inout PatchedImage) -> Void = { _ in }
  /// How many images to read.
  var imageCount = Self.readCount

  /// How many images to read: `KLUIS_FUZZ_READS`, else as many as a run of all tests has time for.
  static let readCount = getenv("KLUIS_FUZZ_READS").flatMap { Int(String(cString: $0)) } ?? 300

  func run(_ seed: Seed = .ofThisRun) {
    print("\(name): \(imageCount) changed images from \(seed)")
    for number in 0..<imageCount {
      var random = SeededRandom(seed: seed.value &+ UInt64(number) &* 0x1_0000_0001)
      var image = PatchedImage(base)
      for _ in 0...random.below(5) { image.mutate(in: places, &random) }
      if random.below(4) > 0 { seal(&image) }
      let start = ContinuousClock.now
      let complaints = Self.read(PatchedDevice(image))
      let time = ContinuousClock.now - start
      #expect(complaints == [], "\(name), image \(number) of \(seed)")
      #expect(time < .seconds(5), "\(name), image \(number) of \(seed)")
    }
  }

  /// Reads whatever is on a device; what is thrown is as it should be.
  ///
  /// - Returns: what breaks a promise of the interface.
  private static func read(_ device: any BlockDevice) -> [String] {
    guard let fileSystem = try? openFileSystem(on: device) else { return [] }
    var complaints: [String] = []
    var memory = [UInt8](repeating: 0, count: 1 << 16)
    var looked = 0
    fileSystem.walk(
      limit: 500,
      visiting: { path, item in
        looked += 1
        if looked < 5, let name = path.split(separator: "/").last {
          _ = try? fileSystem.entry(named: FileName(String(name)), in: fileSystem.root)
        }
        let attributes = try fileSystem.attributes(of: item)
        _ = try fileSystem.extendedAttributes(of: item)
        _ = try fileSystem.namedStreams(of: item)
        switch attributes.kind {
        case .symbolicLink: _ = try fileSystem.target(ofSymbolicLink: item)
        case .regular:
          let content = try fileSystem.content(of: item)
          if let complaint = try read(content, on: device, &memory) {
            complaints.append("\(path): \(complaint)")
          }
        default: break
        }
      },
      failing: { _, _ in })
    return complaints
  }

  private static func read(
    _ content: any FileContent, on device: any BlockDevice, _ memory: inout [UInt8]
  ) throws -> String? {
    var offset: UInt64 = 0
    for _ in 0..<200 where offset < content.byteCount {
      let extent = try content.extent(at: offset)
      guard extent.byteCount > 0, extent.byteCount <= content.byteCount - offset else {
        return "an extent of \(extent.byteCount) bytes at \(offset) of \(content.byteCount)"
      }
      if case .volume(let place) = extent.storage, !device.holds(extent.byteCount, at: place) {
        return "an extent at \(place), which the device does not have"
      }
      let count = Int(min(extent.byteCount, UInt64(memory.count)))
      var span = memory.mutableSpan
      var bytes = span.mutableBytes
      var target = bytes._mutatingExtracting(0..<count)
      try content.read(at: offset, into: &target)
      offset += extent.byteCount
    }
    return nil
  }
}
