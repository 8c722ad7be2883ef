import FileRestores
import Vaults

/// What a restore of files did, for people and for programs.
struct RestoreSummary {
  private let report: FileRestoreReport
  private let source: String
  private let target: String
  private let isArchive: Bool
  private let seconds: Double

  /// Problems that are shown one by one; more are in `--json`.
  private static let shownProblems = 20

  init(
    _ report: FileRestoreReport, source: String, target: String, isArchive: Bool, _ seconds: Double
  ) {
    self.isArchive = isArchive
    self.report = report
    self.source = source
    self.target = target
    self.seconds = seconds
  }

  /// - Parameter isOutputTaken: whether standard output is an archive, so that words go elsewhere.
  func show(_ session: Session, isOutputTaken: Bool, states: [StateReport]) throws {
    if session.options.json {
      return try printJSON(FileRestoreSummary(report, source, target, seconds, states))
    }
    for problem in report.problems.prefix(Self.shownProblems) {
      printError("kluis: \(problem.path): \(problem.reason)")
    }
    let more = report.problemCount - min(report.problems.count, Self.shownProblems)
    if more > 0 { printError("kluis: and \(more) more (--json lists them)") }
    if session.isQuiet { return }
    let lines = [sentence] + notes
    for line in lines { if isOutputTaken { printError(line) } else { print(line) } }
  }

  private var sentence: String {
    let parts = [
      (report.files, "file"), (report.directories, "directorie"), (report.symbolicLinks, "link"),
      (report.hardLinks, "hard link"), (report.nodes, "special file"),
    ]
    let counts = parts.filter { $0.0 > 0 }.map { count, noun in
      noun == "directorie" && count == 1 ? "1 directory" : Text.count(count, noun)
    }
    let all = counts.isEmpty ? "nothing" : counts.joined(separator: ", ")
    return "restored \(all) of \(source) to \(target): \(Text.size(report.byteCount)) in "
      + "\(Text.duration(seconds)) (\(Text.rate(report.byteCount, seconds: seconds)))"
  }

  private var notes: [String] {
    var notes: [String] = []
    if report.ownersLeft > 0 {
      notes.append(
        "  the owners of \(report.ownersLeft) are not restored, since only root may give files "
          + "away; --tar keeps them")
    }
    if report.setIDsDropped > 0 {
      notes.append(
        "  set-id bits and capabilities of \(report.setIDsDropped) are dropped: as root, --set-id "
          + "keeps them")
    }
    if report.nodesLeft > 0 {
      notes.append(
        isArchive
          ? "  \(Text.count(report.nodesLeft, "socket")) left out, which archives do not "
            + "hold: programs make theirs anew"
          : "  \(report.nodesLeft) devices, pipes and sockets are left out: as root, --devices "
            + "makes them")
    }
    for (namespace, count) in report.privilegedAttributesLeft.sorted(by: { $0.key < $1.key }) {
      notes.append(
        "  \(count) extended attributes \(namespace).* are left out, since only root may set them; "
          + "--tar keeps them")
    }
    if report.foreignAttributesLeft > 0 {
      notes.append(
        "  \(report.foreignAttributesLeft) security descriptors and other attributes of NTFS are "
          + "left out, which only ntfs-3g takes; --tar keeps them")
    }
    if report.problemCount > 0 {
      notes.append("  \(Text.count(report.problemCount, "problem")): see above")
    }
    return notes
  }
}

private struct FileRestoreSummary: Encodable {
  let source: String
  let target: String
  let files: Int
  let directories: Int
  let symbolicLinks: Int
  let hardLinks: Int
  let specialFiles: Int
  let bytes: UInt64
  let seconds: Double
  let ownersLeft: Int
  let setIDsDropped: Int
  let specialFilesLeft: Int
  let privilegedAttributesLeft: [String: Int]
  let foreignAttributesLeft: Int
  let problemCount: Int
  let problems: [ProblemReport]
  let fileSystems: [StateReport]

  init(
    _ report: FileRestoreReport, _ source: String, _ target: String, _ seconds: Double,
    _ states: [StateReport]
  ) {
    self.source = source
    self.target = target
    self.seconds = seconds
    files = report.files
    directories = report.directories
    symbolicLinks = report.symbolicLinks
    hardLinks = report.hardLinks
    specialFiles = report.nodes
    bytes = report.byteCount
    ownersLeft = report.ownersLeft
    setIDsDropped = report.setIDsDropped
    specialFilesLeft = report.nodesLeft
    privilegedAttributesLeft = report.privilegedAttributesLeft
    foreignAttributesLeft = report.foreignAttributesLeft
    problemCount = report.problemCount
    problems = report.problems.map { ProblemReport($0.path, $0.reason) }
    fileSystems = states
  }
}
