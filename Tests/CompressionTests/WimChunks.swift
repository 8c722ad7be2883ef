import Files
import SystemPackage
import TestSupport

/// wimlib's compressors, by way of `Tests/Judges/wim-chunks`.
enum WimChunks {
  private static let judge = FilePath(#filePath).removingLastComponent().removingLastComponent()
    .appending("Judges").appending("wim-chunks").string

  /// Whether they can be had here; says on the terminal where they cannot.
  static let isInstalled: Bool = {
    guard areInstalled("python3") else { return false }
    do { try output(of: judge, "--check") } catch {
      print("skipped: \(error)")
      return false
    }
    return true
  }()

  /// A chunk for each text; an empty one where it does not get smaller.
  static func compress(
    _ texts: [[UInt8]], _ kind: String, most: Int, level: Int
  ) throws -> [[UInt8]] {
    let directory = try TemporaryDirectory()
    let (given, made) = (directory.appending("texts"), directory.appending("chunks"))
    let packed = texts.flatMap { text -> [UInt8] in
      withUnsafeBytes(of: UInt32(text.count).littleEndian) { Array($0) } + text
    }
    try writeFile(packed, to: given, sparse: false)
    try output(
      of: "/bin/sh", "-c",
      "'\(judge)' \(kind) \(most) \(level) <\(given.string) >\(made.string)")
    let bytes = try readFile(made)
    var chunks: [[UInt8]] = []
    var place = 0
    while place < bytes.count {
      let count = (0..<4).reduce(0) { $0 | Int(bytes[place + $1]) << (8 * $1) }
      chunks.append(Array(bytes[place + 4..<place + 4 + count]))
      place += 4 + count
    }
    return chunks
  }
}
