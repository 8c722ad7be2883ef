/// A run of a device's bytes, and what they are known by: equal names, equal bytes.
package struct ContentRun: Sendable, Equatable {
  package enum Name: Sendable, Hashable {
    case zeros
    /// The bytes from `offset` on of something whose digest is these words.
    case digest(UInt64, UInt64, UInt64, UInt64, offset: UInt64)
  }

  /// How much is named at once.
  package enum Scale: Sendable {
    /// As much as has one name, found without reading more than is at hand.
    case large
    /// As little as has a name of its own, so that what differs is told from what does not.
    case small
  }

  package let name: Name
  /// At least 1.
  package let byteCount: UInt64

  package init(_ name: Name, byteCount: UInt64) {
    self.name = name
    self.byteCount = byteCount
  }

  /// The run no longer than `limit`.
  package func prefix(_ limit: UInt64) -> ContentRun {
    ContentRun(name, byteCount: min(byteCount, limit))
  }
}

extension BlockDevice {
  /// Nil, as of a device that keeps its bytes under no names.
  package func contentRun(at offset: UInt64, _ scale: ContentRun.Scale) throws -> ContentRun? {
    nil
  }
}
