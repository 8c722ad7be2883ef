import BlockDevices
import DiskImages
import SystemPackage
import TestSupport
import Testing

/// The disk of an image, or a part of it.
func read(_ image: DiskImage, _ range: Range<UInt64>? = nil) throws -> [UInt8] {
  let range = range ?? 0..<image.byteCount
  var bytes = [UInt8](repeating: 0, count: range.count)
  var span = bytes.mutableSpan
  var raw = span.mutableBytes
  try image.read(at: range.lowerBound, into: &raw)
  return bytes
}

/// The disk of an image by the data that are found in it, all else being zeros.
func readData(_ image: DiskImage) throws -> [UInt8] {
  var found = [UInt8](repeating: 0, count: Int(image.byteCount))
  var position: UInt64 = 0
  while let extent = try image.nextData(from: position) {
    #expect(extent.lowerBound >= position && !extent.isEmpty, "\(Seed.ofThisRun)")
    #expect(extent.upperBound <= image.byteCount, "\(Seed.ofThisRun)")
    image.willNeed(extent)
    let part = try read(image, extent)
    found.replaceSubrange(Int(extent.lowerBound)..<Int(extent.upperBound), with: part)
    position = extent.upperBound
  }
  return found
}

/// Expects an image to be a disk, read at once and by its data.
func expectDisk(_ image: DiskImage, _ expected: [UInt8], _ comment: String = "") throws {
  #expect(image.byteCount == UInt64(expected.count), "\(comment) \(Seed.ofThisRun)")
  guard image.byteCount == UInt64(expected.count) else { return }
  expectSame(try read(image), expected, "\(comment) \(Seed.ofThisRun)")
  expectSame(try readData(image), expected, "by its data: \(comment) \(Seed.ofThisRun)")
  try image.checkSize()
}

/// Reads what data there are in an image that may be anything, up to a limit.
func lookThrough(_ image: DiskImage, byteLimit: Int = 8 << 20) throws {
  var position: UInt64 = 0
  var read = 0
  while read < byteLimit, let extent = try image.nextData(from: position) {
    #expect(extent.lowerBound >= position && !extent.isEmpty, "\(Seed.ofThisRun)")
    #expect(extent.upperBound <= image.byteCount, "\(Seed.ofThisRun)")
    let count = Int(min(UInt64(extent.count), 1 << 20))
    image.willNeed(extent)
    _ = try image.bytes(at: extent.lowerBound, count: count)
    position = extent.lowerBound + UInt64(count)
    read += count
  }
}

/// Changes bytes of a place as a bad disk or a bad person does; what follows stays where it is.
func change(_ bytes: inout [UInt8], in place: Range<Int>, _ random: inout SeededRandom) {
  let place = place.clamped(to: 0..<bytes.count)
  let part = mutated(Array(bytes[place]), &random)
  let kept = (part + [UInt8](repeating: 0, count: place.count)).prefix(place.count)
  bytes.replaceSubrange(place, with: kept)
}

func expectError(_ text: String, _ body: () throws -> Void) {
  do {
    try body()
    Issue.record("nothing was thrown, not \"\(text)\"")
  } catch {
    #expect(error is DiskImageError)
    #expect("\(error)".contains(text))
  }
}
