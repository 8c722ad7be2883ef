internal import Bytes

/// Names and values that a file carries ($EA):
///
///     values := value*
///     value  := bytes:u32 flags:u8 nameBytes:u8 valueBytes:u16 name 0 value …
///
/// The Linux of Windows (WSL) keeps owner and mode so.
struct NTFSNamedValues: Sendable {
  /// Windows lets a file have 64 KiB of them.
  private static let byteLimit = 128 << 10

  let values: [(name: [UInt8], value: [UInt8])]
  /// All of them, as they are stored.
  let stored: [UInt8]

  init(of file: NTFSFile) throws {
    guard file.has(NTFSAttributeType.extendedAttributes),
      let stored = try file.value(
        NTFSAttributeType.extendedAttributes, limit: Self.byteLimit, Self.structure(file))
    else {
      (values, self.stored) = ([], [])
      return
    }
    self.stored = stored
    do { values = try Self.values(in: stored.span.bytes) } catch let fault as NTFSFault {
      throw damagedNTFS(Self.structure(file), fault.reason)
    } catch is TruncatedInput {
      throw damagedNTFS(Self.structure(file), "they are cut off")
    }
  }

  private static func structure(_ file: NTFSFile) -> String {
    "the extended attributes of \(file.structure)"
  }

  private static func values(
    in bytes: RawSpan
  ) throws -> [(name: [UInt8], value: [UInt8])] {
    var values: [(name: [UInt8], value: [UInt8])] = []
    var place = 0
    while place < bytes.byteCount {
      let step = Int(try bytes.littleEndian(at: place, as: UInt32.self))
      let nameCount = Int(try bytes.littleEndian(at: place + 5, as: UInt8.self))
      let valueCount = Int(try bytes.littleEndian(at: place + 6, as: UInt16.self))
      let name = try bytes.field(at: place + 8, count: nameCount)
      let value = try bytes.field(at: place + 9 + nameCount, count: valueCount)
      values.append((Array(name), Array(value)))
      if step == 0 { break }
      guard step >= 9 + nameCount + valueCount else {
        throw NTFSFault("one of them goes into the next")
      }
      place += step
    }
    return values
  }

  /// A value of four bytes; nil where there is none of that name.
  func number(_ name: StaticString, at place: Int = 0) -> UInt32? {
    let found = values.first {
      $0.name.count == name.utf8CodeUnitCount && $0.name.span.bytes.starts(with: name)
    }
    return found.flatMap { try? $0.value.span.bytes.littleEndian(at: place) }
  }
}
