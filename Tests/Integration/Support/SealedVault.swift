import Glibc
import Testing

extension Kluis {
  /// An encrypted vault of one store, and with it nothing else. Every run is given its key file.
  init(encrypted options: [String], inMemory: Bool = true) {
    self.init(in: Scratch(inMemory: inMemory))
    giveKey()
    run(["init", vault, "--redundancy", "single", "--encrypt"] + options).expect(0)
  }

  /// The file of the key that ``giveKey()`` gives.
  var keyFile: String { path("vault.key") }

  /// Makes a key file and gives it to every run from now on.
  mutating func giveKey() {
    _ = makeKeyFile("vault.key")
    variables["KLUIS_KEY_FILE"] = keyFile
  }

  /// The same vault in the hands of somebody without the key.
  var withoutKey: Kluis {
    var stranger = self
    stranger.variables["KLUIS_KEY_FILE"] = .some(nil)
    return stranger
  }

  /// The same vault, opened by a passphrase that this file holds.
  func with(passphraseFile: String) -> Kluis {
    var other = withoutKey
    other.variables["KLUIS_PASSPHRASE_FILE"] = passphraseFile
    return other
  }

  /// The same vault, opened by another key file.
  func with(keyFile: String) -> Kluis {
    var other = self
    other.variables["KLUIS_KEY_FILE"] = keyFile
    return other
  }

  func makeKeyFile(_ name: String) -> String {
    writeBytes((0..<32).map { _ in .random(in: .min ... .max) }, to: path(name))
    return path(name)
  }

  func makePassphraseFile(_ name: String, _ passphrase: String) -> String {
    writeBytes(Array("\(passphrase)\n".utf8), to: path(name))
    return path(name)
  }

  /// The key slots as `key list` shows them to anybody.
  func keySlots(sourceLocation: SourceLocation = #_sourceLocation) throws -> [JSONValue] {
    let listed = withoutKey("key", "list", "--json")
      .expect(0, sourceLocation: sourceLocation)
    return try JSONValue(listed.output).elements
  }
}

/// Everything about every file of some directories but when it was read.
func state(of directories: String...) -> String {
  directories.map { directory in
    // Who writes, or just did, is no part of it.
    run("find", directory, "-not", "-path", "*/leases*", "-printf", "%p %i %s %m %T@\\n")
      .split(separator: "\n").sorted().joined(separator: "\n")
  }.joined(separator: "\n")
}

extension RedundantVault {
  /// The same vault in the hands of somebody without the key.
  var withoutKey: Kluis { kluis.withoutKey }

  /// Every object of a folder of a store, by its place in the store.
  func places(_ folder: String, in store: String) -> [String] {
    objects(in: store, folder).map { String($0.dropFirst(store.count + 1)) }
  }
}

/// What every command says that cannot do without the key.
let needsKey = "the vault is encrypted, and this needs its key"

func permissions(of path: String) -> mode_t {
  var status = stat()
  precondition(stat(path, &status) == 0, "no \(path)")
  return status.st_mode & 0o777
}

/// Whether some bytes are in a file or a name under a directory.
func isFound(_ text: String, under directory: String) -> Bool {
  let command = ["grep", "--recursive", "--text", "--quiet", "--fixed-strings", "--", text]
  let found = RunningProgram(command + [directory]).wait()
  precondition([0, 1].contains(found.status), "\(found)")
  let names = run("find", directory, "-printf", "%P\\n")
  return found.status == 0 || names.contains(text)
}
