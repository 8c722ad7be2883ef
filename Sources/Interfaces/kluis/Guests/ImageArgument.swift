import DiskImages
import SystemPackage

/// An image as it is named on the command line: PATH, or FORMAT:PATH where somebody knows what it
/// is. A file whose own name begins so is named as ./FILE.
struct ImageArgument {
  let path: FilePath
  /// nil to look at it.
  let format: DiskImage.Format?

  /// Said in the help of commands that take images.
  static let help = """
    An image is looked at to see what it is. Since a machine can write anything into a raw disk, \
    one that looks like an image over another file is read only if its name says so (.qcow2, \
    .vmdk, .vhdx, .avhdx) and that file lies beside it; raw:PATH, qcow2:PATH, vhd-fixed:PATH, \
    vhd-dynamic:PATH, vhdx:PATH, vmdk:PATH or vdi:PATH says what it is, and is remembered.
    """

  init(_ text: String) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    if parts.count == 2, !parts[1].isEmpty,
      let format = DiskImage.Format(rawValue: String(parts[0]))
    {
      self.format = format
      path = FilePath(String(parts[1]))
    } else {
      format = nil
      path = FilePath(text)
    }
  }
}
