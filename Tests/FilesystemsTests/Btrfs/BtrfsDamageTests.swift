import BlockDevices
import Bytes
import DiskImages
import Files
import Filesystems
import SystemPackage
import TestSupport
import Testing

/// What is told of file systems that are damaged, incomplete, or of a kind that is not read.
@Suite(.serialized) struct BtrfsDamageTests {
  private func image(
    _ options: String, in directory: TemporaryDirectory, script: String = btrfsSmallTreeScript,
    log: Bool = false
  ) throws -> [UInt8] {
    let images = try BtrfsImages(in: directory.path, megabytes: 256, options: options)
    let copy = directory.appending("copy.img")
    try images.mounted(at: directory.appending("mounted"), options: "commit=300") { top in
      try output(of: "python3", "-c", script, top.string)
      if log { try output(of: "python3", "-c", btrfsSyncScript, top.string) }
      try output(of: "cp", "--sparse=always", images.paths[0].string, copy.string)
    }
    return try readFile(copy)
  }

  private func open(_ bytes: [UInt8]) throws -> BtrfsFileSystem {
    try #require(try BtrfsFileSystem.open(MemoryDevice(bytes)))
  }

  private static let superblock = 64 << 10
  private static let copy = 64 << 20
  private static let copyWarning = "which does not know what was synced since the last commit"

  private func seal(_ bytes: inout [UInt8], at place: Int, count: Int = 4096) {
    let covered = Array(bytes[place + 0x20..<place + count])
    bytes.put(~CyclicChecksum.castagnoli.updating(.max, with: covered.span.bytes), at: place)
  }

  @Test func `a superblock that is damaged or gone is replaced by its copy`() throws {
    guard canMountBtrfs() else { return }
    let bytes = try image("", in: TemporaryDirectory(isInMemory: true))
    var damaged = bytes
    damaged[Self.superblock + 0x100] ^= 1
    #expect(
      try open(damaged).state.warnings
        == [
          "the superblock is damaged (the checksum does not match); a copy was read, "
            + Self.copyWarning
        ])
    #expect(try open(damaged).bytes("/f1") == open(bytes).bytes("/f1"))
    var gone = bytes
    gone.fill(0..<1 << 20, with: 0)
    #expect(try BtrfsFileSystem.open(MemoryDevice(gone)) == nil)
    let found = try #require(try openFileSystemByCopies(on: MemoryDevice(gone)))
    #expect(
      found.state.warnings == ["the superblock is gone; a copy was read, " + Self.copyWarning])
    #expect(try found.bytes("/f1") == open(bytes).bytes("/f1"))
    gone.fill(Self.copy..<Self.copy + 4096, with: 0)
    #expect(try openFileSystemByCopies(on: MemoryDevice(gone)) == nil)
    damaged[Self.copy + 0x100] ^= 1
    #expect(
      complaint { _ = try open(damaged) } == "btrfs: the superblock: the checksum does not match")
  }

  @Test func `features that are not read are named`() throws {
    guard canMountBtrfs() else { return }
    var bytes = try image("", in: TemporaryDirectory(isInMemory: true))
    let names = [
      12: "zoned", 13: "extent-tree-v2", 14: "raid-stripe-tree",
      40: "incompatible feature 0x10000000000",
    ]
    let place = Self.superblock + 0xBC
    let features: UInt64 = bytes.number(at: place)
    for (bit, name) in names {
      bytes.put(features | 1 << UInt64(bit), at: place)
      seal(&bytes, at: Self.superblock)
      let text = complaint { _ = try open(bytes) }
      #expect(text == "btrfs: the superblock: \(name): this is not read here")
    }
    // How free space and block groups are kept is of no matter to a reader.
    bytes.put(features, at: place)
    bytes.put(UInt64.max, at: Self.superblock + 0xB4)
    seal(&bytes, at: Self.superblock)
    #expect(try !open(bytes).bytes("/f1").isEmpty)
  }

  @Test func `a node or a sector that is damaged is read from its other copy, else refused`() throws
  {
    guard canMountBtrfs() else { return }
    let bytes = try image("-m dup -d dup", in: TemporaryDirectory(isInMemory: true))
    let large = try open(bytes).bytes("/large")
    let places = try structures(of: bytes) { try BtrfsFileSystem.open($0) }
      .filter { $0.lowerBound != Self.superblock }
    var damaged = bytes
    for place in places { damaged[place.lowerBound + 0x70] ^= 1 }
    let content = try open(bytes).content(of: open(bytes).item("/large"))
    guard case .volume(let first) = try content.extent(at: 0).storage else {
      Issue.record("not stored as it is")
      return
    }
    damaged[Int(first) + 5000] ^= 1
    #expect(try open(damaged).bytes("/large") == large)
    // The other copy lies elsewhere with the same bytes.
    let sector = Array(bytes[Int(first) + 4096..<Int(first) + 8192])
    let second = try #require(
      stride(from: 0, to: bytes.count, by: 4096).first {
        $0 != Int(first) + 4096 && Array(bytes[$0..<$0 + 4096]) == sector
      })
    damaged[second] ^= 1
    let text = complaint { _ = try open(damaged).bytes("/large") }
    #expect(text.contains("inode") && text.contains("the checksum does not match"), "\(text)")
  }

  @Test func `a log that is damaged is told, and the last commit shown`() throws {
    guard canMountBtrfs() else { return }
    var bytes = try image("-m single", in: TemporaryDirectory(isInMemory: true), log: true)
    let whole = try open(bytes)
    guard case .synced(let count, let time) = whole.state.journal else {
      Issue.record("\(whole.state.sentence)")
      return
    }
    #expect(count > 5)
    #expect(time != nil)
    #expect(try whole.bytes("/d/new") == Array(String(repeating: "new ", count: 3000).utf8))
    bytes.put(UInt64(1 << 40), at: Self.superblock + 0x60)
    seal(&bytes, at: Self.superblock)
    let before = try open(bytes)
    #expect(before.state.sentence.hasPrefix("journal not replayed: btrfs: "))
    #expect(try before.names(in: before.item("/d")).contains("name 3"))
    #expect(try !whole.names(in: whole.item("/d")).contains("name 3"))
  }

  @Test func `a device that is missing is named, and what is elsewhere is read`() throws {
    guard canMountBtrfs() else { return }
    let directory = try TemporaryDirectory(isInMemory: true)
    let place = directory.appending("mounted")
    for (options, count, isEnough) in [
      ("-d raid1 -m raid1", 2, true), ("-d raid0 -m raid1", 2, false),
      ("-d raid10 -m raid10", 4, true), ("-d single -m raid1", 2, false),
    ] {
      let images = try BtrfsImages(
        in: directory.path, count: count, megabytes: 256, options: options)
      try images.mounted(at: place) { top in
        try output(of: "python3", "-c", btrfsSmallTreeScript, top.string)
        for index in 0..<6 {
          try writeFile(
            SeededRandom(seed: 5).copied { $0.bytes(900_000) },
            to: FilePath("\(top)/more\(index)"), sparse: false)
        }
      }
      let whole = TreeListing(try images.open(), tellsAccess: false)
      #expect(whole.errors.isEmpty)
      let fileSystem = try images.open(without: [1])
      let warning = try #require(fileSystem.state.warnings.first)
      #expect(warning.hasPrefix("device 2 (") && warning.hasSuffix(") is missing"))
      let found = TreeListing(fileSystem, tellsAccess: false)
      if isEnough {
        #expect(differences(found.lines, whole.lines) == [])
      } else {
        #expect(!found.errors.isEmpty)
        #expect(found.errors.values.allSatisfy { $0.contains("device 2 (") }, "\(found.errors)")
      }
    }
  }

  @Test func `a device that was left behind is not used`() throws {
    guard canMountBtrfs() else { return }
    let directory = try TemporaryDirectory(isInMemory: true)
    let place = directory.appending("mounted")
    let images = try BtrfsImages(
      in: directory.path, count: 2, megabytes: 256, options: "-d raid1 -m raid1")
    try images.mounted(at: place) { try write("old", to: "\($0)/file") }
    let kept = directory.appending("kept")
    try output(of: "cp", "--sparse=always", images.paths[1].string, kept.string)
    for round in 0..<3 {
      try images.mounted(at: place) { try write("new \(round)", to: "\($0)/file") }
    }
    try output(of: "cp", "--sparse=always", kept.string, images.paths[1].string)
    for first in 0..<2 {
      let fileSystem = try images.open(first: first)
      #expect(String(decoding: try fileSystem.bytes("/file"), as: UTF8.self) == "new 2")
      #expect(fileSystem.state.warnings.first?.hasPrefix("device 2 was left behind") ?? false)
    }
  }

  @Test func `an older copy of a disk beside it is another file system`() throws {
    guard canMountBtrfs() else { return }
    let directory = try TemporaryDirectory(isInMemory: true)
    let place = directory.appending("mounted")
    let images = try BtrfsImages(in: directory.path, megabytes: 128, options: "")
    try images.mounted(at: place) { try write("old", to: "\($0)/file") }
    let kept = directory.appending("kept")
    try output(of: "cp", "--sparse=always", images.paths[0].string, kept.string)
    try images.mounted(at: place) { try write("new", to: "\($0)/file") }
    for (first, text) in [(0, "new"), (1, "old")] {
      let found = try BtrfsImages([images.paths[0], kept]).open(first: first)
      #expect(String(decoding: try found.bytes("/file"), as: UTF8.self) == text)
      #expect(found.state == FileSystemState())
      #expect(found.memberIndices == [])
    }
  }

  @Test func `no flipped bit is ever shown`() throws {
    guard canMountBtrfs() else { return }
    let bytes = try image("-m single", in: TemporaryDirectory(isInMemory: true), log: true)
    let device = RecordingDevice(bytes)
    let whole = TreeListing(try #require(try BtrfsFileSystem.open(device)), tellsAccess: false)
    #expect(whole.errors.isEmpty && whole.lines.count > 30)
    let places = device.ranges.sorted { $0.lowerBound < $1.lowerBound }
    let seed = Seed.ofThisRun
    var random = seed.random
    for _ in 0..<80 {
      let place = places[random.below(places.count)]
      let offset = Int(place.lowerBound) + random.below(place.count)
      var image = PatchedImage(bytes)
      image.put([bytes[offset] ^ 1 << UInt8(random.below(8))], at: offset)
      guard let found = try? BtrfsFileSystem.open(PatchedDevice(image)) else { continue }
      if case .notReplayed = found.state.journal { continue }
      if place.lowerBound == Self.superblock { continue }
      let listing = TreeListing(found, tellsAccess: false)
      let wrong = listing.lines.filter { path, line in
        line != whole.lines[path] && !line.contains("ERROR")
      }
      #expect(wrong.isEmpty, "byte \(offset), \(seed)")
      #expect(!listing.errors.isEmpty || listing.lines == whole.lines, "byte \(offset), \(seed)")
    }
  }

  private func write(_ text: String, to path: String) throws {
    try writeFile(Array(text.utf8), to: FilePath(path), sparse: false)
  }
}

extension SeededRandom {
  fileprivate func copied<Value>(_ body: (inout SeededRandom) -> Value) -> Value {
    var copy = self
    return body(&copy)
  }
}
