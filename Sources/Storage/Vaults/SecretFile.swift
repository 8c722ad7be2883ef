package import Encryption
package import SystemPackage

/// A file that should hold a secret and does not.
package struct SecretFileError: Error, CustomStringConvertible {
  package let path: FilePath
  package let reason: String

  package var description: String { "\(path): \(reason)" }
}

/// What is in a small file or a pipe, without leaving a copy of it in memory.
///
/// - Throws: ``SecretFileError`` where it cannot be read, is empty, or has more than `limit` bytes.
package func readSecret(from path: FilePath, limit: Int) throws(SecretFileError) -> Secret {
  var count = 0
  var failure: Errno?
  let all = Secret(byteCount: limit + 1) { target in
    target.withUnsafeMutableBytes { bytes in
      do {
        let file = try FileDescriptor.open(path, .readOnly)
        try file.closeAfter {
          while count < bytes.count {
            let read = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[count...]))
            if read == 0 { break }
            count += read
          }
        }
      } catch { failure = error as? Errno ?? .ioError }
    }
  }
  if let failure { throw SecretFileError(path: path, reason: "\(failure)") }
  if count == 0 { throw SecretFileError(path: path, reason: "the file is empty") }
  if count > limit {
    throw SecretFileError(path: path, reason: "the file has more than \(limit) bytes")
  }
  return all.prefix(count)
}

extension Credential {
  /// The passphrase in a file, without the line's end.
  ///
  /// - Throws: ``SecretFileError``.
  package static func passphrase(inFile path: FilePath) throws(SecretFileError) -> Credential {
    let text = try readSecret(from: path, limit: 4096).withoutLineEnd
    if text.byteCount == 0 { throw SecretFileError(path: path, reason: "its first line is empty") }
    return .passphrase(text)
  }

  /// - Throws: ``SecretFileError`` where it is no key file.
  package static func key(inFile path: FilePath) throws(SecretFileError) -> Credential {
    let key: Secret
    do throws(SecretFileError) {
      key = try readSecret(from: path, limit: Secret.keyByteCount)
    } catch {
      throw SecretFileError(
        path: path, reason: "no key file: \(error.reason) (make one with `kluis key generate`)")
    }
    guard key.byteCount == Secret.keyByteCount else {
      throw SecretFileError(
        path: path,
        reason: "a key file has \(Secret.keyByteCount) bytes, this has \(key.byteCount) (make one "
          + "with `kluis key generate`)")
    }
    return .keyFile(key)
  }
}
