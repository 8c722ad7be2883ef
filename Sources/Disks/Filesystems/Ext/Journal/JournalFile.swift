internal import BlockDevices
internal import Bytes

/// The file that is the journal, by blocks of its own numbers.
struct JournalFile {
  let volume: ExtVolume
  let superblock: JournalSuperblock
  /// Whether its inode is damaged, and the superblock's copy of that was needed.
  let isFoundByCopy: Bool
  private let content: BlockMapContent

  /// - Throws: ``FileSystemError`` where it is damaged, and no copy of its inode leads to one.
  init(of volume: ExtVolume) throws {
    do {
      self = try JournalFile(
        try volume.inode(volume.superblock.journalInode), on: volume, isCopy: false)
    } catch let error as FileSystemError where error.problem == .damaged {
      guard let copy = try volume.journalInodeCopy else { throw error }
      do { self = try JournalFile(copy, on: volume, isCopy: true) } catch is FileSystemError {
        // What is wrong with the inode itself says more.
        throw error
      }
    }
  }

  private init(_ inode: ExtInode, on volume: ExtVolume, isCopy: Bool) throws {
    self.volume = volume
    isFoundByCopy = isCopy
    func wrong(_ reason: String) -> FileSystemError { volume.damaged("the journal", reason) }
    guard inode.kind == .regular, inode.linkCount > 0,
      !inode.flags.contains(.inlineData), !inode.flags.contains(.encrypted)
    else { throw wrong("\(inode.structure) is none") }
    content = volume.content(of: inode)
    let size = volume.superblock.blockByteCount
    guard content.byteCount >= UInt64(size) else { throw wrong("it is empty") }
    let first = try Self.block(0, of: content, on: volume)
    let head = first.span.bytes.extracting(0..<JournalSuperblock.byteCount)
    superblock = try JournalSuperblock(head, blockByteCount: size, wrong: wrong)
    guard UInt64(superblock.blockCount) <= content.byteCount / UInt64(size) else {
      throw wrong("it is shorter than the \(superblock.blockCount) blocks that it says")
    }
    try requireBlocks()
  }

  private func requireBlocks() throws {
    let size = UInt64(volume.superblock.blockByteCount)
    var position: UInt64 = 0
    while position < UInt64(superblock.blockCount) * size {
      let extent = try content.extent(at: position)
      guard case .volume = extent.storage else {
        throw volume.damaged("the journal", "its block \(position / size) is missing")
      }
      position += extent.byteCount
    }
  }

  /// Where a block of the journal lies on the device.
  func place(of number: UInt32) throws -> UInt64 {
    try Self.place(of: number, in: content, on: volume)
  }

  func block(_ number: UInt32) throws -> [UInt8] {
    try Self.block(number, of: content, on: volume)
  }

  /// The block behind `number`, or the first one where the log ends.
  func next(_ number: UInt32, by count: UInt32 = 1) -> UInt32 {
    let length = UInt64(superblock.end - superblock.first)
    let distance = UInt64(number - superblock.first) + UInt64(count)
    return superblock.first + UInt32(distance % length)
  }

  private static func block(
    _ number: UInt32, of content: BlockMapContent, on volume: ExtVolume
  ) throws -> [UInt8] {
    let place = try place(of: number, in: content, on: volume)
    let size = volume.superblock.blockByteCount
    guard volume.device.holds(UInt64(size), at: place) else {
      throw volume.damaged("the journal", "the device ends before its block \(number)")
    }
    return try volume.device.bytes(at: place, count: size)
  }

  private static func place(
    of number: UInt32, in content: BlockMapContent, on volume: ExtVolume
  ) throws -> UInt64 {
    let offset = UInt64(number) * UInt64(volume.superblock.blockByteCount)
    guard offset < content.byteCount,
      case .volume(let place) = try content.extent(at: offset).storage
    else { throw volume.damaged("the journal", "its block \(number) is missing") }
    return place
  }
}
