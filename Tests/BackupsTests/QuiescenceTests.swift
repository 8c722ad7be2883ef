import DiskImages
import Files
import SystemPackage
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@testable import Backups

/// Commands before and after a machine's disks are read; each leaves a line in a log.
@Suite struct QuiescenceTests {
  private let bench: BackupBench
  private let log: FilePath

  init() throws {
    bench = try BackupBench()
    log = bench.directory.appending("log")
    try writeFile(repeated([1, 2, 3], 50_000), to: bench.image("root"))
  }

  private struct Failure: Error {}

  @Test("freeze and thaw run once each, around what is done")
  func order() throws {
    let said = try quiescence().during(notices: bench.notices) {
      try run(FilePath("/bin/sh"), ["-c", "echo body >>\(log)"])
      return "said"
    }
    #expect(said == "said" && lines() == ["freeze", "body", "thaw"])
    #expect(bench.notices.all == [])
  }

  @Test("what fails in between is thrown, after the thaw")
  func bodyFails() throws {
    #expect(throws: Failure.self) {
      try quiescence().during(notices: bench.notices) { throw Failure() }
    }
    #expect(lines() == ["freeze", "thaw"] && bench.notices.all == [])
  }

  @Test("a backup says that its point is application-consistent, and runs both commands once")
  func backup() throws {
    let point = try backUp(quiescence())
    #expect(point.consistency == .application && lines() == ["freeze", "thaw"])
    #expect(try backUp(nil).consistency == .crash)
    let listed = try bench.vault.points(notices: bench.notices).map(\.point.consistency)
    #expect(listed == [.application, .crash])
    #expect(lines() == ["freeze", "thaw"] && bench.notices.all == [])
  }

  @Test(
    "a freeze that fails ends the backup without a point, and the thaw runs",
    arguments: [("exit 7", "status 7"), ("kill -9 $$", "status 137"), ("no-such-program", "127")])
  func freezeFails(command: String, reason: String) throws {
    let broken = quiescence(freeze: "echo freeze >>\(log); \(command)")
    let error = #expect(throws: QuiescenceError.self) { try backUp(broken) }
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
    #expect(lines() == ["freeze", "thaw"])
    #expect(try bench.vault.points(notices: bench.notices).isEmpty)
  }

  @Test("a thaw that fails leaves the point good, and is told")
  func thawFails() throws {
    let point = try backUp(quiescence(thaw: "echo thaw >>\(log); exit 3"))
    #expect(try bench.vault.points(notices: bench.notices).map(\.point) == [point])
    #expect(point.consistency == .application && lines() == ["freeze", "thaw"])
    #expect(bench.notices.all.count == 1 && bench.notices.all[0].contains("status 3"))
    expectSame(try bench.restore(point.disks[0]), try readFile(bench.image("root")))
  }

  @Test("a disk that cannot be read, and a stop, are thawed as well")
  func backupFails() throws {
    #expect(throws: FileError.self) { try backUp(quiescence(), disks: ["root", "gone"]) }
    // Where disks can be cloned that is tried before anything is brought to rest.
    let thawed = lines()
    #expect(thawed == ["freeze", "thaw"] || thawed == [])
    let cancellation = Cancellation()
    cancellation.request()
    #expect(throws: Cancelled.self) { try backUp(quiescence(), cancellation: cancellation) }
    #expect(lines() == thawed + ["freeze", "thaw"])
    #expect(try bench.vault.points(notices: bench.notices).isEmpty)
  }

  @Test("a command that takes too long is ended with all that it started")
  func timeout() throws {
    let late = bench.directory.appending("late")
    let pipe = bench.directory.appending("pipe")
    try run(FilePath("/usr/bin/env"), ["mkfifo", pipe.string])
    // Both wait for what never comes; were one left, the writer below would set it going.
    let command = "(cat \(pipe) >/dev/null; echo >\(late)) & cat \(pipe) >/dev/null; echo >\(late)"
    var hanging = quiescence(freeze: command)
    hanging.timeout = .milliseconds(300)
    let error = #expect(throws: QuiescenceError.self) {
      try hanging.during(notices: bench.notices) { Issue.record("nothing is at rest") }
    }
    #expect(error?.description.contains("it took longer than") == true)
    #expect(lines() == ["thaw"])
    // Opening the pipe to write fails at once where nobody reads it any more.
    let writer = "import os\nos.open('\(pipe)', os.O_WRONLY | os.O_NONBLOCK)"
    #expect(throws: ProgramError.self) {
      try run(FilePath("/usr/bin/env"), ["python3", "-c", writer])
    }
    #expect(try fileStatus(late) == nil)
  }

  @Test("a thaw that takes too long is told, and the point is good")
  func thawTimeout() throws {
    var hanging = quiescence(thaw: "echo thaw >>\(log); sleep 600")
    hanging.timeout = .milliseconds(500)
    let point = try backUp(hanging)
    #expect(try bench.vault.points(notices: bench.notices).map(\.point) == [point])
    #expect(bench.notices.all.count == 1 && bench.notices.all[0].contains("longer than"))
    #expect(lines() == ["freeze", "thaw"])
  }

  @Test("what a command reads and says does not matter")
  func input() throws {
    let chatty = quiescence(freeze: "cat; echo to the user; echo freeze >>\(log)")
    try chatty.during(notices: bench.notices) {}
    #expect(lines() == ["freeze", "thaw"])
  }

  private func quiescence(freeze: String? = nil, thaw: String? = nil) -> Quiescence {
    Quiescence(
      freeze: freeze ?? "echo freeze >>\(log)", thaw: thaw ?? "echo thaw >>\(log)",
      timeout: .seconds(60))
  }

  @discardableResult
  private func backUp(
    _ quiescence: Quiescence?, disks: [String] = ["root"],
    cancellation: Cancellation = Cancellation()
  ) throws -> RecoveryPoint {
    var backup = Backup(
      machine: "web01", sources: disks.map { .init(name: $0, path: bench.image($0)) })
    backup.quiescence = quiescence
    return try backup.run(
      vault: bench.vault, notices: bench.notices, progress: Progress(), cancellation: cancellation)
  }

  private func lines() -> [String] {
    guard let bytes = try? readFile(log) else { return [] }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
  }
}
