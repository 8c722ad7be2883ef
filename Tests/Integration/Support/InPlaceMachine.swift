import Glibc
import Testing

/// A machine of many disks with a point, whose disks have changed since.
final class InPlaceMachine {
  let kluis: Kluis
  let images: String
  let names: [String]
  private(set) var point = ""
  /// Copies of the disks as the point has them, and as they are before a restore.
  private let pointCopies: String
  private let presentCopies: String

  /// How a machine is protected.
  enum Protection: String, CaseIterable { case definition, disks }

  /// - Parameter sharesBlocks: whether its disks lie where files can share blocks.
  init(
    _ protection: Protection, diskCount: Int = 2, byteCount: Int = 1 << 20,
    sharesBlocks: Bool = false, _ random: inout SeededGenerator
  ) throws {
    kluis = Kluis(inMemory: true)
    images =
      sharesBlocks
      ? kluis.scratch.mountReflinks("images") : kluis.scratch.directory("images")
    pointCopies = kluis.scratch.directory("point")
    presentCopies = kluis.scratch.directory("present")
    names = (0..<diskCount).map { "disk\($0)" }
    for name in names { makeImage(image(name), byteCount: byteCount, &random) }
    run("cp", "-a", "\(images)/.", pointCopies)
    var command = ["backup", "m", "--json"]
    switch protection {
    case .definition:
      let disks = names.map { "{\"name\": \"\($0)\", \"path\": \"images/\($0).img\"}" }
      let text = "{\"name\": \"m\", \"disks\": [\(disks.joined(separator: ", "))]}"
      writeBytes(Array(text.utf8), to: kluis.path("m.json"))
      command += ["--definition", kluis.path("m.json")]
    case .disks: command += names.flatMap { ["--disk", "\($0)=\(image($0))"] }
    }
    point = try #require(JSONValue(kluis.run(command).expect(0).output)["id"].text)
    try change(&random)
  }

  func image(_ name: String) -> String { "\(images)/\(name).img" }

  /// Makes the present disks other ones than the point's, and notes them. Nothing else may lie
  /// beside them.
  func change(_ random: inout SeededGenerator) throws {
    for name in names {
      ImageFile(image(name)).writeNoise(at: 4096, count: 32 << 10, &random)
    }
    run("cp", "-a", "\(images)/.", presentCopies)
  }

  func restore(_ options: String...) -> RunningProgram { restore(options) }

  func restore(_ options: [String]) -> RunningProgram {
    kluis.start(["restore", "vm", point, "--in-place"] + options)
  }

  /// Whether all disks are those of the point.
  var isRestored: Bool { isSame(pointCopies) }

  /// Whether all disks are what they were before.
  var isUntouched: Bool { isSame(presentCopies) }

  private func isSame(_ copies: String) -> Bool {
    // The copies have no more than the disks, each of which has to be there.
    names.allSatisfy { access(image($0), F_OK) == 0 }
      && RunningProgram(
        [
          "diff", "--recursive", "--brief", "--exclude=*.replaced-*", "--exclude=.*", images,
          copies,
        ]
      ).wait().status == 0
  }

  /// The files beside the disks, without those that were put aside.
  var filesBesideReplaced: [String] { found("!", "-name", "*.replaced-*") }

  /// Whether nothing but the disks, and what was put aside, is there.
  var isClean: Bool { filesBesideReplaced == names.map { "\($0).img" }.sorted() }

  var replaced: [String] { found("-name", "*.replaced-*") }

  private func found(_ condition: String...) -> [String] {
    let command = ["find", images, "-type", "f"] + condition + ["-printf", "%P\\n"]
    return RunningProgram(command).wait().output.split(separator: "\n").map(String.init).sorted()
  }

  /// The journal of a restore that is under way or was stopped.
  var journal: String { "\(images)/.m.kluis-journal" }

  /// Whether the journal says that the swap has begun.
  var isSwapping: Bool {
    guard access(journal, R_OK) == 0 else { return false }
    return RunningProgram(["grep", "-q", "\"swapping\"", journal]).wait().status == 0
  }

  /// The journal's number on its file system: another one as soon as the swap begins.
  var journalNumber: UInt64 {
    var status = stat()
    return stat(journal, &status) == 0 ? UInt64(status.st_ino) : 0
  }

  /// Returns at once when the swap of a restore begins, or when it ends without one.
  func waitForSwap(of restore: RunningProgram) {
    guard restore.wait(until: { journalNumber != 0 }) else { return }
    let built = journalNumber
    while restore.isRunning, journalNumber == built {}
  }

  /// Sends a restore a signal as soon as it has a journal.
  func stopAtJournal(_ signal: Int32) -> RunningProgram {
    let restore = restore("--no-safety-point")
    _ = restore.wait { access(journal, F_OK) == 0 }
    restore.send(signal)
    return restore
  }

  /// Removes what was put aside.
  func removeReplaced() { for name in replaced { unlink("\(images)/\(name)") } }
}
