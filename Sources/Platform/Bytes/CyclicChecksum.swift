/// A 32-bit cyclic redundancy check that takes the lowest bit of a byte first, as most formats do.
///
/// Values go in and out as they are: where a format inverts the first or the last one, the caller
/// does.
package struct CyclicChecksum: Sendable {
  /// CRC-32C (iSCSI, ext4, btrfs, XFS).
  package static let castagnoli = CyclicChecksum(polynomial: 0x82F6_3B78)
  /// CRC-32 (Ethernet, GPT, gzip).
  package static let ethernet = CyclicChecksum(polynomial: 0xEDB8_8320)

  /// What eight bytes at a time need: the checksum of each byte followed by none to seven zeros.
  private let tables: [UInt32]

  private init(polynomial: UInt32) {
    var tables = [UInt32](repeating: 0, count: 8 * 256)
    for byte in 0..<256 {
      var value = UInt32(byte)
      for _ in 0..<8 { value = value >> 1 ^ (value & 1 == 0 ? 0 : polynomial) }
      tables[byte] = value
    }
    for place in 256..<8 * 256 {
      let shorter = tables[place - 256]
      tables[place] = shorter >> 8 ^ tables[Int(shorter & 0xFF)]
    }
    self.tables = tables
  }

  /// The checksum of all that gave `checksum`, followed by `bytes`.
  package func updating(_ checksum: UInt32, with bytes: RawSpan) -> UInt32 {
    bytes.withUnsafeBytes { bytes in
      tables.withUnsafeBufferPointer { tables in
        update(checksum, bytes, tables)
      }
    }
  }

  /// The checksum of all that gave `checksum`, followed by a little-endian number.
  package func updating(_ checksum: UInt32, with number: some FixedWidthInteger) -> UInt32 {
    withUnsafeBytes(of: number.littleEndian) { bytes in
      tables.withUnsafeBufferPointer { tables in
        update(checksum, bytes, tables)
      }
    }
  }
}

private func update(
  _ checksum: UInt32, _ bytes: UnsafeRawBufferPointer, _ tables: UnsafeBufferPointer<UInt32>
) -> UInt32 {
  precondition(tables.count == 8 * 256, "eight tables")
  var value = checksum
  var place = 0
  while bytes.count - place >= 8 {
    let low = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self))
    let high = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place + 4, as: UInt32.self))
    value ^= low
    value =
      tables[1792 + Int(value & 0xFF)] ^ tables[1536 + Int(value >> 8 & 0xFF)]
      ^ tables[1280 + Int(value >> 16 & 0xFF)] ^ tables[1024 + Int(value >> 24)]
      ^ tables[768 + Int(high & 0xFF)] ^ tables[512 + Int(high >> 8 & 0xFF)]
      ^ tables[256 + Int(high >> 16 & 0xFF)] ^ tables[Int(high >> 24)]
    place += 8
  }
  while place < bytes.count {
    value = value >> 8 ^ tables[Int((value ^ UInt32(bytes[place])) & 0xFF)]
    place += 1
  }
  return value
}
