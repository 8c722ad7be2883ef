internal import Bytes

/// The checksum of GPT and of LVM2.
///
/// - Parameter seed: what the register holds at first.
/// - Returns: the register after the last byte; GPT inverts it, LVM2 does not.
func crc32(_ bytes: RawSpan, seed: UInt32 = .max) -> UInt32 {
  CyclicChecksum.ethernet.updating(seed, with: bytes)
}
