internal import Bytes

/// A run of a file system's own addresses, and where on its devices it lies (btrfs_tree.h,
/// `struct btrfs_chunk`, `struct btrfs_stripe`).
///
///     chunk  := byteCount:u64, owner:u64, stripeByteCount:u64, type:u64, 0:12, stripes:u16,
///               subStripes:u16, stripe*
///     stripe := device:u64, offset:u64, deviceUUID:16
struct BtrfsChunk: Sendable {
  /// How a chunk is spread over its stripes (btrfs documentation, mkfs.btrfs, "Profiles").
  enum Profile: Sendable {
    /// Each stripe has all of it: single, dup, raid1, raid1c3, raid1c4.
    case copies
    case raid0
    /// Each row is raid0 over groups of so many equal stripes.
    case raid10(copies: Int)
    /// Rows in which so many stripes hold parity, one further left in each.
    case parity(Int)
  }

  struct Stripe: Sendable {
    let deviceID: UInt64
    let deviceUUID: [UInt8]
    let offset: UInt64
  }

  static let stripeByteCount: UInt64 = 64 << 10
  private static let stripeItemByteCount = 32
  private static let headByteCount = 48

  let start: UInt64
  let byteCount: UInt64
  let profile: Profile
  let stripes: [Stripe]

  var end: UInt64 { start + byteCount }

  /// - Parameter start: the offset of its key.
  init(_ bytes: RawSpan, at start: UInt64) throws {
    func wrong(_ reason: String) -> FileSystemError {
      damagedBtrfs("the chunk at \(start)", reason)
    }
    guard bytes.byteCount >= Self.headByteCount else { throw wrong("it ends too early") }
    self.start = start
    byteCount = try bytes.littleEndian(at: 0)
    let stripeSize: UInt64 = try bytes.littleEndian(at: 16)
    let type: UInt64 = try bytes.littleEndian(at: 24)
    let count = Int(try bytes.littleEndian(at: 44, as: UInt16.self))
    let copies = Int(try bytes.littleEndian(at: 46, as: UInt16.self))
    guard byteCount > 0, byteCount <= 1 << 62, start <= 1 << 62, start % 4096 == 0,
      byteCount % 4096 == 0
    else { throw wrong("a size of \(byteCount)") }
    guard stripeSize == Self.stripeByteCount else { throw wrong("stripes of \(stripeSize) bytes") }
    guard count > 0, bytes.byteCount == Self.headByteCount + count * Self.stripeItemByteCount else {
      throw wrong("\(count) stripes, which do not fill its item")
    }
    profile = try chunkProfile(type, stripes: count, copies: copies, wrong)
    stripes = try (0..<count).map { index in
      let place = Self.headByteCount + index * Self.stripeItemByteCount
      let offset: UInt64 = try bytes.littleEndian(at: place + 8)
      guard offset <= 1 << 62 else { throw wrong("a stripe at \(offset)") }
      return Stripe(
        deviceID: try bytes.littleEndian(at: place),
        deviceUUID: Array(try bytes.field(at: place + 16, count: 16)), offset: offset)
    }
  }

  /// How many stripes hold the same bytes.
  var copyCount: Int {
    switch profile {
    case .copies: stripes.count
    case .raid10(let copies): copies
    case .raid0, .parity: 1
    }
  }

  /// Where a byte lies, and how many lie there in one piece.
  ///
  /// - Parameters:
  ///   - offset: in the chunk.
  ///   - copy: less than ``copyCount``.
  func place(at offset: UInt64, copy: Int) -> (stripe: Stripe, offset: UInt64, byteCount: UInt64) {
    let count = UInt64(stripes.count)
    let (number, within) = offset.quotientAndRemainder(dividingBy: Self.stripeByteCount)
    let index: UInt64
    let row: UInt64
    switch profile {
    case .copies: return (stripes[copy], stripes[copy].offset + offset, byteCount - offset)
    case .raid0: (row, index) = number.quotientAndRemainder(dividingBy: count)
    case .raid10(let copies):
      let (groupRow, group) = number.quotientAndRemainder(dividingBy: count / UInt64(copies))
      (row, index) = (groupRow, group * UInt64(copies) + UInt64(copy))
    case .parity(let parity):
      let (dataRow, column) = number.quotientAndRemainder(dividingBy: count - UInt64(parity))
      (row, index) = (dataRow, (dataRow + column) % count)
    }
    let stripe = stripes[Int(index)]
    return (
      stripe, stripe.offset + row * Self.stripeByteCount + within,
      min(Self.stripeByteCount - within, byteCount - offset)
    )
  }
}

/// The profile that a chunk's type names (`BTRFS_BLOCK_GROUP_…`).
private func chunkProfile(
  _ type: UInt64, stripes: Int, copies: Int, _ wrong: (String) -> FileSystemError
) throws -> BtrfsChunk.Profile {
  let isRight: Bool
  let profile: BtrfsChunk.Profile
  switch type & ~0x7 {
  case 0: (isRight, profile) = (stripes == 1, .copies)
  case 1 << 3: (isRight, profile) = (true, .raid0)
  case 1 << 4, 1 << 5: (isRight, profile) = (stripes == 2, .copies)
  case 1 << 6:
    (isRight, profile) = (copies == 2 && stripes % 2 == 0, .raid10(copies: max(copies, 1)))
  case 1 << 7: (isRight, profile) = (stripes >= 2, .parity(1))
  case 1 << 8: (isRight, profile) = (stripes >= 3, .parity(2))
  case 1 << 9: (isRight, profile) = (stripes == 3, .copies)
  case 1 << 10: (isRight, profile) = (stripes == 4, .copies)
  default:
    throw unsupportedBtrfs(
      "the chunk map", "a chunk of type 0x\(String(type, radix: 16))")
  }
  guard isRight else {
    throw wrong("type 0x\(String(type, radix: 16)) with \(stripes) stripes")
  }
  return profile
}
