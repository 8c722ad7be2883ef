internal import CZlib

/// Expands a deflate stream without header and checksum (RFC 1951), as disk images hold them, until
/// `target` is full; what follows is left.
///
/// - Returns: whether that many bytes came. `target` is written to in any case, never past its end.
package func expandRawDeflate(_ payload: RawSpan, into target: inout MutableRawSpan) -> Bool {
  target.withUnsafeMutableBytes { to in
    payload.withUnsafeBytes { from in
      var stream = z_stream()
      stream.next_in = UnsafeMutablePointer(
        mutating: from.bindMemory(to: UInt8.self).baseAddress)
      stream.avail_in = uInt(clamping: from.count)
      stream.next_out = to.bindMemory(to: UInt8.self).baseAddress
      stream.avail_out = uInt(clamping: to.count)
      // A negative size of the window says that there is no header.
      let size = Int32(MemoryLayout<z_stream>.size)
      guard inflateInit2_(&stream, -MAX_WBITS, ZLIB_VERSION, size) == Z_OK else { return false }
      defer { inflateEnd(&stream) }
      let status = inflate(&stream, Z_FINISH)
      return (status == Z_STREAM_END || status == Z_BUF_ERROR) && stream.avail_out == 0
    }
  }
}
