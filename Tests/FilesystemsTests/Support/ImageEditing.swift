import BlockDevices
import Filesystems

/// Little-endian numbers in an image, to damage it.
extension [UInt8] {
  func number<Value: FixedWidthInteger>(at offset: Int, as type: Value.Type = Value.self) -> Value {
    (0..<MemoryLayout<Value>.size).reversed().reduce(0) { $0 << 8 | Value(self[offset + $1]) }
  }

  mutating func put(_ value: some FixedWidthInteger, at offset: Int) {
    for index in 0..<(value.bitWidth / 8) {
      self[offset + index] = UInt8(truncatingIfNeeded: value >> (index * 8))
    }
  }

  mutating func fill(_ range: Range<Int>, with byte: UInt8) {
    for index in range { self[index] = byte }
  }
}

extension FileSystem {
  /// The item at a path, which has to be there.
  func item(_ path: String) throws -> ItemID {
    var item = root
    for name in path.split(separator: "/") {
      guard let entry = try entry(named: FileName(String(name)), in: item) else {
        throw NotRecognised()
      }
      item = entry.item
    }
    return item
  }

  func bytes(_ path: String) throws -> [UInt8] {
    try content(of: item(path)).bytes(limit: 1 << 20)
  }

  func names(in directory: ItemID) throws -> [String] {
    var names: [String] = []
    try forEachEntry(of: directory) {
      names.append($0.name.description)
      return true
    }
    return names
  }
}

/// What an error says; empty where there is none.
func complaint(_ body: () throws -> Void) -> String {
  do {
    try body()
    return ""
  } catch {
    return "\(error)"
  }
}

/// A device of which a part cannot be read.
final class PartlyUnreadable: BlockDevice {
  private let base: MemoryDevice
  private let bad: Range<UInt64>

  init(_ bytes: [UInt8], _ bad: Range<UInt64>) {
    base = MemoryDevice(bytes)
    self.bad = bad
  }

  var byteCount: UInt64 { base.byteCount }

  func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    if bad.overlaps(offset..<offset + UInt64(target.byteCount)) { throw NotRecognised() }
    base.read(at: offset, into: &target)
  }

  func nextData(from offset: UInt64) -> Range<UInt64>? { base.nextData(from: offset) }
  func willNeed(_ range: Range<UInt64>) {}
}
