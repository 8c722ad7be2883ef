import Testing

/// What lies where, and what may use what.
@Suite struct LayerRules {
  /// The folders of Sources in reading order, from the machine to the people.
  private static let layers = [
    "C", "Platform", "Codecs", "Disks", "Storage", "Engine", "Interfaces",
  ]

  private static let modules = DeclaredModule.all(in: SourceTree.text(of: "Package.swift") ?? "")

  @Test func `the folders of Sources are the layers`() {
    #expect(Set(SourceTree.entries(of: "Sources")) == Set(Self.layers))
  }

  @Test func `every module is declared, and lies where it is declared to`() {
    #expect(!Self.modules.isEmpty, "Package.swift declares modules as this test reads them")
    let declared = Self.modules.map { "\($0.folder)/\($0.name)" }
    let found = Self.layers.flatMap { layer in
      SourceTree.entries(of: "Sources/\(layer)").map { "\(layer)/\($0)" }
    }
    #expect(declared.sorted() == found.sorted())
  }

  @Test func `Package.swift lists the layers one above the other`() {
    let order = Self.modules.compactMap { Self.layers.firstIndex(of: $0.folder) }
    #expect(order == order.sorted())
  }

  @Test func `a module uses only what is declared above it`() {
    for (number, module) in Self.modules.enumerated() {
      let above = Set(Self.modules[..<number].map(\.name))
      for used in module.uses {
        #expect(above.contains(used), "\(module.name) may not use \(used)")
      }
    }
  }

  @Test func `disks know nothing of storage`() {
    let storage = Set(Self.modules.filter { $0.folder == "Storage" }.map(\.name))
    for module in Self.modules where module.folder == "Disks" {
      #expect(storage.isDisjoint(with: module.uses), "\(module.name) uses storage")
    }
  }

  @Test(arguments: SourceTree.sources)
  func `every import of a module of ours is declared`(file: SourceTree.File) throws {
    let names = Set(Self.modules.map(\.name))
    let own = try #require(Self.modules.first { $0.name == file.folders.dropFirst(2).first })
    for name in imports(of: file) where names.contains(name) {
      #expect(own.uses.contains(name), "\(file) imports \(name): \(own.name) does not declare it")
    }
  }

  @Test(arguments: SourceTree.sources)
  func `Foundation stays in Interfaces`(file: SourceTree.File) {
    if file.folders.starts(with: ["Sources", "Interfaces"]) { return }
    #expect(!imports(of: file).contains("Foundation"), "\(file) imports Foundation")
  }

  @Test func `nothing is named as a drawer is`() {
    let drawers = ["Utilities", "Utils", "Common", "Core", "Helper", "Manager", "Misc"]
    for file in SourceTree.sources {
      let name = file.path.split(separator: "/").last.map(String.init) ?? ""
      for part in file.folders + [name] {
        for drawer in drawers where hasWord(drawer, part) {
          Issue.record("\(file): \(part) says nothing about what is in it")
        }
      }
      for line in file.lines {
        guard let type = declaredType(in: line) else { continue }
        for drawer in drawers where hasWord(drawer, type) {
          Issue.record("\(file): the name \(type) says nothing about what it is")
        }
      }
    }
  }

  private func imports(of file: SourceTree.File) -> [String] {
    file.lines.compactMap { line in
      line.wholeMatch(of: #/\s*(?:@\w+ )?(?:\w+ )?import (\w+).*/#).map { String($0.1) }
    }
  }

  private func declaredType(in line: String) -> String? {
    line.firstMatch(of: #/\b(?:struct|class|enum|protocol|actor|typealias) (\w+)/#)
      .map { String($0.1) }
  }

  /// Whether `name` has `word` as one of its parts: "FileHelper" has "Helper", "Score" not "Core".
  private func hasWord(_ word: String, _ name: String) -> Bool {
    guard let place = name.firstRange(of: word) else { return false }
    return name[place.upperBound...].first?.isLowercase != true
      || name[place.upperBound...].hasPrefix("s")
  }
}

/// A module as Package.swift declares it.
private struct DeclaredModule {
  let name: String
  let folder: String
  var uses: Set<String>

  /// Reads `module("Packs", in: "Storage", uses: ["Bytes"] + storage)`, `program` and `library`.
  static func all(in manifest: String) -> [DeclaredModule] {
    let lists = namedLists(in: manifest)
    let statement = #/\n(module|program|library)\(\s*"(\w+)",?([^\n]*(?:\n\s[^\n]*)*)/#
    return manifest.matches(of: statement).map { match in
      let rest = String(match.3)
      let folder = rest.firstMatch(of: #/in: "(\w+)"/#).map { String($0.1) } ?? "C"
      var uses: Set<String> = []
      if let list = rest.firstMatch(of: #/uses: \[([^\]]*)\](?:\s*\+ (\w+))?/#) {
        uses = Set(quotedNames(in: list.1))
        if let more = list.2 { uses.formUnion(lists[String(more)] ?? []) }
      }
      return DeclaredModule(name: String(match.2), folder: folder, uses: uses)
    }
  }

  /// Lists that several declarations share: `let storage = ["Stores", "Packs"]`.
  private static func namedLists(in manifest: String) -> [String: [String]] {
    let found = manifest.matches(of: #/\nlet (\w+) = \[([^\]]*)\]/#).map { match in
      (String(match.1), quotedNames(in: match.2))
    }
    return Dictionary(found) { first, _ in first }
  }

  private static func quotedNames(in text: Substring) -> [String] {
    text.matches(of: #/"(\w+)"/#).map { String($0.1) }
  }
}
