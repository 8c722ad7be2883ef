internal import Bytes
internal import Synchronization

/// The security descriptors of all files, each of which is kept once ($Secure).
///
///     index ($SII) := id:u32 → entry
///     entry        := hash:u32 id:u32 place:u64 bytes:u32
///     stream ($SDS):= (entry descriptor)*, in pieces of 256 KiB, of which every second is a copy
final class NTFSSecurity: Sendable {
  private static let copyDistance: UInt64 = 256 << 10
  private static let entryByteCount = 20
  /// Windows lets one have 64 KiB.
  private static let byteLimit = 128 << 10
  private static let rememberedCount = 512

  private let volume: NTFSVolume
  private let known = Mutex<[UInt32: [UInt8]]>([:])

  init(_ volume: NTFSVolume) { self.volume = volume }

  /// A descriptor by the number that a file has for it, in its self-relative form.
  func descriptor(_ id: UInt32) throws -> [UInt8] {
    if let bytes = known.withLock({ $0[id] }) { return bytes }
    let bytes = try read(id)
    known.withLock {
      if $0.count >= Self.rememberedCount { $0 = [:] }
      $0[id] = bytes
    }
    return bytes
  }

  private func read(_ id: UInt32) throws -> [UInt8] {
    let structure = "security descriptor \(id)"
    let file = try NTFSFile(
      NTFSReference(record: NTFSRecordNumber.security, sequence: 0), on: volume)
    let index = try NTFSIndex("$SII", of: file, on: volume, structure: "the index of $Secure")
    var found: [UInt8]?
    try index.forEachEntry { node, entry in
      let key = try? node.key(of: entry).littleEndian(at: 0, as: UInt32.self)
      guard let key else { throw damagedNTFS(index.structure, "a key in it is cut off") }
      return key == id ? 0 : key < id ? -1 : 1
    } _: { node, entry in
      found = try? node.value(of: entry)
    }
    guard let entry = found, entry.count >= Self.entryByteCount else {
      throw damagedNTFS(structure, "$Secure has none")
    }
    let name = Array("$SDS".utf16)
    guard let stream = try file.stream(NTFSAttributeType.data, named: name, "$Secure") else {
      throw damagedNTFS("$Secure", "its stream of descriptors is missing")
    }
    let fields = entry.span.bytes
    let (offset, count): (UInt64, UInt32) = try (
      fields.littleEndian(at: 8), fields.littleEndian(at: 16)
    )
    guard offset < 1 << 40, count >= Self.entryByteCount, count <= Self.byteLimit else {
      throw damagedNTFS(structure, "\(count) bytes at \(offset)")
    }
    do {
      return try read(entry, at: offset, count: Int(count), of: stream, structure)
    } catch let error as FileSystemError {
      let copy = try? read(
        entry, at: offset + Self.copyDistance, count: Int(count), of: stream, structure)
      guard let copy else { throw error }
      return copy
    }
  }

  private func read(
    _ entry: [UInt8], at offset: UInt64, count: Int, of stream: NTFSStream, _ structure: String
  ) throws -> [UInt8] {
    let bytes = try volume.bytes(of: stream, at: offset, count: count)
    guard bytes.prefix(Self.entryByteCount) == entry.prefix(Self.entryByteCount) else {
      throw damagedNTFS(structure, "what is stored is not what the index names")
    }
    let descriptor = Array(bytes[Self.entryByteCount...])
    guard try entry.span.bytes.littleEndian(at: 0) == Self.hash(descriptor) else {
      throw damagedNTFS(structure, "its hash is another one")
    }
    return descriptor
  }

  /// Over numbers of four bytes; what is over at the end does not count.
  private static func hash(_ bytes: [UInt8]) throws(TruncatedInput) -> UInt32 {
    var hash: UInt32 = 0
    for place in stride(from: 0, to: bytes.count / 4 * 4, by: 4) {
      let number: UInt32 = try bytes.span.bytes.littleEndian(at: place)
      hash = number &+ (hash << 3 | hash >> 29)
    }
    return hash
  }
}
