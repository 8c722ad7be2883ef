/// A disk's bytes: an image, a device, a slice of either, or a disk in a recovery point.
///
/// Reads are positional and may come from several threads at once.
package protocol BlockDevice: Sendable {
  /// The disk's size in bytes; need not be a multiple of anything.
  var byteCount: UInt64 { get }

  /// Fills `target` from `offset`. The range must lie within the device.
  func read(at offset: UInt64, into target: inout MutableRawSpan) throws

  /// The first range at or after `offset` that may hold data; nil where only zeros follow.
  ///
  /// What lies between two such ranges reads as zeros. A device that does not know answers with
  /// everything from `offset` on.
  func nextData(from offset: UInt64) throws -> Range<UInt64>?

  /// Hints that `range` will be read soon.
  func willNeed(_ range: Range<UInt64>)

  /// What the bytes from `offset` on are known by; nil where they have no name. The run may begin
  /// before `offset` and is named so that it counts from there.
  ///
  /// - Parameter offset: less than ``byteCount``.
  func contentRun(at offset: UInt64, _ scale: ContentRun.Scale) throws -> ContentRun?
}
