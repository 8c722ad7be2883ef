/// How a record's payload is compressed; the number is part of the pack format.
package enum Codec: UInt8, Sendable {
  /// As it is.
  case stored = 0
  /// RFC 1950.
  case zlib = 1
  /// RFC 8878.
  case zstd = 2
}

/// A vault's choice of compression: `none`, `zlib:1` to `zlib:9`, `zstd:1` to `zstd:19`.
package struct CompressionSetting: Sendable, Equatable, LosslessStringConvertible {
  package let codec: Codec
  package let level: Int32

  package static let standard = CompressionSetting(codec: .zstd, level: 1)
  package static let none = CompressionSetting(codec: .stored, level: 0)

  private init(codec: Codec, level: Int32) {
    self.codec = codec
    self.level = level
  }

  package init?(_ description: String) {
    if description == "none" {
      self = .none
      return
    }
    let parts = description.split(separator: ":", omittingEmptySubsequences: false)
    let level = parts.count == 2 ? Int32(parts[1]) : parts.count == 1 ? Int32?.some(1) : nil
    switch (parts.first, level) {
    case ("zlib", let level?) where (1...9).contains(level): self.init(codec: .zlib, level: level)
    case ("zstd", let level?) where (1...19).contains(level): self.init(codec: .zstd, level: level)
    default: return nil
    }
  }

  package var description: String {
    switch codec {
    case .stored: "none"
    case .zlib: "zlib:\(level)"
    case .zstd: "zstd:\(level)"
    }
  }
}
