import Glibc
import Testing

/// Policies, the trash and reclaim, from the command line.
@Suite struct RetentionTests {
  private let kluis = Kluis()

  private func points(_ options: String...) throws -> [String] {
    let outcome = kluis.run(["points", "--json"] + options).expect(0)
    return try JSONValue(outcome.output).elements.map { try #require($0["id"].text) }
  }

  @Test func `what a policy does not keep expires, comes back, and is freed in the end`() throws {
    var random = seededGenerator("retention")
    let image = kluis.path("a.img")
    makeImage(image, byteCount: 8 << 20, &random)
    var ids = [try kluis.backUp("m", image)]
    for round in 1...3 {
      ImageFile(image).writeNoise(at: round << 18, count: 6 << 20, &random)
      ids.append(try kluis.backUp("m", image))
    }
    kluis("policy", "m", "--keep-last", "2").expect(0, saying: "m: keeps last 2")
    kluis("policy", "m", "--preview").expect(0, saying: "stays  last 1")
    kluis("lock", ids[0], "--until", "2100-01-01").expect(0, saying: "locked until")
    kluis("expire", "--dry-run").expect(0, saying: "would expire \(ids[1])")
    #expect(try points() == ids)
    kluis("expire").expect(0, saying: "expired \(ids[1])")
    #expect(try points() == [ids[0], ids[2], ids[3]] && points("--deleted") == [ids[1]])
    kluis("delete", ids[0], "--yes").expect(1, saying: "is locked until 2100-01-01")
    kluis("lock", ids[0], "--until", "2099-01-01").expect(1, saying: "a lock is not shortened")
    kluis("undelete", ids[1]).expect(0, saying: "brought back \(ids[1])")
    #expect(try points() == ids)

    kluis("policy", "m", "--trash-days", "0").expect(0, saying: "come back for 0 days")
    kluis("lock", ids[0], "--off", "--yes").expect(0, saying: "not locked")
    kluis("expire").expect(0, saying: "expired \(ids[0])")
    kluis("undelete", ids[0]).expect(1, saying: "is not deleted")
    let before = packBytes
    kluis("reclaim", "--dry-run").expect(0, saying: "to repack")
    kluis("reclaim").expect(0, saying: "waiting")
    kluis("reclaim").expect(0)
    #expect(packBytes >= before, "the grace is not over")
    let report = try JSONValue(kluis("reclaim", "--grace", "0", "--json").expect(0).output)
    let freed = try #require(report["tiers"][0]["freedBytes"].number)
    #expect(freed > 1_000_000)
    #expect(packBytes < before)
    kluis("verify").expect(0)
    kluis("scrub").expect(0)
    kluis.expect(ids[3], restores: image)
  }

  @Test func `a point in the trash that has lost what it needs is given up, and reclaim goes on`()
    throws
  {
    var random = seededGenerator("purge")
    let image = kluis.path("a.img")
    makeImage(image, byteCount: 4 << 20, &random)
    let lost = try kluis.backUp("m", image)
    let packs = kluis.vaultFiles().filter { $0.hasSuffix(".pack") }
    ImageFile(image).writeNoise(at: 0, count: 4 << 20, &random)
    let kept = try kluis.backUp("m", image)
    kluis("delete", lost, "--purge", "--yes").expect(1, saying: "is not in the trash")
    kluis("delete", lost, "--yes").expect(0)
    for pack in packs { unlink("\(kluis.vault)/\(pack)") }

    kluis("scrub", "--repair").expect(1, saying: "lost: \(lost), in the trash, disk root, byte")
    let refusal = kluis("reclaim").expect(1, saying: "`kluis delete \(lost) --purge`")
    for part in ["the vault tier", "\(lost) needs", "`kluis scrub --repair`"] {
      #expect(refusal.errors.contains(part))
    }
    kluis("delete", lost, "--purge").expect(64, saying: "give --yes")
    #expect(try points("--deleted") == [lost])
    kluis("delete", lost, "--purge", "--yes").expect(0, saying: "gave up \(lost)")
    #expect(try points("--deleted").isEmpty && points() == [kept])
    kluis("undelete", lost).expect(1, saying: "is not deleted")
    kluis("delete", lost, "--purge", "--yes").expect(1, saying: "is not in the trash")
    kluis("delete", "--machine", "m", "--purge", "--yes").expect(0, saying: "no deleted points")
    kluis("reclaim", "--grace", "0").expect(0)
    kluis("scrub").expect(0, saying: "all good")
    kluis.expect(kept, restores: image)
  }

  private var packBytes: Int {
    kluis.vaultFiles().filter { $0.hasSuffix(".pack") }
      .reduce(0) { $0 + byteCount("\(kluis.vault)/\($1)") }
  }

  private func byteCount(_ path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }

  @Test func `points are deleted when somebody says so, and nothing else is`() throws {
    var random = seededGenerator("deletion")
    let image = kluis.path("a.img")
    makeImage(image, byteCount: 2 << 20, &random)
    let ids = [try kluis.backUp("m", image), try kluis.backUp("m", image)]
    kluis("delete", ids[0]).expect(64, saying: "give --yes")
    kluis("delete", "m", "--yes").expect(64, saying: "names no single point")
    kluis("delete").expect(64)
    kluis("expire").expect(0, saying: "nothing expires")
    #expect(try points() == ids)
    kluis("delete", "--machine", "m", "--yes").expect(0, saying: "deleted \(ids[0])")
    #expect(try points().isEmpty && points("--deleted") == ids)
    kluis("undelete", ids[0], ids[1]).expect(0)
    #expect(try points() == ids)
    for wrong in [["--keep-last", "0"], ["--off", "--keep-last", "1"], ["--keep-all", "--off"]] {
      kluis.run(["policy", "m"] + wrong).expect(64)
    }
    kluis("policy", "--keep-last", "1").expect(64, saying: "whose policy")
    kluis("policy", "nobody", "--keep-last", "1").expect(1, saying: "nobody")
    kluis("policy", "--default", "--keep-last", "1").expect(0, saying: "keeps last 1")
    kluis("policy", "m", "--keep-all").expect(0)
    kluis("expire").expect(0, saying: "nothing expires")
    kluis("policy", "m", "--off").expect(0, saying: "the vault's default")
    kluis("expire").expect(0, saying: "expired \(ids[0])")
    kluis.expect(ids[1], restores: image)
  }

  @Test func `a reclaim that is killed at any moment loses nothing, nor does a backup beside it`()
    throws
  {
    var random = seededGenerator("killed reclaim")
    let image = kluis.path("a.img")
    makeImage(image, byteCount: 24 << 20, &random)
    _ = try kluis.backUp("m", image)
    kluis("policy", "m", "--keep-last", "1", "--trash-days", "0").expect(0)
    for round in 0..<10 {
      let place = Int.random(in: 0..<12 << 20, using: &random)
      ImageFile(image).writeNoise(at: place, count: 8 << 20, &random)
      let backup = kluis.start(["backup", "m"])
      let reclaim = kluis.start(["reclaim", "--grace", "0"])
      usleep(UInt32.random(in: 0..<150_000, using: &random))
      if round % 2 == 0 { reclaim.send(SIGKILL) }
      if round % 5 == 4 { backup.send(SIGKILL) }
      _ = reclaim.wait()
      _ = backup.wait()
      kluis("expire").expect(0)
      kluis("verify").expect(0)
    }
    let last = try kluis.backUp("m", image)
    kluis("expire").expect(0)
    kluis("reclaim", "--grace", "0").expect(0)
    kluis("verify").expect(0)
    kluis("scrub").expect(0)
    kluis.expect(last, restores: image)
    #expect(packBytes < 60 << 20, "what a killed one left is freed as well")
  }
}
