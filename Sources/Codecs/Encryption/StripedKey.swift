internal import Bytes

/// A key that was spread over many stripes, so that losing any of them loses it (LUKS1 on-disk
/// format, section 2.4, "anti-forensic splitter").
///
/// - Parameters:
///   - material: `stripeCount` stripes of one length.
///   - stripeCount: at least 1; divides the length of `material`.
package func mergeStripes(
  _ material: RawSpan, stripeCount: Int, _ digest: HeaderDigest
) -> Secret {
  precondition(
    stripeCount > 0 && material.byteCount.isMultiple(of: stripeCount), "stripes of one length")
  let count = material.byteCount / stripeCount
  return Secret(byteCount: count) { key in
    for stripe in 0..<stripeCount {
      for byte in 0..<count {
        let mixed =
          key.unsafeLoad(fromByteOffset: byte, as: UInt8.self)
          ^ material.unsafeLoad(fromByteOffset: stripe * count + byte, as: UInt8.self)
        key.storeBytes(of: mixed, toByteOffset: byte, as: UInt8.self)
      }
      if stripe + 1 < stripeCount { diffuse(&key, digest) }
    }
  }
}

/// Replaces each piece of a digest's length by the digest of its number and itself.
private func diffuse(_ key: inout MutableRawSpan, _ digest: HeaderDigest) {
  var piece: [UInt8] = []
  var made = [UInt8](repeating: 0, count: digest.byteCount)
  for (number, start) in stride(from: 0, to: key.byteCount, by: digest.byteCount).enumerated() {
    let count = min(digest.byteCount, key.byteCount - start)
    piece = withUnsafeBytes(of: UInt32(number).bigEndian) { Array($0) }
    for byte in start..<start + count {
      piece.append(key.unsafeLoad(fromByteOffset: byte, as: UInt8.self))
    }
    var span = made.mutableSpan
    var target = span.mutableBytes
    digest.digest(piece.span.bytes, into: &target)
    for byte in 0..<count {
      key.storeBytes(of: made[byte], toByteOffset: start + byte, as: UInt8.self)
    }
  }
}
