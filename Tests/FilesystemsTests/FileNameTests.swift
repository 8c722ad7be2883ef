import Testing

@testable import Filesystems

@Suite struct FileNameTests {
  @Test(arguments: [
    ("plain.txt", "plain.txt"), ("über 日本", "über 日本"), ("a\nb", "a\\nb"), ("a\\b", "a\\\\b"),
    ("tab\there", "tab\\there"), ("esc\u{1B}[31m", "esc\\x1B[31m"), ("", ""),
    ("right-to-left \u{202E}", "right-to-left \\xE2\\x80\\xAE"), ("\u{7F}", "\\x7F"),
  ])
  func `a name is shown so that a terminal only shows it`(name: String, shown: String) {
    #expect(FileName(name).description == shown)
  }

  @Test func `bytes that are no UTF-8 are shown one by one, and the rest as it is`() {
    #expect(FileName([0x61, 0xFF, 0x62]).description == "a\\xFFb")
    #expect(FileName([0xC3]).description == "\\xC3")
    #expect(FileName([0xE2, 0x82, 0xC3, 0xA9]).description == "\\xE2\\x82é")
    #expect(FileName([0xED, 0xA0, 0x80]).description == "\\xED\\xA0\\x80", "a surrogate")
  }

  @Test func `names are ordered by their bytes`() {
    #expect(
      [FileName("b"), FileName([0xFF]), FileName("B"), FileName("ab")].sorted().map(\.bytes)
        == [Array("B".utf8), Array("ab".utf8), Array("b".utf8), [0xFF]])
  }
}
