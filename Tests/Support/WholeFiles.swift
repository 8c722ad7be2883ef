internal import Bytes
internal import Files
package import SystemPackage

/// Everything that is in a file.
package func readFile(_ path: FilePath) throws -> [UInt8] {
  let file = try File.openForReading(path)
  var bytes = [UInt8](repeating: 0, count: Int(try file.status().byteCount))
  var span = bytes.mutableSpan
  var raw = span.mutableBytes
  let count = try file.read(at: 0, into: &raw)
  precondition(count == bytes.count, "\(path) changed while a test read it")
  return bytes
}

/// Makes a file of `bytes`, with holes where whole blocks are zeros; an old one is replaced.
package func writeFile(_ bytes: [UInt8], to path: FilePath, sparse: Bool = true) throws {
  try removeFile(path)
  let file = try File.create(path)
  try file.setByteCount(UInt64(bytes.count))
  let all = bytes.span.bytes
  var start = 0
  while start < bytes.count {
    let end = min(start + (sparse ? 4096 : 1 << 20), bytes.count)
    let part = all.extracting(start..<end)
    if !sparse || !part.isZero { try file.write(part, at: UInt64(start)) }
    start = end
  }
}

/// Changes a file's bytes where they lie, so that who has it open sees the change.
package func overwriteFile(_ path: FilePath, with bytes: [UInt8]) throws {
  let file = try File.openForWriting(path)
  try file.setByteCount(UInt64(bytes.count))
  try file.write(bytes.span.bytes, at: 0)
}

/// Whether two byte arrays are the same; fast where tests are built without optimization.
package func areEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
  let other = b.span.bytes
  return a.span.bytes.isEqual(to: other)
}

/// The first place where two byte arrays differ, for messages; nil where they are the same.
package func firstDifference(_ a: [UInt8], _ b: [UInt8]) -> Int? {
  if areEqual(a, b) { return nil }
  return zip(a, b).enumerated().first { $0.element.0 != $0.element.1 }?.offset
    ?? min(a.count, b.count)
}
