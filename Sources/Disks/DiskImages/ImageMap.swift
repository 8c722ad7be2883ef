/// Where the parts of a disk lie in an image; for several threads.
protocol ImageMap: Sendable {
  /// Of the disk.
  var byteCount: UInt64 { get }

  /// How the bytes from `offset` on are stored: at least up to the end of the part that one entry
  /// of a table stands for, more where the next ones go on in the same way, and then up to `end` or
  /// beyond; never beyond the disk's end.
  ///
  /// - Parameter offset: within the disk.
  func run(at offset: UInt64, before end: UInt64) throws -> ImageRun

  /// Expands what was found compressed; for formats that compress.
  ///
  /// - Parameters:
  ///   - offset: on the disk; the compressed part holds it.
  ///   - part: ends within that part.
  func expand(
    _ place: ImageRun.Compressed, at offset: UInt64, into part: inout MutableRawSpan
  ) throws

  func damage(_ reason: String) -> DiskImageError
}

extension ImageMap {
  func expand(
    _ place: ImageRun.Compressed, at offset: UInt64, into part: inout MutableRawSpan
  ) throws {
    preconditionFailure("no block of such an image is compressed")
  }
}

/// A run of a disk that is stored in one way.
struct ImageRun {
  enum Place: Equatable {
    case zeros
    /// Not here, so as what the image is made over has it.
    case below
    /// In the file with the data from this offset on.
    case stored(at: UInt64)
    case compressed(Compressed)

    /// The same of what begins so many bytes further on in the run.
    func advanced(by byteCount: UInt64) -> Place {
      if case .stored(let offset) = self { return .stored(at: offset + byteCount) }
      return self
    }
  }

  /// A compressed part: where it begins, and where at the latest it ends.
  struct Compressed: Hashable {
    let offset: UInt64
    let byteCount: Int
  }

  var place: Place
  var byteCount: UInt64

  /// Takes what follows as a part of it, where it is stored on in the same way.
  mutating func absorb(_ next: Self) -> Bool {
    switch (place, next.place) {
    case (.zeros, .zeros), (.below, .below): break
    case (.stored(let offset), .stored(let following)) where offset + byteCount == following: break
    default: return false
    }
    byteCount += next.byteCount
    return true
  }
}
