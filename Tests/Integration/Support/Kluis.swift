import Glibc
import Testing

/// The program under test in a directory of its own, with a vault of its own.
struct Kluis {
  /// KLUIS_BINARY, else what was built beside these tests.
  static let program = environment("KLUIS_BINARY") ?? besideTests("kluis")

  let scratch: Scratch
  /// The environment of every run, beside KLUIS_VAULT; nil takes a variable away.
  var variables: [String: String?] = [:]
  /// What KLUIS_VAULT says.
  var vault: String { scratch.path("vault") }

  /// A vault, and with it nothing else.
  init(_ options: String..., inMemory: Bool = false) {
    scratch = Scratch(inMemory: inMemory)
    run(["init", vault, "--redundancy", "single"] + options).expect(0)
  }

  /// No vault yet.
  init(withoutVault: Void) { scratch = Scratch() }

  /// A path beside the vault.
  func path(_ name: String) -> String { scratch.path(name) }

  /// Runs `kluis` with these arguments.
  @discardableResult
  func callAsFunction(_ arguments: String...) -> Outcome { run(arguments) }

  @discardableResult
  func run(_ arguments: [String], environment: [String: String?] = [:]) -> Outcome {
    start(arguments, environment: environment).wait()
  }

  /// Starts `kluis` and does not wait for it.
  func start(_ arguments: [String], environment: [String: String?] = [:]) -> RunningProgram {
    RunningProgram(
      [Self.program] + arguments,
      environment: ["KLUIS_VAULT": vault, "KLUIS_CACHE": path("cache")]
        .merging(variables) { $1 }.merging(environment) { $1 },
      directory: scratch.path)
  }

  /// Backs an image up as disk "root" of a machine and gives the point's id.
  func backUp(
    _ machine: String, _ image: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    let outcome = run(["backup", machine, "--disk", "root=\(image)", "--json"])
    outcome.expect(0, sourceLocation: sourceLocation)
    return try #require(JSONValue(outcome.output)["id"].text, sourceLocation: sourceLocation)
  }

  /// Expects that a point gives back `image`, bit for bit.
  func expect(
    _ point: String, restores image: String, statuses: [Int32] = [0],
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let target = path("restored-\(UInt32.random(in: .min ... .max)).img")
    let outcome = run(["restore", "disk", point, "--to", target])
    #expect(statuses.contains(outcome.status), "\(outcome)", sourceLocation: sourceLocation)
    if access(target, F_OK) == 0 {
      #expect(haveSameBytes(target, image), "\(outcome)", sourceLocation: sourceLocation)
      unlink(target)
    }
  }

  /// Files of the vault, relative to it, in order.
  func vaultFiles() -> [String] { files(under: vault) }
}

/// Every regular file under a directory, relative to it, in order.
func files(under directory: String) -> [String] {
  run("find", directory, "-type", "f", "-printf", "%P\\0")
    .split(separator: "\0").map(String.init).sorted()
}

private func besideTests(_ name: String) -> String {
  var buffer = [UInt8](repeating: 0, count: 4096)
  let count = buffer.withUnsafeMutableBytes {
    readlink("/proc/self/exe", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
  }
  let tests = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
  let directory = tests.split(separator: "/", omittingEmptySubsequences: false).dropLast()
  return directory.joined(separator: "/") + "/\(name)"
}
