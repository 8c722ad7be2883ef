package import Filesystems
package import Guests

/// A path with patterns in the place of names; a component "**" stands for any number of
/// directories, none too.
package struct PathPattern: Sendable {
  private enum Component {
    case name(NamePattern)
    case anyDirectories
  }

  /// The path as it was typed, for messages and for a file that has such a name.
  package let text: [UInt8]
  /// The components before the first that is a pattern, without their quoting.
  package let literalPrefix: GuestPath
  private let rest: [Component]

  package init(_ text: String) { self.init(Array(text.utf8)) }

  package init(_ text: [UInt8]) {
    self.text = text
    var prefix: [FileName] = []
    var rest: [Component] = []
    for part in Self.components(of: text) {
      let pattern = NamePattern(part)
      if rest.isEmpty, let name = pattern.literal {
        prefix.append(name)
      } else if Array(part) == Array("**".utf8) {
        if case .anyDirectories? = rest.last { continue }
        rest.append(.anyDirectories)
      } else {
        rest.append(.name(pattern))
      }
    }
    literalPrefix = GuestPath(components: prefix)
    self.rest = rest
  }

  /// Whether it is a plain path.
  package var isLiteral: Bool { rest.isEmpty }

  /// Slashes within "[…]" and after "\" separate as well: no name has one.
  private static func components(of text: [UInt8]) -> [ArraySlice<UInt8>] {
    text.split(separator: UInt8(ascii: "/"))
  }

  /// How far a path below ``literalPrefix`` matches.
  package struct Match: Sendable {
    /// The whole pattern is matched.
    package let isWhole: Bool
    /// Something below may match.
    package let mayMatchBelow: Bool
  }

  /// Matches the names of a path below ``literalPrefix``.
  package func match(_ names: some Collection<FileName>) -> Match {
    // Which components may come next, as far as was read.
    var states = closed([0])
    for name in names {
      var next: Set<Int> = []
      for state in states where state < rest.count {
        switch rest[state] {
        case .anyDirectories: next.insert(state)
        case .name(let pattern): if pattern.matches(name) { next.insert(state + 1) }
        }
      }
      states = closed(next)
      if states.isEmpty { break }
    }
    let isWhole = states.contains(rest.count)
    return Match(isWhole: isWhole, mayMatchBelow: states.contains { $0 < rest.count })
  }

  /// States and those that "**" for no directory adds; a "**" at the very end needs one name.
  private func closed(_ states: Set<Int>) -> Set<Int> {
    var all = states
    for state in states.sorted() {
      var state = state
      while state < rest.count, case .anyDirectories = rest[state] {
        state += 1
        all.insert(state)
      }
    }
    return all
  }
}
