import Filesystems
import TestSupport
import Testing

/// Names in FAT directories, from records made by hand.
@Suite struct FATNameTests {
  /// An empty FAT12 volume of 64 KiB with these records in its root.
  private func volume(_ records: [[UInt8]]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    bytes.replaceSubrange(0..<11, with: [0xEB, 0x3C, 0x90] + Array("KLUISFAT".utf8))
    bytes.put(512 as UInt16, at: 11)
    bytes[13] = 1
    bytes.put(1 as UInt16, at: 14)
    bytes[16] = 1
    bytes.put(64 as UInt16, at: 17)
    bytes.put(128 as UInt16, at: 19)
    bytes[21] = 0xF8
    bytes.put(1 as UInt16, at: 22)
    bytes.put(0xAA55 as UInt16, at: 510)
    bytes.put(0xFFFF_FFF8 as UInt32, at: 512)
    for (index, record) in records.enumerated() {
      bytes.replaceSubrange(1024 + index * 32..<1056 + index * 32, with: record)
    }
    return bytes
  }

  private func record(_ name: [UInt8], flags: UInt8 = 0x20, caseBits: UInt8 = 0) -> [UInt8] {
    name + [flags, caseBits] + [UInt8](repeating: 0, count: 19)
  }

  private func record(_ name: String, flags: UInt8 = 0x20, caseBits: UInt8 = 0) -> [UInt8] {
    record(Array(name.utf8), flags: flags, caseBits: caseBits)
  }

  private func checksum(_ name: String) -> UInt8 {
    name.utf8.reduce(0) { ($0 << 7 | $0 >> 1) &+ $1 }
  }

  /// The records of a long name over a short one.
  private func longName(_ units: [UInt16], over short: String) -> [[UInt8]] {
    let padded =
      units.count % 13 == 0
      ? units : units + [0] + [UInt16](repeating: 0xFFFF, count: 12 - units.count % 13)
    let parts = padded.count / 13
    return (1...parts).reversed().map { number in
      var record = [UInt8](repeating: 0, count: 32)
      record[0] = UInt8(number) | (number == parts ? 0x40 : 0)
      record[11] = 0x0F
      record[13] = checksum(short)
      let places = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30]
      for (index, place) in places.enumerated() {
        record.put(padded[(number - 1) * 13 + index], at: place)
      }
      return record
    } + [record(short)]
  }

  private func names(_ records: [[UInt8]]) throws -> [String] {
    let fileSystem = try openImage(volume(records))
    return try fileSystem.names(in: fileSystem.root)
  }

  @Test func `short names are shown with their dot, their case and the characters of DOS`() throws {
    #expect(
      try names([
        record("README  TXT"), record("README  TXT", caseBits: 0x18),
        record("README  TXT", caseBits: 0x08), record("README  TXT", caseBits: 0x10),
        record("NOEXT      "), record("A B     C D"),
        record([0x05] + Array("ABC    X  ".utf8)), record([0x90] + Array("COLE   TXT".utf8)),
        record([0x90] + Array("COLE   TXT".utf8), caseBits: 0x18),
      ]) == [
        "README.TXT", "readme.txt", "readme.TXT", "README.txt", "NOEXT", "A B.C D", "σABC.X",
        "ÉCOLE.TXT", "école.txt",
      ])
  }

  @Test func `labels, deleted records, dots and what comes after the end are not shown`() throws {
    #expect(
      try names([
        record("LABEL      ", flags: 0x08), record([0xE5] + Array("GONE   TXT".utf8)),
        record(".          ", flags: 0x10), record("..         ", flags: 0x10),
        record("SHOWN   TXT"), [UInt8](repeating: 0, count: 32), record("BEHIND  TXT"),
      ]) == ["SHOWN.TXT"])
  }

  @Test(arguments: [1, 12, 13, 14, 26, 254, 255])
  func `a long name has up to 255 units`(count: Int) throws {
    let name = String(repeating: "ü", count: count)
    #expect(try names(longName(Array(name.utf16), over: "SHORT~1 TXT")) == [name])
  }

  @Test func `a long name that is not whole gives way to the short one`() throws {
    let whole = longName(Array("A name of three parts, longer".utf16), over: "ANAME~1    ")
    #expect(try names(whole) == ["A name of three parts, longer"])
    for (damaged, place) in [(0, 0), (1, 0), (2, 0), (0, 13), (1, 13), (2, 13)] {
      var records = whole
      records[damaged][place] ^= 0x04
      #expect(try names(records) == ["ANAME~1"], "record \(damaged), byte \(place)")
    }
    for missing in 0..<3 {
      var records = whole
      records.remove(at: missing)
      #expect(try names(records) == ["ANAME~1"])
    }
    let other = record("OTHER      ")
    #expect(try names(whole.dropLast() + [other, record("ANAME~1    ")]) == ["OTHER", "ANAME~1"])
    let tooLong = [UInt16](repeating: 0x61, count: 256)
    #expect(try names(longName(tooLong, over: "AAAAAA~1   ")) == ["AAAAAA~1"])
    #expect(try names(longName([0], over: "EMPTY~1    ")) == ["EMPTY~1"])
  }

  @Test func `half a surrogate keeps its item and its name apart from others`() throws {
    let names = [[0xD83D], [0xDE00], [0x61, 0xD83D, 0x62], [0xD83D, 0xDE00], [0xDE00, 0xD83D]]
    let records = names.enumerated().flatMap {
      longName($1.map { UInt16($0) }, over: "HALF~\($0)     ")
    }
    let fileSystem = try openImage(volume(records))
    #expect(
      try fileSystem.names(in: fileSystem.root) == [
        "\\xED\\xA0\\xBD", "\\xED\\xB8\\x80", "a\\xED\\xA0\\xBDb", "😀",
        "\\xED\\xB8\\x80\\xED\\xA0\\xBD",
      ])
    try fileSystem.forEachEntry(of: fileSystem.root) { entry in
      let found = try fileSystem.entry(named: entry.name, in: fileSystem.root)
      #expect(found?.item == entry.item)
      return true
    }
  }

  @Test func `an item is found by either name, and by no other`() throws {
    let fileSystem = try openImage(
      volume(
        longName(Array("Ein längerer Name".utf16), over: "EINLNG~1   ") + [record("B       C  ")]))
    for name: FileName in ["Ein längerer Name", "EIN LÄNGERER NAME", "einlng~1", "EINLNG~1"] {
      let found = try fileSystem.entry(named: name, in: fileSystem.root)
      #expect(found?.name == "Ein längerer Name", "\(name)")
    }
    #expect(try fileSystem.entry(named: "b.c", in: fileSystem.root)?.name == "B.C")
    for name: FileName in ["", "b", "Ein längerer", "b.c.", FileName([0xFF])] {
      #expect(try fileSystem.entry(named: name, in: fileSystem.root) == nil)
    }
  }

  @Test func `a record that cannot be one is told after those that can`() throws {
    let fileSystem = try openImage(
      volume([record("A          "), record("B\u{1}         "), record("C          ")]))
    var seen: [String] = []
    let said = complaint {
      try fileSystem.forEachEntry(of: fileSystem.root) {
        seen.append($0.name.description)
        return true
      }
    }
    #expect(seen == ["A", "C"])
    #expect(said == "vfat: the record at byte 1056: its name cannot be one")
  }

  @Test func `times are those of the calendar, in UTC`() throws {
    var file = record("A          ")
    file[13] = 157
    file.put(0x7D1C as UInt16, at: 14)  // 15:40:56
    file.put(0x5A5D as UInt16, at: 16)  // 2025-02-29, which is the day after the 28th
    file.put(0x0021 as UInt16, at: 18)  // 1980-01-01
    file.put(0xBF7D as UInt16, at: 22)  // 23:59:58
    file.put(0xFF9F as UInt16, at: 24)  // 2107-12-31
    let fileSystem = try openImage(volume([file]))
    let attributes = try fileSystem.attributes(of: fileSystem.item("/a"))
    #expect(
      attributes.created == FileTime(secondsSince1970: 1_740_843_657, nanoseconds: 570_000_000))
    #expect(attributes.accessed == FileTime(secondsSince1970: 315_532_800))
    #expect(attributes.modified == FileTime(secondsSince1970: 4_354_819_198))
  }
}
