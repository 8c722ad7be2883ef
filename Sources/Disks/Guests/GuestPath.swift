package import Filesystems

/// A path inside a machine. Bytes; components are separated by "/".
package struct GuestPath: Hashable, Sendable, CustomStringConvertible {
  package let components: [FileName]
  package let isAbsolute: Bool

  /// An absolute path of these components.
  package init(components: [FileName]) {
    self.components = components
    isAbsolute = true
  }

  package init(_ bytes: [UInt8]) {
    let slash = UInt8(ascii: "/")
    components = bytes.split(separator: slash).map { FileName(Array($0)) }
    isAbsolute = bytes.first == slash
  }

  package init(_ text: String) { self.init(Array(text.utf8)) }

  package static let root = GuestPath(components: [])

  package var lastComponent: FileName? { components.last }

  package func appending(_ name: FileName) -> GuestPath {
    GuestPath(components: components + [name])
  }

  package var bytes: [UInt8] {
    var bytes: [UInt8] = []
    for component in components {
      bytes.append(UInt8(ascii: "/"))
      bytes += component.bytes
    }
    return bytes.isEmpty ? [UInt8(ascii: "/")] : bytes
  }

  /// The path from the root, as a terminal may show it.
  package var description: String {
    components.isEmpty ? "/" : components.map { "/\($0)" }.joined()
  }
}

/// A path that leads nowhere.
package struct PathError: Error, Sendable, CustomStringConvertible {
  package enum Problem: Sendable { case notFound, notADirectory, circle, tooLong }

  package let problem: Problem
  package let path: GuestPath

  package init(_ problem: Problem, _ path: GuestPath) {
    self.problem = problem
    self.path = path
  }

  package var description: String { "\(path): \(reason)" }

  /// What is wrong, without the path.
  var reason: String {
    switch problem {
    case .notFound: "there is no such file or directory"
    case .notADirectory: "a part of it is not a directory"
    case .circle: "its symbolic links lead in a circle"
    case .tooLong: "its symbolic links make it longer than anything could be"
    }
  }
}
