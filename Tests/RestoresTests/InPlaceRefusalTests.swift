import Files
import Glibc
import Machines
import SystemPackage
import TestSupport
import Testing
import Vaults

@testable import Restores

/// What stands against a restore in place is said before anything is done.
@Suite struct InPlaceRefusalTests {
  private func expectRefusal(
    _ bench: InPlaceBench, _ restore: InPlaceRestore, saying texts: String...,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let before = try bench.names()
    for attempt in [{ try restore.check() }, { _ = try bench.run(restore) }] {
      let error = #expect(throws: (any Error).self, sourceLocation: sourceLocation) {
        try attempt()
      }
      let said = error.map { "\($0)" } ?? ""
      for text in texts { #expect(said.contains(text), "\(said)", sourceLocation: sourceLocation) }
    }
    #expect(try bench.names() == before, sourceLocation: sourceLocation)
    for name in InPlaceBench.files where before.contains(name) {
      #expect(try bench.has(name, bench.changed[name]), sourceLocation: sourceLocation)
    }
  }

  @Test("a disk that only the point has is named; with force it is made")
  func onlyInPoint() throws {
    let bench = try InPlaceBench()
    try removeFile(bench.path("data.vhd"))
    var restore = bench.restore([bench.disk("root", "root.img")])
    try expectRefusal(
      bench, restore, saying: "disks that the machine has not: data", "--force")
    restore.allowsOtherDisks = true
    try bench.run(restore)
    #expect(try bench.has("root.img", bench.backedUp["root.img"]))
    // As the image that it was, though none is there to tell.
    let disk = bench.backedUp["data.vhd"]?.dropLast(512) ?? []
    let made = try readFile(bench.path("data.vhd"))
    expectSame(Array(made.dropLast(512)), Array(disk), "\(Seed.ofThisRun)")
    #expect(made.suffix(512).starts(with: "conectix".utf8))
    #expect(try bench.names().count == 5, "nothing was there that could be put aside")
  }

  @Test("a disk that only the machine has is named; with force it stays as it is")
  func onlyInMachine() throws {
    let bench = try InPlaceBench()
    try writeFile([4, 5], to: bench.path("logs.img"))
    var restore = bench.restore(bench.disks + [bench.disk("logs", "logs.img")])
    try expectRefusal(bench, restore, saying: "the machine has disks that", "has not: logs")
    restore.allowsOtherDisks = true
    try bench.run(restore)
    #expect(try bench.has("logs.img", [4, 5]) && bench.names().count == 7)
  }

  @Test("a disk that the point says it left out stays as it is, without force")
  func excluded() throws {
    let bench = try InPlaceBench(excluded: ["data"])
    try bench.run(bench.restore())
    #expect(try bench.has("root.img", bench.backedUp["root.img"]))
    #expect(try bench.has("data.vhd", bench.changed["data.vhd"]) && bench.names().count == 5)
  }

  @Test("two disks are never put in one place, even with force")
  func shared() throws {
    let bench = try InPlaceBench()
    // The machine's only disk lies where the point has another one.
    for name in ["root", "other"] {
      var restore = bench.restore([bench.disk(name, "data.vhd")])
      restore.allowsOtherDisks = true
      try expectRefusal(
        bench, restore, saying: bench.path("data.vhd").string, "more than one disk")
    }
  }

  /// What else may lie where a disk is said to be.
  enum Odd: String, CaseIterable {
    case directory, missing, device, pipe, danglingLink
  }

  @Test("what is no image file is refused", arguments: Odd.allCases)
  func odd(_ odd: Odd) throws {
    let bench = try InPlaceBench()
    var path = bench.path("odd")
    switch odd {
    case .directory: try makeDirectory(path)
    case .missing: break
    case .device: path = FilePath("/dev/null")
    case .pipe: #expect(mkfifo(path.string, 0o600) == 0)
    case .danglingLink: #expect(symlink(bench.path("nowhere").string, path.string) == 0)
    }
    let text = [.missing, .danglingLink].contains(odd) ? "is not there" : "is no image file"
    let disks = [bench.disk("root", "root.img"), Machine.Disk(name: "data", source: path.string)]
    try expectRefusal(bench, bench.restore(disks), saying: text)
  }

  @Test("an image that is locked as QEMU does it is refused, for reading and for writing")
  func locked() throws {
    let bench = try InPlaceBench()
    for name in InPlaceBench.files {
      for kind in [F_RDLCK, F_WRLCK] {
        // A program that another test starts must not hold the lock on.
        let mode = (kind == F_RDLCK ? O_RDONLY : O_RDWR) | O_CLOEXEC
        let descriptor = open(bench.path(name).string, mode)
        defer { close(descriptor) }
        // One byte for a permission that is used, from byte 100 on.
        var lock = flock()
        lock.l_type = Int16(kind)
        lock.l_start = 101
        lock.l_len = 1
        let setLock: Int32 = 37
        #expect(fcntl(descriptor, setLock, &lock) == 0)
        try expectRefusal(
          bench, bench.restore(), saying: bench.path(name).string, "is locked", "shut the machine")
      }
    }
    try bench.run(bench.restore())
  }

  @Test("an image that is open for writing is refused, one that is read is not")
  func writer() throws {
    let bench = try InPlaceBench()
    for name in InPlaceBench.files {
      let descriptor = open(bench.path(name).string, O_WRONLY)
      defer { close(descriptor) }
      try expectRefusal(
        bench, bench.restore(), saying: bench.path(name).string, "is open for writing")
    }
    let reader = open(bench.path("root.img").string, O_RDONLY)
    defer { close(reader) }
    try bench.run(bench.restore())
  }

  @Test("a restore that was stopped has to be recovered first, even where a disk is missing")
  func unfinished() throws {
    let bench = try InPlaceBench()
    let swap = SwapJournal.Swap(
      name: "root", path: bench.path("root.img").string, new: bench.path(".new").string,
      replaced: bench.path("root.img.replaced").string)
    let journal = SwapJournal(
      machine: "m", point: bench.point.id, started: bench.now, state: .swapping, disks: [swap])
    let path = SwapJournal.path(of: "m", in: bench.directory.appending("images"))
    _ = try journal.begin(at: path)
    try expectRefusal(bench, bench.restore(), saying: "kluis recover m", path.string)
    try renameFile(bench.path("root.img"), to: bench.path("root.img.replaced"), replacing: false)
    try expectRefusal(bench, bench.restore(), saying: "kluis recover m")
    // In the place of one disk of another: the journal is found beside any.
    let elsewhere = bench.restore([
      Machine.Disk(name: "root", source: "/nowhere/root.img"), bench.disk("data", "data.vhd"),
    ])
    try expectRefusal(bench, elsewhere, saying: "kluis recover m")
  }
}
