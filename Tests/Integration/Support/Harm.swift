import Glibc
import Testing

/// Takes a directory away as a disk that is unplugged; ``bringBack(_:)`` undoes it.
func takeAway(_ directory: String) {
  precondition(rename(directory, directory + ".away") == 0, "cannot take away \(directory)")
}

func bringBack(_ directory: String) {
  precondition(rename(directory + ".away", directory) == 0, "cannot bring back \(directory)")
}

func destroy(_ path: String) { run("rm", "-rf", path) }

/// The files of a store whose names begin and end so, as whole paths.
func objects(in store: String, _ folder: String, _ end: String = "") -> [String] {
  files(under: store).filter { $0.hasPrefix(folder) && $0.hasSuffix(end) }.map { "\(store)/\($0)" }
}

func packs(in store: String) -> [String] { objects(in: store, "packs/", ".pack") }

func fileSize(_ path: String) -> Int {
  var status = stat()
  precondition(stat(path, &status) == 0, "no \(path)")
  return Int(status.st_size)
}

/// Flips one bit of a file where it lies.
/// - Returns: the byte that has it.
@discardableResult
func flipBit(
  in path: String, within range: Range<Int>? = nil, _ random: inout SeededGenerator
) -> Int {
  let offset = Int.random(in: range ?? 0..<fileSize(path), using: &random)
  flipBit(in: path, at: offset, bit: Int.random(in: 0..<8, using: &random))
  return offset
}

func flipBit(in path: String, at offset: Int, bit: Int = 0) {
  let byte = readBytes(path)[offset]
  ImageFile(path).write([byte ^ UInt8(1) << UInt8(bit)], at: offset)
}

/// Flips one bit in every pack of a store, anywhere.
func flipBits(inPacksOf store: String, _ random: inout SeededGenerator) {
  for pack in packs(in: store) { flipBit(in: pack, &random) }
}

/// What can happen to a file.
enum Harm: String, CaseIterable {
  case removed, emptied, truncated, lengthened, flipped, overwritten

  func happen(to path: String, _ random: inout SeededGenerator) {
    let byteCount = fileSize(path)
    switch self {
    case .removed: unlink(path)
    case .emptied: ImageFile(path).resize(0)
    case .truncated: ImageFile(path).resize(Int.random(in: 0..<byteCount, using: &random))
    case .lengthened: ImageFile(path).write([0, 1, 2], at: byteCount)
    case .flipped: flipBit(in: path, &random)
    case .overwritten:
      ImageFile(path).write((0..<byteCount).map { UInt8(truncatingIfNeeded: $0) }, at: 0)
    }
  }
}
