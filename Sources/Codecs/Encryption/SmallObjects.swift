internal import Bytes

/// Sealing what is small and lies in an array or a ``Secret``.
extension ObjectCipher {
  package mutating func sealed(
    _ plain: [UInt8], named name: String, authenticating header: [UInt8]
  ) -> [UInt8] {
    sealed(plain.span.bytes, named: name, authenticating: header)
  }

  package mutating func sealed(
    _ secret: Secret, named name: String, authenticating header: [UInt8]
  ) -> [UInt8] {
    secret.withBytes { sealed($0, named: name, authenticating: header) }
  }

  private mutating func sealed(
    _ plain: RawSpan, named name: String, authenticating header: [UInt8]
  ) -> [UInt8] {
    var object = [UInt8](repeating: 0, count: plain.byteCount + Self.overhead)
    var span = object.mutableSpan
    var bytes = span.mutableBytes
    var room = bytes._mutatingExtracting(
      Self.nonceByteCount..<Self.nonceByteCount + plain.byteCount)
    plain.copy(into: &room)
    let name = Array(name.utf8)
    seal(&bytes, named: name.span.bytes, authenticating: header.span.bytes)
    return object
  }

  /// What is in a sealed object; nil where it is not what was sealed.
  package mutating func opened(
    _ object: [UInt8], named name: String, authenticating header: [UInt8]
  ) -> [UInt8]? {
    guard object.count >= Self.overhead else { return nil }
    var plain = [UInt8](repeating: 0, count: object.count - Self.overhead)
    var span = plain.mutableSpan
    var bytes = span.mutableBytes
    let name = Array(name.utf8)
    let isAuthentic = open(
      object.span.bytes, into: &bytes, named: name.span.bytes,
      authenticating: header.span.bytes)
    return isAuthentic ? plain : nil
  }

  /// The same into memory that nobody else sees.
  package mutating func openedSecret(
    _ object: [UInt8], named name: String, authenticating header: [UInt8]
  ) -> Secret? {
    guard object.count >= Self.overhead else { return nil }
    let name = Array(name.utf8)
    var isAuthentic = false
    let secret = Secret(byteCount: object.count - Self.overhead) { target in
      isAuthentic = open(
        object.span.bytes, into: &target, named: name.span.bytes,
        authenticating: header.span.bytes)
    }
    return isAuthentic ? secret : nil
  }
}
