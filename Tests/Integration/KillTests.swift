import Glibc
import Testing

/// Programs that end when nobody meant them to.
@Suite struct KillTests {
  let kluis = Kluis()
  private let byteCount = 48 << 20

  @Test func `a backup that is killed at any moment harms no point, and the next one works`()
    throws
  {
    var random = seededGenerator("killing")
    let image = kluis.path("a.img")
    makeImage(image, byteCount: byteCount, &random)
    let start = ContinuousClock.now
    var kept = [(point: try kluis.backUp("m", image), copy: copy(image, 0))]
    let usual = start.duration(to: .now) / .microseconds(1)
    var killed = 0
    for round in 1...32 {
      let place = Int.random(in: 0..<byteCount / 2, using: &random)
      ImageFile(image).writeNoise(at: place, count: byteCount / 2, &random)
      let backup = kluis.start(["backup", "m"])
      usleep(UInt32(Double.random(in: 0..<usual, using: &random)))
      backup.send(SIGKILL)
      if backup.wait().signal == SIGKILL { killed += 1 }

      kluis("points").expect(0)
      kept.append((try kluis.backUp("m", image), copy(image, round)))
      let earlier = kept.randomElement(using: &random)!
      for (point, copy) in [kept.last!, earlier] { kluis.expect(point, restores: copy) }
      if kept.count > 4 { unlink(kept.remove(at: 1).copy) }
    }
    print("killed \(killed) of 32 backups before they were done")
    #expect(killed >= 10)
    kluis("verify").expect(0)
    for (point, copy) in kept { kluis.expect(point, restores: copy) }
  }

  private func copy(_ image: String, _ number: Int) -> String {
    let path = kluis.path("copy-\(number).img")
    run("cp", image, path)
    return path
  }

  @Test func `a restore that is killed leaves no disk that looks whole`() throws {
    var random = seededGenerator("killed restore")
    let image = kluis.path("a.img")
    makeImage(image, byteCount: 160 << 20, &random)
    let point = try kluis.backUp("m", image)
    let folder = kluis.scratch.directory("targets")
    for attempt in 0..<5 {
      let target = "\(folder)/\(attempt).img"
      let restore = kluis.start(["restore", "disk", point, "--to", target])
      _ = restore.wait { !files(under: folder).isEmpty }
      restore.send(SIGKILL)
      let outcome = restore.wait()
      if outcome.signal == SIGKILL {
        #expect(access(target, F_OK) != 0)
      } else {
        #expect(haveSameBytes(target, image))
      }
    }
    kluis.expect(point, restores: image)
  }

  @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
  func `a backup that is stopped says that nothing was harmed, and the next one goes on`(
    signal: Int32
  ) throws {
    var random = seededGenerator("stopped by \(signal)")
    let image = kluis.path("a.img")
    for _ in 0..<10 {
      makeImage(image, byteCount: 192 << 20, &random)
      let packs = packCount()
      let backup = kluis.start(["backup", "m", "--disk", "root=\(image)"])
      _ = backup.wait { packCount() > packs }
      backup.send(signal)
      let outcome = backup.wait().expect(0, 130)
      if outcome.status == 0 { continue }
      outcome.expect(130, saying: "Nothing was harmed")
      let next = kluis("backup", "m", "--disk", "root=\(image)", "--json").expect(0)
      let report = try JSONValue(next.output)
      let new = try #require(report["disks"][0]["newBytes"].number)
      #expect(new < Double(192 << 20), "what was stored before is found again")
      kluis.expect(try #require(report["id"].text), restores: image)
      return
    }
    Issue.record("the backup was never slow enough to be stopped")
  }

  private func packCount() -> Int { kluis.vaultFiles().count { $0.hasSuffix(".pack") } }

  @Test func `a restore that is stopped leaves nothing behind`() throws {
    var random = seededGenerator("stopped restore")
    let image = kluis.path("a.img")
    makeImage(image, byteCount: 160 << 20, &random)
    let point = try kluis.backUp("m", image)
    let folder = kluis.scratch.directory("targets")
    for attempt in 0..<10 {
      let restore = kluis.start(["restore", "disk", point, "--to", "\(folder)/\(attempt).img"])
      _ = restore.wait { !files(under: folder).isEmpty }
      restore.send(SIGINT)
      let outcome = restore.wait().expect(0, 130)
      if outcome.status == 130 {
        outcome.expect(130, saying: "no half-restored image was left behind")
        #expect(files(under: folder).isEmpty)
        return
      }
      unlink("\(folder)/\(attempt).img")
    }
    Issue.record("the restore was never slow enough to be stopped")
  }

  @Test func `verify and rebuild-index can be stopped`() throws {
    var random = seededGenerator("stopped verify")
    let image = kluis.path("a.img")
    makeImage(image, byteCount: 96 << 20, &random)
    let point = try kluis.backUp("m", image)
    for command in ["verify", "rebuild-index"] {
      for _ in 0..<5 {
        let running = kluis.start([command])
        usleep(UInt32.random(in: 0..<80_000, using: &random))
        running.send(SIGINT)
        let outcome = running.wait()
        // Before the program has blocked the signal, it simply ends by it.
        #expect([0, 130].contains(outcome.status) || outcome.signal == SIGINT, "\(outcome)")
      }
    }
    kluis("verify").expect(0)
    kluis.expect(point, restores: image)
  }
}
