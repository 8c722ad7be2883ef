internal import Bytes
package import Hashing

/// Names chunks and maps by their plain bytes; one for each thread.
///
/// SHA-256, and in an encrypted vault HMAC-SHA-256, so that nobody without the key can tell whether
/// something he knows is stored.
package struct ContentNamer: ~Copyable {
  private var digester = Digester()
  private var authenticator: Authenticator?

  package init(_ protection: ContentProtection) {
    if let keys = protection.keys { authenticator = Authenticator(key: keys.identity) }
  }

  package mutating func name(_ plain: RawSpan) -> ContentID {
    ContentID(authenticator?.digest(plain) ?? digester.digest(plain))
  }
}
