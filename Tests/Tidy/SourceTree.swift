import Foundation

/// The package that these tests lie in, as files and lines.
enum SourceTree {
  /// The directory of Package.swift.
  static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  struct File: Sendable, CustomStringConvertible {
    /// Relative to ``root``.
    let path: String
    let lines: [String]

    var description: String { path }
    var folders: [String] { path.split(separator: "/").dropLast().map(String.init) }
  }

  /// What is written by hand in Swift or C.
  static let code: [File] = files(in: ["Sources", "Tests"]).filter { file in
    [".swift", ".c", ".h", ".modulemap"].contains { file.path.hasSuffix($0) }
  }

  static let sources: [File] = code.filter { $0.path.hasPrefix("Sources/") }

  /// Everything that is a file, the program's data and scripts with it.
  static let everything: [File] =
    files(in: ["Sources", "Tests", "Benchmarks", ".ci"])
    + files(named: ["Package.swift", "Makefile"])

  static func text(of path: String) -> String? {
    try? String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  /// Names of what a folder holds, hidden files aside; none where there is no such folder.
  static func entries(of folder: String) -> [String] {
    let found = try? FileManager.default.contentsOfDirectory(
      atPath: root.appending(path: folder).path)
    return (found ?? []).filter { !$0.hasPrefix(".") }.sorted()
  }

  /// Paths and sizes of what git tracks or would; nil where this is no git repository.
  static func trackedFiles() throws -> [(path: String, byteCount: Int)]? {
    guard FileManager.default.fileExists(atPath: root.appending(path: ".git").path) else {
      return nil
    }
    let git = Process()
    git.executableURL = URL(filePath: "/usr/bin/env")
    git.arguments = ["git", "-C", root.path, "ls-files", "-z", "-co", "--exclude-standard"]
    let pipe = Pipe()
    git.standardOutput = pipe
    try git.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    git.waitUntilExit()
    guard git.terminationStatus == 0 else { return nil }
    return String(decoding: output, as: UTF8.self).split(separator: "\0").compactMap { path in
      let file = root.appending(path: String(path)).path
      let size = try? FileManager.default.attributesOfItem(atPath: file)[.size] as? Int
      return size.map { (String(path), $0) }
    }
  }

  private static func files(in folders: [String]) -> [File] {
    folders.flatMap { folder -> [File] in
      let start = root.appending(path: folder)
      let walk = FileManager.default.enumerator(atPath: start.path)
      return (walk?.compactMap { $0 as? String } ?? []).sorted()
        .compactMap { file("\(folder)/\($0)") }
    }
  }

  private static func files(named names: [String]) -> [File] { names.compactMap(file) }

  /// nil for a directory, and for what is not text.
  private static func file(_ path: String) -> File? {
    let isGenerated = ["/.build/", "/__pycache__/"].contains { path.contains($0) }
    guard !isGenerated, let text = text(of: path) else { return nil }
    return File(
      path: path,
      lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
  }
}
