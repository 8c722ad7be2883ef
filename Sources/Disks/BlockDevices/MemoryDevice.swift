/// Bytes at hand, as a device: a small file that is stored as disks are.
package final class MemoryDevice: BlockDevice {
  private let bytes: [UInt8]

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  package var byteCount: UInt64 { UInt64(bytes.count) }

  package func read(at offset: UInt64, into target: inout MutableRawSpan) {
    let start = Int(offset)
    target.withUnsafeMutableBytes { $0.copyBytes(from: bytes[start..<start + $0.count]) }
  }

  package func nextData(from offset: UInt64) -> Range<UInt64>? {
    offset < byteCount ? offset..<byteCount : nil
  }

  package func willNeed(_ range: Range<UInt64>) {}
}
