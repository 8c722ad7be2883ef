import ArgumentParser
import Vaults

/// A word where the name of a command belongs, which the parser would pass over to complain of the
/// options behind it.
struct UnknownCommand: CustomStringConvertible {
  private let word: String
  /// The commands before it, the program among them.
  private let path: [String]
  private let known: [String]

  /// Nil where every command is one.
  ///
  /// - Parameter words: the command line, without the program's name.
  init?(in words: ArraySlice<String>, of root: any ParsableCommand.Type) {
    var command = root
    var path = [root._commandName]
    var words = words
    while !command.configuration.subcommands.isEmpty {
      let known = command.configuration.subcommands.map { $0._commandName }
      guard let word = Self.takeWord(&words), word != "help" else { return nil }
      guard let next = known.firstIndex(of: word) else {
        self.word = word
        self.path = path
        self.known = known
        return
      }
      command = command.configuration.subcommands[next]
      path.append(word)
    }
    return nil
  }

  /// The next word that is neither an option that all commands take nor its value; nil where some
  /// other option comes first, of which the parser complains.
  private static func takeWord(_ words: inout ArraySlice<String>) -> String? {
    let valued = ["--vault", "--passphrase-file", "--key-file"]
    while let word = words.popFirst() {
      if !word.hasPrefix("-") { return word }
      if valued.contains(word) {
        _ = words.popFirst()
      } else if !["--json", "--quiet", "-q"].contains(word),
        !valued.contains(where: { word.hasPrefix("\($0)=") })
      {
        return nil
      }
    }
    return nil
  }

  var description: String {
    let name = path.joined(separator: " ")
    let help = "\n  See '\(name) --help' for more information."
    let likely = known.filter { distance($0, word) * 2 < min(5, $0.count) }.min {
      distance($0, word) < distance($1, word)
    }
    if let likely {
      return "there is no command \(quoted("\(name) \(word)")): did you mean '\(name) \(likely)'?"
        + help
    }
    let few =
      path.count == 1 ? "" : "; after '\(name)' comes one of \(known.joined(separator: ", "))"
    return "there is no command \(quoted("\(name) \(word)"))\(few)" + help
  }

  /// How many letters have to be put in, left out or replaced, or neighbours swapped.
  private func distance(_ a: String, _ b: String) -> Int {
    let a = Array(a)
    let b = Array(b)
    var rows = [Array(0...b.count)]
    for i in a.indices {
      var row = [i + 1]
      for j in b.indices {
        var best = min(row[j], rows[i][j + 1]) + 1
        best = min(best, rows[i][j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
          best = min(best, rows[i - 1][j - 1] + 1)
        }
        row.append(best)
      }
      rows.append(row)
    }
    return rows[a.count][b.count]
  }
}
