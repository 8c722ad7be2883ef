/// The name of a chunk or a map: the digest of its plain bytes.
package struct ContentID: Hashable, Comparable, Sendable, BitwiseCopyable, CustomStringConvertible {
  package let digest: Digest

  /// Stands where a map would be that holds zeros only; nothing is stored under it.
  package static let zeros = ContentID(.zero)

  package init(_ digest: Digest) { self.digest = digest }

  package static func < (a: ContentID, b: ContentID) -> Bool { a.digest < b.digest }

  package var description: String { digest.description }
}

/// The name of a pack: the SHA-256 of the whole file.
package struct PackID: Hashable, Comparable, Sendable, BitwiseCopyable, CustomStringConvertible {
  package let digest: Digest

  package init(_ digest: Digest) { self.digest = digest }

  package static func < (a: PackID, b: PackID) -> Bool { a.digest < b.digest }

  package var description: String { digest.description }
}
