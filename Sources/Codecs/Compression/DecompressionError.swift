/// What a payload is compressed with.
package enum CompressedFormat: Sendable, Equatable, CustomStringConvertible {
  /// A codec of packs.
  case pack(Codec)
  /// Of compressed files on NTFS.
  case lznt1
  /// Of files that Windows compacted.
  case xpressHuffman
  /// Likewise.
  case lzx

  package var description: String {
    switch self {
    case .pack(let codec): "\(codec)"
    case .lznt1: "LZNT1"
    case .xpressHuffman: "XPRESS Huffman"
    case .lzx: "LZX"
    }
  }
}

/// A payload that does not expand to what it promises, or what was promised of it.
package struct DecompressionError: Error, Equatable, CustomStringConvertible {
  package let format: CompressedFormat
  /// Bytes that were promised.
  package let expected: Int

  package var description: String { "the \(format) payload does not expand to \(expected) bytes" }
}
