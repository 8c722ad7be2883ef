/// The checksum of GPT and of LVM2: polynomial 0x04C11DB7, reflected.
///
/// - Parameter seed: what the register holds at first.
/// - Returns: the register after the last byte; GPT inverts it, LVM2 does not.
func crc32(_ bytes: some Sequence<UInt8>, seed: UInt32 = .max) -> UInt32 {
  var register = seed
  crc32Table.withUnsafeBufferPointer { table in
    for byte in bytes {
      register = register >> 8 ^ table[Int(UInt8(truncatingIfNeeded: register) ^ byte)]
    }
  }
  return register
}

private let crc32Table: [UInt32] = (0..<256).map { byte in
  (0..<8).reduce(UInt32(byte)) { value, _ in
    value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xEDB8_8320
  }
}
