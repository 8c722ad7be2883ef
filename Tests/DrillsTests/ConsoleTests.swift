import Testing

@testable import Drills

@Suite struct ConsoleTests {
  @Test("a console is read without colours, cursor moves and empty lines")
  func lines() {
    let text =
      "\u{1B}[2J\u{1B}[01;01HSeaBIOS\r\n\n[\u{1B}[0;32m  OK  \u{1B}[0m] up\r\nweb01 login: "
    #expect(readableLines(Array(text.utf8)) == ["SeaBIOS", "[  OK  ] up", "web01 login: "])
    #expect(readableLines([]) == [])
    #expect(readableLines(Array("cut \u{1B}[".utf8)) == ["cut "])
    #expect(readableLines([0x1B]) == [])
  }
}
