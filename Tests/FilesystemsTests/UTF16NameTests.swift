import Filesystems
import TestSupport
import Testing

@Suite struct UTF16NameTests {
  @Test func `names of whole characters become what Unicode says`() {
    for name in ["", "plain", "ünïcödé", "日本語", "a😀b", "\u{7FF}\u{800}\u{FFFF}\u{10000}\u{10FFFF}"]
    {
      #expect(FileName(utf16: Array(name.utf16)).bytes == Array(name.utf8))
      #expect(FileName(name).utf16 == Array(name.utf16))
    }
  }

  @Test func `units of any kind come back, so no two names are the same`() {
    var random = Seed.ofThisRun.random
    for _ in 0..<5000 {
      let units = (0..<random.below(6)).map { _ in
        UInt16([0x61, 0xD800 + random.below(0x800), random.below(0x10000)][random.below(3)])
      }
      #expect(FileName(utf16: units).utf16 == units, "\(Seed.ofThisRun)")
    }
  }

  @Test(
    arguments: [
      [0x80], [0xC0, 0x80], [0xC3], [0xE2, 0x82], [0xE0, 0x80, 0x80], [0xF0, 0x80, 0x80, 0x80],
      [0xF4, 0x90, 0x80, 0x80], [0xFF], [0xC3, 0x41],
    ] as [[UInt8]])
  func `other bytes are no such name`(bytes: [UInt8]) {
    #expect(FileName(bytes).utf16 == nil)
  }

  @Test func `upper case is Unicode's, of one unit to one unit`() {
    #expect("aZ09é\u{FF}ßſ😀".utf16.map(upperCase) == Array("AZ09É\u{178}ßS😀".utf16))
  }
}
