internal import DiskImages
package import SystemPackage
package import Tiers
package import Vaults
package import Workers

/// Compares a raw image with the disk of a point: reads all of it and computes every digest anew.
package struct DiskComparison {
  private let disk: RecoveryPoint.Disk
  private let image: FilePath

  package init(of image: FilePath, with disk: RecoveryPoint.Disk) {
    self.image = image
    self.disk = disk
  }

  /// - Returns: bytes of the disk that the image has in other words; all where their sizes differ.
  /// - Throws: ``RestoreError``, ``FileError``, ``Cancelled``.
  package func run(
    from open: OpenTier, progress: Progress, cancellation: Cancellation
  ) throws -> UInt64 {
    let found = try DiskImage(opening: image, as: .raw)
    if found.byteCount != disk.size { return disk.size }
    return try DeltaRestore(disk: disk, present: .unread(found)).run(
      into: Nowhere(), from: open, progress: progress, cancellation: cancellation.child())
  }

  private struct Nowhere: RegionTarget {
    func write(_ bytes: RawSpan, at offset: UInt64) {}
    func writeZeros(_ range: Range<UInt64>) {}
  }
}
