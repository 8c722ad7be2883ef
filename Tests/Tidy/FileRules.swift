import Testing

/// What holds for every file.
@Suite struct FileRules {
  @Test(arguments: SourceTree.code)
  func `no file has more than 400 lines`(file: SourceTree.File) {
    #expect(file.lines.count <= 401, "\(file): a file over 400 lines has two subjects")
  }

  @Test(arguments: SourceTree.code)
  func `no line is wider than 100 columns`(file: SourceTree.File) {
    for (number, line) in file.lines.enumerated() where line.count > 100 {
      Issue.record("\(file):\(number + 1) has \(line.count) columns")
    }
  }

  /// Words that promise work instead of doing it, and ways to crash without a sentence.
  private static func forbidden(in line: String) -> Substring? {
    line.firstMatch(of: #/\b(?:TOD[O]|FIXM[E]|XX[X])\b|fatalErro[r]\(|try[!]/#)?.output
  }

  @Test(arguments: SourceTree.code)
  func `nothing is left for later, and nothing crashes without a reason`(file: SourceTree.File) {
    for (number, line) in file.lines.enumerated() {
      if let word = Self.forbidden(in: line) { Issue.record("\(file):\(number + 1) says \(word)") }
    }
  }

  @Test(arguments: SourceTree.everything)
  func `no line ends in spaces and every file ends in a newline`(file: SourceTree.File) {
    for (number, line) in file.lines.enumerated() where line.last == " " || line.last == "\t" {
      Issue.record("\(file):\(number + 1) ends in spaces")
    }
    #expect(file.lines.last == "", "\(file) does not end in a newline")
  }

  @Test func `no file over one mebibyte is kept without a line in Fixtures/README.md`() throws {
    guard let tracked = try SourceTree.trackedFiles() else {
      print("skipped: not a git repository")
      return
    }
    let explained = SourceTree.text(of: "Fixtures/README.md") ?? ""
    for file in tracked where file.byteCount > 1 << 20 {
      let name = file.path.split(separator: "/").last!
      #expect(
        explained.contains(name), "\(file.path) has \(file.byteCount) bytes and no explanation")
    }
  }
}
