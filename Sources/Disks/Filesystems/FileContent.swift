package import BlockDevices
internal import Bytes

/// The bytes of a file.
package protocol FileContent: Sendable {
  var byteCount: UInt64 { get }

  /// The longest run from `offset` on that is stored in one piece, or is not stored.
  ///
  /// - Parameter offset: less than ``byteCount``; the run begins there and ends within the file.
  func extent(at offset: UInt64) throws -> FileExtent

  /// Fills `target` from `offset`. The range must lie within the file.
  func read(at offset: UInt64, into target: inout MutableRawSpan) throws
}

/// A run of a file's bytes.
package struct FileExtent: Sendable, Equatable {
  package enum Storage: Sendable, Equatable {
    /// Reads as zeros: a hole, or set aside and never written.
    case zeros
    /// On the volume, unchanged, from this byte on.
    case volume(offset: UInt64)
    /// Stored in another way: within metadata, or compressed. Only ``FileContent/read(at:into:)``
    /// gives the bytes.
    case encoded
  }

  /// At least 1.
  package let byteCount: UInt64
  package let storage: Storage

  package init(byteCount: UInt64, storage: Storage) {
    self.byteCount = byteCount
    self.storage = storage
  }
}

extension FileContent {
  /// Reads by extents, for files of which all bytes lie on `volume` as they are.
  package func read(
    at offset: UInt64, into target: inout MutableRawSpan, from volume: any BlockDevice
  ) throws {
    var filled = 0
    while filled < target.byteCount {
      let extent = try extent(at: offset + UInt64(filled))
      let count = Int(min(extent.byteCount, UInt64(target.byteCount - filled)))
      precondition(count > 0, "an extent has at least one byte")
      var part = target._mutatingExtracting(filled..<filled + count)
      switch extent.storage {
      case .zeros: part.fillWithZeros()
      case .volume(let place):
        try volume.require(UInt64(count), at: place)
        try volume.read(at: place, into: &part)
      case .encoded: preconditionFailure("a file of extents has none that are encoded")
      }
      filled += count
    }
  }

  /// The whole content of a small file.
  ///
  /// - Throws: ``FileTooLarge`` where it has more than `limit` bytes.
  package func bytes(limit: Int) throws -> [UInt8] {
    guard byteCount <= UInt64(limit) else { throw FileTooLarge(byteCount: byteCount, limit: limit) }
    var bytes = [UInt8](repeating: 0, count: Int(byteCount))
    var span = bytes.mutableSpan
    var target = span.mutableBytes
    try read(at: 0, into: &target)
    return bytes
  }
}

/// A file that is larger than what is read at once.
package struct FileTooLarge: Error, CustomStringConvertible {
  package let byteCount: UInt64
  package let limit: Int
  package var description: String { "it has \(byteCount) bytes; at most \(limit) are read" }
}

/// A file whose bytes are at hand.
package struct InlineContent: FileContent {
  private let bytes: [UInt8]

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  package var byteCount: UInt64 { UInt64(bytes.count) }

  package func extent(at offset: UInt64) -> FileExtent {
    FileExtent(byteCount: byteCount - offset, storage: .encoded)
  }

  package func read(at offset: UInt64, into target: inout MutableRawSpan) {
    let start = Int(offset)
    bytes.span.bytes.extracting(start..<start + target.byteCount).copy(into: &target)
  }
}
