import BlockDevices
import Bytes
import Synchronization

/// Bytes with a few changes over them, so that an image can be damaged a million times at the cost
/// of the changes alone.
final class PatchedDevice: BlockDevice {
  struct Patch {
    let offset: Int
    let bytes: [UInt8]
  }

  private let base: [UInt8]
  private let patches: [Patch]

  init(_ base: [UInt8], _ patches: [Patch]) {
    self.base = base
    self.patches = patches
  }

  var byteCount: UInt64 { UInt64(base.count) }

  func read(at offset: UInt64, into target: inout MutableRawSpan) {
    let start = Int(offset)
    let end = start + target.byteCount
    target.withUnsafeMutableBytes { target in
      base.withUnsafeBytes { target.copyMemory(from: .init(rebasing: $0[start..<end])) }
      for patch in patches where patch.offset < end && patch.offset + patch.bytes.count > start {
        for (index, byte) in patch.bytes.enumerated() {
          let place = patch.offset + index
          if place >= start, place < end { target[place - start] = byte }
        }
      }
    }
  }

  func nextData(from offset: UInt64) -> Range<UInt64>? {
    offset < byteCount ? offset..<byteCount : nil
  }

  func willNeed(_ range: Range<UInt64>) {}
}

/// Bytes that remember what was read of them.
final class RecordingDevice: BlockDevice {
  private let base: PatchedDevice
  private let read = Mutex<[Range<UInt64>]>([])

  init(_ bytes: [UInt8]) { base = PatchedDevice(bytes, []) }

  var ranges: [Range<UInt64>] { read.withLock { $0 } }
  var byteCount: UInt64 { base.byteCount }

  func read(at offset: UInt64, into target: inout MutableRawSpan) {
    let range = offset..<offset + UInt64(target.byteCount)
    read.withLock { if !$0.contains(range) { $0.append(range) } }
    base.read(at: offset, into: &target)
  }

  func nextData(from offset: UInt64) -> Range<UInt64>? { base.nextData(from: offset) }
  func willNeed(_ range: Range<UInt64>) {}
}
