internal import BlockDevices
internal import Bytes

/// A file system's own addresses as bytes of its devices.
struct BtrfsStorage: Sendable {
  let devices: BtrfsDevices
  var map: BtrfsChunkMap

  /// Bytes that lie together on a device.
  struct Piece {
    /// Nil where the device is missing.
    let device: (any BlockDevice)?
    /// Whether that is the device on which the file system was opened.
    let isOnFirst: Bool
    let offset: UInt64
    let byteCount: UInt64
    let stripe: BtrfsChunk.Stripe
  }

  /// How many copies there are of what begins at an address; 0 where no chunk has it.
  func copyCount(at logical: UInt64) -> Int { map.chunk(at: logical)?.copyCount ?? 0 }

  /// - Throws: ``FileSystemError`` where no chunk has the address.
  func piece(at logical: UInt64, copy: Int) throws -> Piece {
    guard let chunk = map.chunk(at: logical), copy < chunk.copyCount else {
      throw damagedBtrfs("address \(logical)", "it is in no chunk")
    }
    let place = chunk.place(at: logical - chunk.start, copy: copy)
    let known = devices.device(place.stripe.deviceUUID)
    return Piece(
      device: known?.device, isOnFirst: known?.isFirst ?? false, offset: place.offset,
      byteCount: place.byteCount, stripe: place.stripe)
  }

  /// Fills `target` from one copy.
  ///
  /// - Throws: ``FileSystemError`` where a device is missing or ends too early, and what the device
  ///   throws.
  func read(at logical: UInt64, copy: Int, into target: inout MutableRawSpan) throws {
    var filled = 0
    while filled < target.byteCount {
      let piece = try piece(at: logical + UInt64(filled), copy: copy)
      let count = Int(min(piece.byteCount, UInt64(target.byteCount - filled)))
      let name = { deviceName(piece.stripe.deviceID, piece.stripe.deviceUUID) }
      guard let device = piece.device else {
        throw damagedBtrfs("address \(logical)", "it lies on \(name()), which is missing")
      }
      guard device.holds(UInt64(count), at: piece.offset) else {
        throw damagedBtrfs("address \(logical)", "\(name()) ends before it")
      }
      var part = target._mutatingExtracting(filled..<filled + count)
      try device.read(at: piece.offset, into: &part)
      filled += count
    }
  }

  /// The first copy that satisfies `isRight`.
  ///
  /// - Parameters:
  ///   - structure: what lies there, for an error.
  ///   - isRight: what is wrong with the bytes; nil where they are right.
  /// - Throws: ``FileSystemError`` with what is wrong with the first one where all are wrong.
  func bytes(
    at logical: UInt64, count: Int, of structure: @autoclosure () -> String,
    complaint: (RawSpan) throws -> String?
  ) throws -> [UInt8] {
    let copies = copyCount(at: logical)
    guard copies > 0, logical <= 1 << 62 else {
      throw damagedBtrfs(structure(), block: logical, "no chunk has that address")
    }
    var bytes = [UInt8](repeating: 0, count: count)
    var first: String?
    for copy in 0..<copies {
      let problem: String?
      do {
        var span = bytes.mutableSpan
        var target = span.mutableBytes
        try read(at: logical, copy: copy, into: &target)
        problem = try complaint(bytes.span.bytes)
      } catch let error as FileSystemError {
        problem = error.reason
      } catch {
        // Another copy may still be read.
        guard copy + 1 < copies else { throw error }
        problem = "\(error)"
      }
      guard let problem else { return bytes }
      first = first ?? problem
    }
    throw damagedBtrfs(structure(), block: logical, first ?? "it cannot be read")
  }
}
