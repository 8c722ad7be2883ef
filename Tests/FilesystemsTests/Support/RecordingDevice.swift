import BlockDevices
import Bytes
import Filesystems
import Synchronization
import Testing

/// An image that remembers what was read of it.
final class RecordingDevice: BlockDevice {
  private let base: PatchedDevice
  private let read = Mutex<Set<Range<UInt64>>>([])

  init(_ bytes: [UInt8]) { base = PatchedDevice(PatchedImage(bytes)) }

  var ranges: Set<Range<UInt64>> { read.withLock { $0 } }
  var byteCount: UInt64 { base.byteCount }

  func read(at offset: UInt64, into target: inout MutableRawSpan) {
    let range = offset..<offset + UInt64(target.byteCount)
    read.withLock { _ = $0.insert(range) }
    base.read(at: offset, into: &target)
  }

  func nextData(from offset: UInt64) -> Range<UInt64>? { base.nextData(from: offset) }
  func willNeed(_ range: Range<UInt64>) {}
}

/// Where all lies that a file system is read by, but not the bytes of files.
///
/// - Parameter open: opens it on a device.
func structures(
  of bytes: [UInt8], _ open: (any BlockDevice) throws -> (any FileSystem)?
) throws -> [Range<Int>] {
  let device = RecordingDevice(bytes)
  guard let fileSystem = try open(device) else { return [] }
  fileSystem.walk(
    visiting: { _, item in
      let attributes = try fileSystem.attributes(of: item)
      _ = try fileSystem.extendedAttributes(of: item)
      if attributes.kind == .symbolicLink { _ = try fileSystem.target(ofSymbolicLink: item) }
      guard attributes.kind == .regular else { return }
      let content = try fileSystem.content(of: item)
      var offset: UInt64 = 0
      while offset < content.byteCount {
        offset += try content.extent(at: offset).byteCount
      }
    }, failing: { path, error in Issue.record(error, "\(path)") })
  return device.ranges.map { Int($0.lowerBound)..<Int($0.upperBound) }
    .sorted { $0.lowerBound < $1.lowerBound }
}
