internal import Bytes

/// Gathers the records of a directory to the sets that belong together, one after the other.
///
///     directory := (label | bitmap | table | free | set | benign benignSecondary*)* end
///
/// A record's type says by its bits: 80 in use, 40 secondary, 20 benign: who does not know it may
/// skip it.
struct ExFATSets {
  enum Step {
    case more
    /// ``set`` is whole.
    case set
    /// The directory ends here.
    case end
  }

  /// The records of the set that was begun last, and where it begins on the device.
  private(set) var set: [UInt8] = []
  private(set) var start: UInt64 = 0
  private var missing = 0
  /// Records that may follow and belong to one that was skipped.
  private var ignorable = 0
  /// The first thing that was wrong, and where.
  private(set) var fault: (offset: UInt64, fault: ExFATEntry.Fault)?

  /// Takes the next record.
  mutating func take(_ record: RawSpan, at offset: UInt64) throws(TruncatedInput) -> Step {
    let type: UInt8 = try record.littleEndian(at: 0)
    let isSecondary = type & 0xC0 == 0xC0
    if missing > 0 {
      if isSecondary {
        set += Array(record)
        missing -= 1
        return missing == 0 ? .set : .more
      }
      note("\(missing) of its records are missing", at: start)
      missing = 0
    }
    if isSecondary, ignorable > 0 {
      ignorable -= 1
      return .more
    }
    ignorable = 0
    if type == 0 { return .end }
    try begin(type, record, at: offset)
    return .more
  }

  /// Remembers what is wrong with a set.
  mutating func note(_ problem: ExFATEntry.Fault, at offset: UInt64) {
    if fault == nil { fault = (offset, problem) }
  }

  private mutating func note(_ reason: String, at offset: UInt64) {
    note(ExFATEntry.Fault(problem: .damaged, reason: reason), at: offset)
  }

  private mutating func begin(
    _ type: UInt8, _ record: RawSpan, at offset: UInt64
  ) throws(TruncatedInput) {
    let others = Int(try record.littleEndian(at: 1, as: UInt8.self))
    switch type {
    case ..<0x80, 0x81...0x83: return
    case 0x85 where others >= 2:
      set.removeAll(keepingCapacity: true)
      set += Array(record)
      start = offset
      missing = others
    case 0x85: note("it has too few records", at: offset)
    case 0xA0..<0xC0: ignorable = others
    case 0xC0...: note("it belongs to nothing", at: offset)
    default:
      note(
        ExFATEntry.Fault(
          problem: .unsupported, reason: "no reader is known for records of type \(type)"),
        at: offset)
    }
  }
}
