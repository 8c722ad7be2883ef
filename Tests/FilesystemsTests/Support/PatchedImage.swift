import BlockDevices
import TestSupport

/// An image with some bytes replaced, which costs as much memory as those.
struct PatchedImage: Sendable {
  let base: [UInt8]
  private(set) var patches: [(offset: Int, bytes: [UInt8])] = []

  init(_ base: [UInt8]) { self.base = base }

  /// Replaces bytes; those that would lie behind the end are left out.
  mutating func put(_ bytes: [UInt8], at offset: Int) {
    guard offset >= 0, offset < base.count else { return }
    patches.append((offset, Array(bytes.prefix(base.count - offset))))
  }

  func bytes(at offset: Int, count: Int) -> [UInt8] {
    let end = min(offset + count, base.count)
    guard offset >= 0, offset < end else { return [] }
    var bytes = Array(base[offset..<end])
    for patch in patches {
      for (index, byte) in patch.bytes.enumerated()
      where patch.offset + index >= offset && patch.offset + index < end {
        bytes[patch.offset + index - offset] = byte
      }
    }
    return bytes
  }

  /// Makes a change such as finds the edges of a reader, within one of `places`: a bit, a number at
  /// an edge, a random number, or what stands in another of the places.
  mutating func mutate(in places: [Range<Int>], _ random: inout SeededRandom) {
    let place = places[random.below(places.count)]
    let width = [1, 2, 4, 8][random.below(4)]
    let offset = place.lowerBound + random.below(place.count) / width * width
    switch random.below(6) {
    case 0:
      let byte = bytes(at: offset, count: 1).first ?? 0
      put([byte ^ 1 << UInt8(random.below(8))], at: offset)
    case 1: put(random.bytes(width), at: offset)
    case 2:
      let other = places[random.below(places.count)]
      put(bytes(at: other.lowerBound, count: 32), at: place.lowerBound)
    case 3:
      // A number a little off, as a count or a cluster may be.
      var number = bytes(at: offset, count: width)
      if !number.isEmpty { number[0] &+= UInt8(truncatingIfNeeded: random.below(7) - 3) }
      put(number, at: offset)
    default:
      let edges: [UInt64] = [
        0, 1, 2, 3, .max, .max - 1, 1 << 63, 1 << 31, 1 << 15, 0x7FFF_FFFF, 0xFFFF_FFF7, 0xFFF7,
        0xFFF,
      ]
      let edge = edges[random.below(edges.count)]
      put((0..<width).map { UInt8(truncatingIfNeeded: edge >> UInt64($0 * 8)) }, at: offset)
    }
  }
}

/// A patched image as a device.
final class PatchedDevice: BlockDevice {
  private let image: PatchedImage

  init(_ image: PatchedImage) { self.image = image }

  var byteCount: UInt64 { UInt64(image.base.count) }

  func read(at offset: UInt64, into target: inout MutableRawSpan) {
    let start = Int(offset)
    let image = image
    target.withUnsafeMutableBytes { target in
      target.copyBytes(from: image.base[start..<start + target.count])
      for patch in image.patches {
        let range = (patch.offset..<patch.offset + patch.bytes.count)
          .clamped(to: start..<start + target.count)
        for index in range { target[index - start] = patch.bytes[index - patch.offset] }
      }
    }
  }

  func nextData(from offset: UInt64) -> Range<UInt64>? {
    offset < byteCount ? offset..<byteCount : nil
  }

  func willNeed(_ range: Range<UInt64>) {}
}
