internal import Bytes
internal import CMultiBuffer

/// Computes many digests side by side, one in each lane of the processor's vector unit, three times
/// as fast as libcrypto does one after the other; for one thread.
///
/// The lanes are those of Intel's multi-buffer library, where it is installed. Before they are
/// used they have to agree with libcrypto on messages of all kinds of lengths.
package final class DigestLanes {
  private let lanes: OpaquePointer

  /// Lanes for SHA-256, or for HMAC-SHA-256 under a key; nil where there are none to rely on.
  ///
  /// - Parameters:
  ///   - key: at most 64 bytes; none for SHA-256.
  ///   - reference: the same digest by other means.
  package init?(key: RawSpan?, agreeingWith reference: (RawSpan) -> Digest) {
    let made: OpaquePointer?
    if let key {
      made = key.withUnsafeBytes { multibuffer_make($0.baseAddress, $0.count) }
    } else {
      made = multibuffer_make(nil, 0)
    }
    guard let made else { return nil }
    lanes = made
    guard agrees(with: reference) else { return nil }
  }

  deinit { multibuffer_free(lanes) }

  /// Whether the lanes take less time than libcrypto: a digest alone in them takes as long as one
  /// in each.
  package static func areWorthIt(for messages: [Range<Int>]) -> Bool {
    var total = 0
    var longest = 0
    for message in messages {
      total += message.count
      longest = max(longest, message.count)
    }
    return total > 0 && longest <= total / 6 && longest <= longestMessage
  }

  private static let longestMessage = Int(multibuffer_longest_message)

  /// The digests of parts of `bytes`; nil where the library fails.
  package func digests(of messages: [Range<Int>], in bytes: RawSpan) -> [Digest]? {
    precondition(
      messages.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= bytes.byteCount },
      "messages that lie in the bytes")
    var table = [UInt8](repeating: 0, count: messages.count * Digest.byteCount)
    // The longest first, so that the lanes end at about the same time.
    let order = messages.indices.sorted { messages[$0].count > messages[$1].count }
    let status = table.withUnsafeMutableBytes { table in
      bytes.withUnsafeBytes { bytes in
        let jobs = order.map { number in
          multibuffer_message(
            bytes: bytes.baseAddress! + messages[number].lowerBound,
            count: messages[number].count,
            digest: table.baseAddress! + number * Digest.byteCount)
        }
        return multibuffer_digest(lanes, jobs, jobs.count)
      }
    }
    guard status == 0 else { return nil }
    let raw = table.span.bytes
    return messages.indices.map { Digest(raw, at: $0 * Digest.byteCount) }
  }

  /// Compares the lanes with another implementation: all ways in which a message can end within
  /// its last blocks, more messages than lanes, and lengths around those where a count of bytes
  /// outgrows 16 bits.
  private func agrees(with reference: (RawSpan) -> Digest) -> Bool {
    let lengths = Array(1...130) + [4096, 65_535, 65_536, 65_537, 131_072, 262_144, 200_000]
    var bytes = [UInt8](repeating: 0, count: lengths.max()! + 1)
    var state: UInt32 = 1
    for index in bytes.indices {
      state = state &* 1_664_525 &+ 1_013_904_223
      bytes[index] = UInt8(truncatingIfNeeded: state >> 24)
    }
    let messages = lengths.map { $0 % 2..<$0 + $0 % 2 }
    let raw = bytes.span.bytes
    guard let found = digests(of: messages, in: raw) else { return false }
    return zip(messages, found).allSatisfy { reference(raw.extracting($0)) == $1 }
  }
}
