import Glibc
import Testing

private let needed = ["mke2fs", "sfdisk"]

/// Files out of a disk: from an image, and from a recovery point of it.
@Suite(.enabled(if: needed.allSatisfy { isInstalled($0) }, "needs mke2fs and sfdisk"))
struct FileTests {
  private let kluis = Kluis()
  private let guest: GuestImage

  init() { guest = GuestImage(in: kluis.scratch) }

  /// How the disk is named on the command line.
  enum Place: CaseIterable { case image, point }

  private func use(_ place: Place) throws {
    if place == .point { _ = try kluis.backUp("m", guest.image) }
  }

  /// Runs a command whose places lie on the image, or in the point of it.
  @discardableResult
  private func look(_ place: Place, _ command: [String], _ paths: String...) -> Outcome {
    switch place {
    case .image: kluis.run(command + paths + ["--image", guest.image])
    case .point: kluis.run(command + paths.map { $0.hasPrefix("*") ? $0 : "m:\($0)" })
    }
  }

  private func restore(_ place: Place, _ arguments: String...) -> Outcome {
    let source = place == .image ? ["--image", guest.image] : ["m"]
    return kluis.run(["restore", "files"] + source + arguments)
  }

  // MARK: looking

  @Test(arguments: Place.allCases)
  func `ls lists what is there, hidden names on request`(place: Place) throws {
    try use(place)
    #expect(look(place, ["ls"], "/etc").expect(0).output == "a.conf\napp\nhosts\nos-release\n")
    #expect(
      look(place, ["ls", "-a"], "/etc").expect(0).output
        == ".hidden.conf\na.conf\napp\nhosts\nos-release\n")
    let long = look(place, ["ls", "-l"], "/home/me").expect(0)
    #expect(long.output.contains("hosts -> ../../etc/hosts"), "\(long)")
    #expect(long.output.contains("new\\nline"), "\(long)")
    #expect(look(place, ["ls"], "/lib/").expect(0).output == "")
    let volume = look(place, ["ls"], place == .image ? "guest/1:/etc" : "root/1:/etc").expect(0)
    #expect(volume.output == "a.conf\napp\nhosts\nos-release\n")
    #expect(look(place, ["ls", "-R"], "/").expect(0).output.contains("/etc/app:\nb.conf\n"))
  }

  @Test(arguments: Place.allCases)
  func `cat prints files, links followed and patterns allowed`(place: Place) throws {
    try use(place)
    #expect(look(place, ["cat"], "/home/me/hosts").expect(0).output == "127.0.0.1 localhost\n")
    #expect(look(place, ["cat"], "/etc/**/*.conf").expect(0).output == "h\na\nb\n")
    #expect(look(place, ["cat"], "/home/me/new\\nline").expect(0).output == "odd\n")
    look(place, ["cat"], "/etc").expect(1, saying: "/etc")
    look(place, ["cat"], "/etc/no").expect(1, saying: "/etc/no: there is no such file")
  }

  @Test func `cat names a link that leads nowhere once`() {
    symlink("gone", "\(guest.tree)/bin/nowhere")
    guest.makeImage()
    let outcome = look(.image, ["cat"], "/bin/nowhere").expect(1)
    #expect(
      outcome.errors.hasPrefix("kluis: /bin/nowhere: there is no such file"), "\(outcome)")
  }

  @Test func `a directory that fstab shows in a second place is listed once`() {
    guest.write("etc/fstab", "/etc/app /deep none bind 0 0\n")
    guest.makeImage()
    let found = look(.image, ["ls", "-R"], "/").expect(0).output
    #expect(found.split(separator: "\n").count { $0 == "b.conf" } == 1, "\(found)")
    // Its first place is the one that has its files again, whichever of both comes first.
    _ = restore(.image, "/", "--to", kluis.path("whole")).expect(0)
    #expect(access(kluis.path("whole/etc/app/b.conf"), F_OK) == 0)
    #expect(access(kluis.path("whole/deep/b.conf"), F_OK) != 0)
    _ = restore(.image, "/deep", "--to", kluis.path("part")).expect(0)
    #expect(access(kluis.path("part/deep/b.conf"), F_OK) == 0)
  }

  @Test(arguments: Place.allCases)
  func `find tells names, sizes and kinds`(place: Place) throws {
    try use(place)
    let base = place == .image ? ["find", "--image", guest.image] : ["find", "m"]
    #expect(
      kluis.run(base + ["*.conf"]).expect(0).output
        == "/etc/.hidden.conf\n/etc/a.conf\n/etc/app/b.conf\n")
    let large = kluis.run(base + ["*", "--size", "+2M", "--type", "f"]).expect(0)
    #expect(large.output == "/home/me/large\n/home/me/sparse\n")
    let json = try JSONValue(kluis.run(base + ["hosts", "--json"]).expect(0).output)
    #expect(json["entries"].elements.map { $0["type"].text } == ["file", "symlink"])
    #expect(json["fileSystems"].elements.map { $0["state"].text } == ["clean"])
    let small = kluis.run(base + ["*.conf", "--size", "-1", "--size", "+1"]).expect(0)
    #expect(small.output == "")
    #expect(kluis.run(base + ["*", "--newer", "2100-01-01"]).expect(0).output == "")
  }

  @Test func `mistakes are explained`() throws {
    try use(.point)
    kluis("ls").expect(64, saying: "name a point")
    kluis("ls", "m:/no").expect(1, saying: "/no: there is no such file or directory")
    kluis("ls", "m:nothing/1:/").expect(1, saying: "root/1")
    kluis("ls", "nobody:/").expect(1, saying: "nobody")
    kluis("cat", "m").expect(64, saying: "name a file")
    kluis("restore", "files", "m", "--to", "x").expect(64, saying: "POINT PATH")
    kluis("restore", "files", "m", "/etc").expect(64, saying: "--to DIR or --tar FILE")
    kluis("restore", "files", "m", "/e*/*.none", "--to", "x").expect(
      1, saying: "nothing has a path")
    kluis("restore", "files", "m", "/etc", "--tar", kluis.path("none/x.tar")).expect(
      1, saying: "cannot create")
    kluis("versions", "m@latest:/etc/hosts").expect(64, saying: "VM:/path")
    kluis("versions", "m:/etc").expect(1, saying: "regular")
    kluis("diff", "m").expect(64, saying: "two points")
  }

  // MARK: restoring

  @Test(arguments: Place.allCases)
  func `a whole tree comes back with all that belongs to it`(place: Place) throws {
    try use(place)
    let target = kluis.path("out")
    var arguments = ["/", "--to", target]
    if geteuid() == 0 { arguments += ["--devices", "--set-id"] }
    let source = place == .image ? ["--image", guest.image] : ["m"]
    let outcome = kluis.run(["restore", "files"] + source + arguments).expect(0)
    #expect(outcome.output.contains("hard link"), "\(outcome)")
    if geteuid() == 0 {
      #expect(GuestImage.listing(of: target) == GuestImage.listing(of: guest.tree))
    }
    for name in ["home/me/large", "home/me/sparse", "etc/hosts", "home/me/ünï"] {
      #expect(haveSameBytes("\(target)/\(name)", "\(guest.tree)/\(name)"), "\(name)")
    }
    let blocks = run("stat", "--format=%b", "\(target)/home/me/sparse")
    #expect(Int(blocks.split(separator: "\n")[0])! < 64)
  }

  @Test func `several paths and patterns keep their places`() throws {
    let target = kluis.path("out")
    restore(.image, "/etc/*.conf", "/lib", "/home/me/ünï", "--to", target).expect(0)
    #expect(files(under: target) == ["etc/.hidden.conf", "etc/a.conf", "home/me/ünï"])
    #expect(run("readlink", "\(target)/lib") == "usr/lib\n")
    let other = kluis.path("other")
    restore(.image, "/etc", "--exclude", "/etc/**/*.conf", "--to", other).expect(0)
    #expect(files(under: other) == ["etc/hosts", "etc/os-release"])
  }

  @Test func `what is there is refused as a whole, and replaced on request`() throws {
    let target = kluis.scratch.directory("out")
    mkdir("\(target)/etc", 0o700)
    writeBytes(Array("mine".utf8), to: "\(target)/etc/hosts")
    restore(.image, "/etc", "--to", target).expect(1, saying: "--overwrite")
    #expect(files(under: target) == ["etc/hosts"])
    restore(.image, "/etc", "--to", target, "--overwrite").expect(0)
    #expect(haveSameBytes("\(target)/etc/hosts", "\(guest.tree)/etc/hosts"))
  }

  @Test(.enabled(if: canDropRights, "needs root and setpriv"))
  func `a person without root gets the files, and is told what is not restored`() throws {
    chmod(kluis.scratch.path, 0o777)
    chmod(guest.image, 0o644)
    let target = kluis.path("out")
    let outcome = RunningProgram(
      asNobody + [
        Kluis.program, "restore", "files", "--image", guest.image, "/home", "/usr", "/deep", "--to",
        target,
      ]
    ).wait().expect(0)
    for word in ["owners", "set-id", "devices"] {
      #expect(outcome.text.contains(word), "\(outcome)")
    }
    #expect(haveSameBytes("\(target)/home/me/large", "\(guest.tree)/home/me/large"))
    #expect(run("stat", "--format=%a", "\(target)/usr/suid") == "755\n")
    let archive = kluis.path("all.tar")
    RunningProgram(
      asNobody + [
        Kluis.program, "restore", "files", "--image", guest.image, "/", "--tar", archive,
      ]
    ).wait().expect(0)
    let unpacked = kluis.scratch.directory("unpacked")
    run("tar", "-C", unpacked, "--same-owner", "-xpf", archive)
    #expect(GuestImage.listing(of: unpacked) == GuestImage.listing(of: guest.tree))
  }

  @Test(.enabled(if: isInstalled("bsdtar"), "bsdtar is not installed"))
  func `an archive is what two tools understand, also through a pipe`() throws {
    for tool in ["tar", "bsdtar"] {
      let target = kluis.scratch.directory(tool)
      run(
        "sh", "-c",
        "'\(Kluis.program)' restore files --image '\(guest.image)' / --tar - --quiet "
          + "| \(tool) -C '\(target)' -xpf -")
      #expect(
        GuestImage.listing(of: target, owners: geteuid() == 0)
          == GuestImage.listing(of: guest.tree, owners: geteuid() == 0), "\(tool)")
      #expect(haveSameBytes("\(target)/home/me/sparse", "\(guest.tree)/home/me/sparse"))
      #expect(haveSameBytes("\(target)/home/me/large", "\(guest.tree)/home/me/large"))
    }
    restore(.image, "/etc", "--tar", kluis.path("etc.tar")).expect(0)
    restore(.image, "/etc", "--tar", kluis.path("etc.tar")).expect(1, saying: "--overwrite")
  }

  // MARK: over time

  @Test func `diff and versions tell what changed between points`() throws {
    let first = try kluis.backUp("m", guest.image)
    guest.write("etc/a.conf", "changed\n")
    guest.write("etc/new.conf", "new\n")
    unlink("\(guest.tree)/etc/app/b.conf")
    chmod("\(guest.tree)/etc/os-release", 0o600)
    guest.makeImage()
    let second = try kluis.backUp("m", guest.image)
    let third = try kluis.backUp("m", guest.image)
    #expect(
      kluis("diff", first, second, "/etc").expect(0).output
        == "M /etc/a.conf\n- /etc/app/b.conf\n+ /etc/new.conf\nU /etc/os-release  (mode)\n")
    #expect(kluis("diff", second, third).expect(0).output == "")
    #expect(kluis("diff", second, "--image", "root=\(guest.image)", "/etc").expect(0).output == "")
    let json = try JSONValue(kluis("diff", first, second, "/etc", "--json").expect(0).output)
    #expect(
      json["differences"].elements.map { $0["change"].text } == [
        "content", "removed", "added", "metadata",
      ])
    let versions = try JSONValue(kluis("versions", "m:/etc/a.conf", "--json").expect(0).output)
    #expect(
      versions["versions"].elements.map { $0["points"].elements.map { $0.text } } == [
        [first], [second, third],
      ])
    let gone = try JSONValue(kluis("versions", "m:/etc/app/b.conf", "--json").expect(0).output)
    #expect(gone["pointsWithout"].elements.map { $0.text } == [second, third])
    kluis("versions", "m:/never").expect(1, saying: "/never")
  }
}
