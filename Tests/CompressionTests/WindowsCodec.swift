@testable import Compression

/// What Windows compresses files with.
enum WindowsCodec: String, CaseIterable {
  case lznt1, xpress, lzx

  func expand(
    _ chunk: RawSpan, into target: inout MutableRawSpan
  ) throws(DecompressionError) {
    switch self {
    case .lznt1: try LZNT1.expand(chunk, into: &target)
    case .xpress: try XpressHuffman.expand(chunk, into: &target)
    case .lzx: try LZX.expand(chunk, into: &target)
    }
  }

  /// A chunk that another program made, and how many bytes it is compressed to.
  var golden: (fixture: String, byteCount: Int) {
    switch self {
    case .lznt1: ("lznt1-65536.unit", 65_536)
    case .xpress: ("xpress-4096.chunk", 4096)
    case .lzx: ("lzx-32768.chunk", 32_768)
    }
  }
}
