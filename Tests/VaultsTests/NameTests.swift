import TestSupport
import Testing

@testable import Vaults

@Suite struct NameTests {
  @Test(
    "ordinary names are names",
    arguments: [
      "web01", "a", "Web Server (old)", "db.example.org", "x_y-z", "éß", "虚拟机", "~", "a..b", "0",
      String(repeating: "n", count: 128), "latest", "with 'quotes'", "%41", "*", "a\u{301}",
    ])
  func accepted(name: String) throws { try checkName(name, of: "machine") }

  @Test(
    "names that a path or a point's name would misread are refused",
    arguments: [
      "", "/", "a/b", "..", ".", ".hidden", "-f", "--force", "a@b", "@", "a:b", "a=b", "a\\b",
      "a\nb", "\n", "a\0b", "a\u{7F}", "a\u{85}b", "a\u{1B}[31m", "\t", "a\r\n",
      String(repeating: "n", count: 129), String(repeating: "é", count: 65),
      // These would melt into the "/" before or the "@" behind them, and not be found again.
      "\u{301}a", "a\u{600}", "\u{200D}a", "/\u{301}", "a@\u{301}b",
    ])
  func refused(name: String) {
    do {
      try checkName(name, of: "disk")
      Issue.record("accepted")
    } catch {
      #expect(error.description.utf8.starts(with: "disk name '".utf8))
      let isOneLine = error.description.unicodeScalars.allSatisfy { $0.value >= 32 }
      #expect(isOneLine, "a message stays on its line")
    }
  }
}

@Suite struct TimestampTests {
  @Test(
    "a time is written in ISO 8601 and read again",
    arguments: [
      (0, "1970-01-01T00:00:00Z"), (1_795_359_845, "2026-11-22T15:04:05Z"),
      (951_782_399, "2000-02-28T23:59:59Z"), (951_782_400, "2000-02-29T00:00:00Z"),
      (253_402_300_799, "9999-12-31T23:59:59Z"),
    ])
  func known(seconds: Int64, text: String) {
    #expect(Timestamp(secondsSince1970: seconds).description == text)
    #expect(Timestamp(text) == Timestamp(secondsSince1970: seconds))
  }

  @Test(
    "nothing but what is written is read",
    arguments: [
      "", "2026-11-22", "2026-11-22T15:04:05", "2026-11-22T15:04:05+01:00", "2026-13-01T00:00:00Z",
      "2026-02-30T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22t15:04:05z",
      "2026-11-22T15:04:05.5Z", "02026-11-22T15:04:05Z", "2026-1-22T15:04:05Z",
      "٢٠٢٦-11-22T15:04:05Z", "99999999999-11-22T15:04:05Z", "2026-11-22T15:04:05Z ",
      "2147483647-99-01T00:00:00Z", "2147483647-12-31T23:59:60Z", "0-0-0T0:0:0Z",
    ])
  func refused(text: String) { #expect(Timestamp(text) == nil) }

  @Test("of two documents the later one is newer, and one that does not say when is the oldest")
  func later() {
    let (first, second) = (Timestamp(secondsSince1970: -5), Timestamp(secondsSince1970: 7))
    for (time, other, isLater) in [
      (second, first, true), (first, second, false), (first, first, false), (first, nil, true),
      (nil, first, false), (nil, nil, false),
    ] as [(Timestamp?, Timestamp?, Bool)] {
      #expect(
        time.isLater(than: other) == isLater,
        "\(String(describing: time)) \(String(describing: other))")
    }
  }

  @Test("times are ordered, and their texts alike")
  func order() {
    var random = Seed.ofThisRun.random
    let times = (0..<200).map { _ in
      Timestamp(secondsSince1970: Int64(random.below(4_000_000_000)))
    }
    #expect(
      times.sorted().map(\.description) == times.map(\.description).sorted(), "\(Seed.ofThisRun)")
  }
}
