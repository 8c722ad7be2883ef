internal import BlockDevices

extension BlockCache {
  /// A block that has to be there whole.
  ///
  /// - Parameter damaged: the error for one that is not, by its reason.
  func wholeBlock(
    _ number: UInt64, orThrow damaged: (_ reason: String) -> FileSystemError
  ) throws -> [UInt8] {
    let bytes: [UInt8]
    do {
      bytes = try block(number)
    } catch is OutsideDevice {
      throw damaged("the device ends before it")
    }
    guard bytes.count == blockByteCount else { throw damaged("the device ends within it") }
    return bytes
  }
}
