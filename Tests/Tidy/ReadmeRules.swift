import Testing

/// What the README shows has to work.
@Suite struct ReadmeRules {
  @Test func `every kluis command in the README exists`() {
    guard let readme = SourceTree.text(of: "README.md") else { return }
    let known = Set(subcommands())
    #expect(known.contains("backup"), "commands are declared as this test reads them")
    for command in shellCommands(in: readme) {
      let words = command.split(separator: " ").map(String.init)
      guard let subcommand = words.dropFirst().first(where: { known.contains($0) || !isOption($0) })
      else { continue }
      #expect(known.contains(subcommand), "README.md shows `\(command)`")
    }
  }

  /// Lines that begin with `kluis`, a prompt before it allowed, in blocks that are shell.
  private func shellCommands(in readme: String) -> [String] {
    var isShell = false
    var commands: [String] = []
    for line in readme.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") {
        isShell = line == "```sh"
        continue
      }
      let text = line.hasPrefix("$ ") ? line.dropFirst(2) : line
      if isShell, text.hasPrefix("kluis ") { commands.append(String(text)) }
    }
    return commands
  }

  /// A path may follow `--vault`.
  private func isOption(_ word: String) -> Bool { word.hasPrefix("-") || word.hasPrefix("/") }

  /// The names under which commands are registered: given, else made from the type's.
  private func subcommands() -> [String] {
    let files = SourceTree.sources.filter { $0.path.hasPrefix("Sources/Interfaces/kluis/") }
    let names = files.flatMap { file in
      let text = file.lines.joined(separator: "\n")
      let given = text.matches(of: #/commandName: "([\w-]+)"/#).map { String($0.1) }
      let types = text.matches(of: #/struct (\w+): ParsableCommand/#).map { spelled($0.1) }
      return given + types
    }
    return names + ["help"]
  }

  /// `RebuildIndex` as a command: `rebuild-index`.
  private func spelled(_ type: Substring) -> String {
    var name = ""
    for letter in type {
      if letter.isUppercase, !name.isEmpty { name += "-" }
      name += letter.lowercased()
    }
    return name
  }
}
