import ArgumentParser
import FileRestores
import Filesystems
import Guests
import Vaults

/// Which files `find` shows.
struct FileFilter {
  var pattern: FilePattern?
  var sizes: [SizeLimit] = []
  var newer: FileTime?
  var older: FileTime?
  var kind: FileKind?

  /// Whether more than a name and a kind has to be known.
  var needsAttributes: Bool { !sizes.isEmpty || newer != nil || older != nil }

  func allows(_ path: GuestPath) -> Bool { pattern?.matches(path) ?? true }

  func allows(_ kind: FileKind) -> Bool { kind == self.kind ?? kind }

  func allows(_ attributes: FileAttributes) -> Bool {
    if let newer, attributes.modified < newer { return false }
    if let older, attributes.modified >= older { return false }
    if sizes.isEmpty { return true }
    // A directory's size says nothing of what is in it.
    return attributes.kind == .regular && sizes.allSatisfy { $0.allows(attributes.byteCount) }
  }
}

/// A pattern for a name, or for a path where it has a slash.
enum FilePattern {
  case name(NamePattern)
  case path(PathPattern)

  init(_ text: String) {
    self = text.contains("/") ? .path(PathPattern(text)) : .name(NamePattern(text))
  }

  func matches(_ path: GuestPath) -> Bool {
    switch self {
    case .name(let pattern): path.lastComponent.map { pattern.matches($0) } ?? false
    case .path(let pattern): pattern.matches(path)
    }
  }
}

/// `10M`, `+10M` or `-10M`.
struct SizeLimit: ExpressibleByArgument {
  private let byteCount: UInt64
  private let sign: Character?

  init?(argument: String) {
    sign = argument.first.flatMap { "+-".contains($0) ? $0 : nil }
    guard let size = Size(argument: String(sign == nil ? argument[...] : argument.dropFirst()))
    else { return nil }
    byteCount = size.byteCount
  }

  func allows(_ byteCount: UInt64) -> Bool {
    switch sign {
    case "+": byteCount >= self.byteCount
    case "-": byteCount <= self.byteCount
    default: byteCount == self.byteCount
    }
  }
}

/// A kind of file by its letter.
struct KindChoice: ExpressibleByArgument {
  let kind: FileKind

  init?(argument: String) {
    let all: [FileKind] = [
      .directory, .symbolicLink, .characterDevice, .blockDevice, .pipe, .socket,
    ]
    if argument == "f" {
      kind = .regular
    } else if let kind = all.first(where: { $0.letter == argument }) {
      self.kind = kind
    } else {
      return nil
    }
  }
}

extension FileTime: ExpressibleByArgument {
  /// A whole time, or the beginning of a day: `2026-11-22T15:04:05Z`, `2026-11-22`.
  package init?(argument: String) {
    guard let time = Timestamp(argument) ?? Timestamp(argument + "T00:00:00Z") else { return nil }
    self.init(secondsSince1970: time.secondsSince1970)
  }
}
