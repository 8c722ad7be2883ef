import Glibc
import Testing

/// Drills of machines that are not started.
@Suite struct DrillTests {
  private let machine: InPlaceMachine
  private var kluis: Kluis { machine.kluis }
  private let scratch: String

  init() throws {
    var random = seededGenerator("drills")
    machine = try InPlaceMachine(.definition, byteCount: 3 << 20, &random)
    scratch = machine.kluis.scratch.directory("scratch")
  }

  private func drill(_ options: String...) -> Outcome {
    kluis.run(["drill", "m", "--scratch", scratch] + options)
  }

  @Test(.enabled(if: isInstalled("mke2fs"), "mke2fs is not installed"))
  func `a drill says what is on the disks and how long it took, and leaves nothing`() throws {
    let image = machine.image("disk1")
    run("mke2fs", "-q", "-F", "-t", "ext4", "-L", "stuff", image)
    kluis("backup", "m").expect(0)
    let report = kluis.path("report")
    drill("--report", report).expect(0, saying: "passed")
    let found = try JSONValue(String(decoding: readBytes("\(report).json"), as: UTF8.self))
    #expect(found["passed"].flag == true && found["machine"].text == "m")
    #expect(found["tier"].text == "vault" && found["recoverySeconds"].number ?? 0 > 0)
    #expect(found["disks"].elements.map { $0["differingBytes"].number } == [0, 0])
    let volume = try #require(found["volumes"].elements.first { $0["name"].text == "disk1" })
    #expect(volume["type"].text == "ext4" && volume["label"].text == "stuff")
    let text = String(decoding: readBytes("\(report).txt"), as: UTF8.self)
    for word in ["passed", "recovery time", "ext4", "stuff", "all good"] {
      #expect(text.contains(word), "\(text)")
    }
    #expect(files(under: scratch).isEmpty)
    drill("--report", report).expect(64, saying: "exists already")
    drill("--report", kluis.path("none/report")).expect(64, saying: "there is no directory")
    drill("--report", "\(report).json", "--force").expect(0)
    drill("--json").expect(0, saying: "\"passed\" : true")
  }

  @Test func `a machine that cannot be had back fails the drill, and the report says why`() throws {
    for pack in kluis.vaultFiles() where pack.hasSuffix(".pack") {
      let path = "\(kluis.vault)/\(pack)"
      var bytes = readBytes(path)
      for place in stride(from: 200, to: bytes.count / 2, by: 100) { bytes[place] ^= 0x55 }
      writeBytes(bytes, to: path)
    }
    let report = kluis.path("report")
    drill("--report", report).expect(1, saying: "FAILED")
    let found = try JSONValue(String(decoding: readBytes("\(report).json"), as: UTF8.self))
    #expect(found["passed"].flag == false && found["failure"].text?.contains("lost") == true)
    #expect(files(under: scratch).isEmpty)
  }

  @Test func `a drill that is interrupted leaves nothing, and the next removes a killed one's`() {
    let big = kluis.path("big.img")
    var random = seededGenerator("interrupted drill")
    makeImage(big, byteCount: 200 << 20, &random)
    kluis("backup", "big", "--disk", "root=\(big)").expect(0)
    for signal in [SIGINT, SIGKILL] {
      let drill = kluis.start(["drill", "big", "--scratch", scratch])
      _ = drill.wait { !files(under: scratch).filter { $0.contains("big-root") }.isEmpty }
      drill.send(signal)
      let outcome = drill.wait()
      if signal == SIGINT { outcome.expect(130, saying: "what was restored is removed") }
      #expect(files(under: scratch).isEmpty == (signal == SIGINT), "\(outcome)")
    }
    drill().expect(0)
    #expect(run("find", scratch, "-mindepth", "1").isEmpty)
  }

  @Test func `what others put beside drills is left alone`() {
    let other = kluis.scratch.directory("other")
    writeBytes([], to: "\(other)/.lock")
    symlink(other, "\(scratch)/kluis-drill-7")
    drill().expect(0)
    #expect(access("\(other)/.lock", F_OK) == 0)
  }

  @Test func `what cannot be drilled is refused`() {
    drill("--boot-text", "x").expect(64, saying: "are for --boot")
    kluis("drill", "m", "--scratch", kluis.path("none")).expect(64, saying: "no directory")
    kluis("drill", "x", "--scratch", scratch).expect(1, saying: "x")
    drill("--tier", "secondary").expect(1, saying: "secondary")
    #expect(run("find", scratch, "-mindepth", "1").isEmpty)
  }
}
