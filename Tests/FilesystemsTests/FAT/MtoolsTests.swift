import Files
import Filesystems
import SystemPackage
import TestSupport
import Testing

/// Against what mtools copies out of volumes that mkfs.fat made and mtools filled.
@Suite(.enabled(if: areInstalled("mkfs.fat", "fsck.fat", "mcopy")))
struct MtoolsTests {
  struct Shape: CustomTestStringConvertible, Sendable {
    let kibibytes: Int
    let options: [String]
    var testDescription: String { "\(kibibytes) KiB, \(options.joined(separator: " "))" }

    init(_ kibibytes: Int, _ options: String) {
      self.kibibytes = kibibytes
      self.options = options.split(separator: " ").map(String.init)
    }
  }

  static let shapes = [
    Shape(1440, "-F 12"), Shape(2880, "-F 12 -s 2 -f 1 -r 512"), Shape(8000, "-F 12 -s 8 -n LABEL"),
    Shape(30_000, "-F 12 -S 4096 -s 2"), Shape(6000, "-F 16 -s 1 -a -f 1 -R 9"),
    Shape(40_960, "-F 16 -S 1024 -s 4"), Shape(90_000, "-F 16 -S 2048 -s 1 -n VOLUME"),
    Shape(40_960, "-F 32 -s 1"), Shape(70_000, "-F 32 -s 1 -f 1 -a -b 9 -R 40 -n SYSTEM"),
    Shape(300_000, "-F 32 -S 4096 -s 1"), Shape(140_000, "-F 32 -s 2"),
  ]

  @Test(arguments: shapes)
  func `what mtools copied in comes out as mtools copies it out`(shape: Shape) throws {
    var random = Seed.ofThisRun.random
    let (place, mtools) = try filledVolume(shape, &random)
    let (image, taken) = (mtools.image, place.appending("taken"))
    try makeDirectory(taken)
    try output(of: "fsck.fat", "-n", image.string)
    try mtools.run("mcopy", "-s", "-m", "::/", taken.string)

    let fileSystem = try openImage(readFile(image))
    let tree = WholeTree(fileSystem)
    #expect(fileSystem.state.sentence == "clean", "\(Seed.ofThisRun)")
    #expect(tree.errors == [:], "\(Seed.ofThisRun)")
    #expect(tree.contents == (try contents(of: taken)), "\(Seed.ofThisRun)")
  }

  /// A volume that mtools filled. Now and then mtools finds no slots for the long names of a random
  /// tree; another tree is taken then.
  private func filledVolume(
    _ shape: Shape, _ random: inout SeededRandom
  ) throws -> (place: TemporaryDirectory, mtools: Mtools) {
    for _ in 0..<4 {
      do { return try volume(shape, &random) } catch {
        guard "\(error)".contains("No directory slots") else { throw error }
      }
    }
    return try volume(shape, &random)
  }

  private func volume(
    _ shape: Shape, _ random: inout SeededRandom
  ) throws -> (place: TemporaryDirectory, mtools: Mtools) {
    let place = try TemporaryDirectory()
    let image = place.appending("image")
    try File.create(image).setByteCount(UInt64(shape.kibibytes) << 10)
    try output(of: "mkfs.fat", arguments: shape.options + [image.string])
    let given = place.appending("given")
    try makeDirectory(given)
    try fillDirectory(given, fileLimit: 40, &random)

    let mtools = Mtools(image: image, place: place)
    try mtools.copyIn(given)
    // Free places among the files, and a file that has to be put into them.
    for name in try directoryEntries(given) ?? [] where name.hasPrefix("FILE") {
      try mtools.run("mdeltree", "::/given/" + name)
    }
    try writeFile(random.bytes(120_000), to: place.appending("in pieces.bin"), sparse: false)
    try mtools.copyIn(place.appending("in pieces.bin"))
    return (place, mtools)
  }

  @Test func `a file that mattrib made read-only may not be written`() throws {
    let place = try TemporaryDirectory()
    let image = place.appending("image")
    try File.create(image).setByteCount(1440 << 10)
    try output(of: "mkfs.fat", image.string)
    for name in ["free.txt", "fixed.txt"] {
      try writeFile([1, 2], to: place.appending(name))
      try Mtools(image: image, place: place).copyIn(place.appending(name))
    }
    try Mtools(image: image, place: place).run("mattrib", "+r", "+h", "+s", "::/fixed.txt")
    let fileSystem = try openImage(readFile(image))
    func permissions(_ name: FileName) throws -> UInt16? {
      try fileSystem.entry(named: name, in: fileSystem.root)
        .map { try fileSystem.attributes(of: $0.item).permissions }
    }
    #expect(try permissions("FREE.TXT") == 0o755)
    #expect(try permissions("Fixed.txt") == 0o555)
    #expect(try permissions("none.txt") == nil)
  }
}

/// The programs of mtools over one image, with names in UTF-8 and times in UTC.
struct Mtools {
  let image: FilePath
  let place: TemporaryDirectory

  func copyIn(_ path: FilePath) throws { try run("mcopy", "-s", "-m", path.string, "::/") }

  func run(_ program: String, _ arguments: String...) throws {
    let settings = place.appending("mtoolsrc")
    try writeFile(Array("default_codepage=437\nmtools_skip_check=1\n".utf8), to: settings)
    let environment = ["LC_ALL=C.UTF-8", "TZ=UTC", "MTOOLSRC=\(settings)"]
    try output(of: "env", arguments: environment + [program, "-i", image.string] + arguments)
  }
}
