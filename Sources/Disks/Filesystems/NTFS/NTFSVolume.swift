internal import BlockDevices
internal import Bytes

/// A volume's measures and the device that it is on: what all structures are read from.
final class NTFSVolume: Sendable {
  let boot: NTFSBootSector
  let device: any BlockDevice
  /// The table of records, as far as it is known.
  let table: NTFSStream
  private let cache: BlockCache

  init(_ boot: NTFSBootSector, _ device: any BlockDevice, table: NTFSStream) {
    self.boot = boot
    self.device = device
    self.table = table
    cache = BlockCache(device, blockByteCount: 16 << 10)
  }

  // MARK: records

  /// A record of the table; of the first ones the copy, where it is damaged.
  ///
  /// - Throws: ``FileSystemError`` where it is damaged, or there is none of that number.
  func record(_ number: UInt64) throws -> NTFSRecord {
    do {
      return try ownRecord(number)
    } catch let error as FileSystemError where number < mirroredCount {
      guard let copy = try? mirroredRecord(number) else { throw error }
      return copy
    }
  }

  /// A record as the table itself has it.
  func ownRecord(_ number: UInt64) throws -> NTFSRecord {
    let size = UInt64(boot.recordByteCount)
    let count = table.initializedByteCount / size
    guard number < count else {
      throw damagedNTFS("record \(number)", "the table has only \(count)")
    }
    let bytes = try bytes(of: table, at: number * size, count: boot.recordByteCount)
    return try parsed(bytes, number)
  }

  /// Records of which there are copies.
  var mirroredCount: UInt64 { max(4, UInt64(boot.clusterByteCount / boot.recordByteCount)) }

  /// A copy of one of the first records.
  func mirroredRecord(_ number: UInt64) throws -> NTFSRecord {
    guard boot.mirrorCluster < boot.clusterCount else {
      throw damagedNTFS("the copy of the table", "it lies outside the volume")
    }
    let offset =
      boot.mirrorCluster * UInt64(boot.clusterByteCount) + number * UInt64(boot.recordByteCount)
    return try parsed(
      metadata(at: offset, count: boot.recordByteCount, "the copy of record \(number)"), number)
  }

  private func parsed(_ bytes: [UInt8], _ number: UInt64) throws -> NTFSRecord {
    do {
      return try NTFSRecord(bytes, number: number)
    } catch let fault as NTFSFault {
      throw damagedNTFS("record \(number)", cluster: cluster(ofRecord: number), fault.reason)
    } catch is TruncatedInput {
      throw damagedNTFS(
        "record \(number)", cluster: cluster(ofRecord: number), "its attributes do not end")
    }
  }

  private func cluster(ofRecord number: UInt64) -> UInt64? {
    guard case .clusters(let runs) = table.storage else { return nil }
    let cluster = number * UInt64(boot.recordByteCount) / UInt64(boot.clusterByteCount)
    guard let run = runs.run(at: cluster), let place = run.place else { return nil }
    return place + cluster - run.first
  }

  // MARK: bytes

  /// Bytes of an attribute that is not compressed, for what the file system itself reads. The
  /// caller bounds `count`.
  func bytes(of stream: NTFSStream, at offset: UInt64, count: Int) throws -> [UInt8] {
    let written = stream.initializedByteCount
    guard offset <= written, UInt64(count) <= written - offset else {
      throw damagedNTFS(
        stream.structure, "it has only \(written) bytes; \(count) from \(offset) on are wanted")
    }
    guard case .clusters(let runs) = stream.storage else {
      guard case .resident(let bytes) = stream.storage else { return [] }
      return Array(bytes[Int(offset)..<Int(offset) + count])
    }
    let size = UInt64(boot.clusterByteCount)
    var found: [UInt8] = []
    found.reserveCapacity(count)
    while found.count < count {
      let position = offset + UInt64(found.count)
      guard let run = runs.run(at: position / size) else {
        throw damagedNTFS(stream.structure, "where its byte \(position) lies is not told")
      }
      guard let place = run.place else {
        throw damagedNTFS(stream.structure, "its byte \(position) lies in a hole")
      }
      let within = position - run.first * size
      let length = Int(min(UInt64(count - found.count), run.count * size - within))
      found += try metadata(at: place * size + within, count: length, stream.structure)
    }
    return found
  }

  /// The whole of an attribute of the file system's own.
  func bytes(of stream: NTFSStream, limit: Int) throws -> [UInt8] {
    guard stream.byteCount <= UInt64(limit) else {
      throw damagedNTFS(stream.structure, "it has \(stream.byteCount) bytes")
    }
    return try bytes(of: stream, at: 0, count: Int(stream.byteCount))
  }

  /// Any bytes of the volume, by way of the cache.
  func metadata(at offset: UInt64, count: Int, _ structure: String) throws -> [UInt8] {
    do {
      return try cache.bytes(at: offset, count: count)
    } catch is OutsideDevice {
      throw damagedNTFS(
        structure, cluster: offset / UInt64(boot.clusterByteCount),
        "the device ends before it")
    }
  }
}
