package import SystemPackage

/// A restore in place that cannot be.
package enum InPlaceError: Error, CustomStringConvertible {
  case otherDisks(point: String, onlyInPoint: [String], onlyInMachine: [String])
  case missing(FilePath)
  case noFile(FilePath)
  case shared(FilePath, disks: [String])
  case unfinished(FilePath, machine: String)
  case underWay(FilePath, machine: String)
  case changed(FilePath)
  case unwritten(FilePath, format: String)

  package var description: String {
    switch self {
    case .otherDisks(let point, let onlyInPoint, let onlyInMachine):
      ([
        onlyInPoint.isEmpty
          ? nil
          : "\(point) has disks that the machine has not: \(onlyInPoint.joined(separator: ", "))",
        onlyInMachine.isEmpty
          ? nil
          : "the machine has disks that \(point) has not: \(onlyInMachine.joined(separator: ", "))",
      ].compactMap { $0 } + ["with --force the former are made, and the latter stay as they are"])
      .joined(separator: "; ")
    case .missing(let path):
      "\(path) is not there, so nothing can be put in its place: restore the machine with --as"
    case .noFile(let path):
      "\(path) is no image file, and cannot be swapped: restore it with `kluis restore disk --to "
        + "\(path) --force`"
    case .unfinished(let path, let machine):
      "an in-place restore was stopped (\(path)): run `kluis recover \(machine)`"
    case .underWay(let path, let machine):
      "an in-place restore of \(machine) is under way (\(path)): wait until it has ended"
    case .unwritten(let path, let format):
      "\(path) is a \(format) image, which is read and not written: restore the machine with --as, "
        + "or the disk with `kluis restore disk`"
    case .changed(let path):
      "\(path) was changed since its present state was read, so what differs is not known: nothing "
        + "was done to it; run it again"
    case .shared(let path, let disks):
      "\(path) is the place of more than one disk (\(disks.joined(separator: ", "))), so none can "
        + "be put there: restore the machine with --as"
    }
  }
}
