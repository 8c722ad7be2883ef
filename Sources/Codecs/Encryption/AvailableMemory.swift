internal import Glibc

/// How much memory the system says it could give, in KiB (proc(5), `MemAvailable`); nil where it
/// does not say.
func availableMemoryKibibytes() -> Int? {
  guard let file = fopen("/proc/meminfo", "re") else { return nil }
  defer { fclose(file) }
  var line = [CChar](repeating: 0, count: 256)
  while fgets(&line, Int32(line.count), file) != nil {
    let bytes = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    let text = String(decoding: bytes, as: UTF8.self)
    guard text.hasPrefix("MemAvailable:") else { continue }
    return text.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }
  }
  return nil
}
