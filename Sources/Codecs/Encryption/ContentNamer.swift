internal import Bytes
package import Hashing

/// Names chunks and maps by their plain bytes; one for each thread.
///
/// SHA-256, and in an encrypted vault HMAC-SHA-256, so that nobody without the key can tell whether
/// something he knows is stored.
package struct ContentNamer: ~Copyable {
  /// Bytes that are best named at once: half as many leave lanes of the digest empty, and naming
  /// twice as many is no faster.
  package static let batchByteCount = 4 << 20

  private let key: Secret?
  private var digester = Digester()
  private var authenticator: Authenticator?
  private var lanes: DigestLanes?
  private var hasAskedForLanes = false

  package init(_ protection: ContentProtection) {
    key = protection.keys?.identity
    if let key { authenticator = Authenticator(key: key) }
  }

  package mutating func name(_ plain: RawSpan) -> ContentID {
    ContentID(authenticator?.digest(plain) ?? digester.digest(plain))
  }

  /// The names of parts of `bytes`, in their order. Takes a third of the time where they are many
  /// and the machine can compute them side by side.
  package mutating func names(of parts: [Range<Int>], in bytes: RawSpan) -> [ContentID] {
    if DigestLanes.areWorthIt(for: parts) {
      if !hasAskedForLanes { openLanes() }
      if let digests = lanes?.digests(of: parts, in: bytes) { return digests.map(ContentID.init) }
    }
    return parts.map { name(bytes.extracting($0)) }
  }

  private mutating func openLanes() {
    hasAskedForLanes = true
    guard let key else {
      lanes = DigestLanes(key: nil) { digester.digest($0) }
      return
    }
    lanes = key.withBytes { key in
      DigestLanes(key: key) { authenticator?.digest($0) ?? .zero }
    }
  }
}
