import DiskImages
import Files
import SystemPackage
import TestSupport
import Testing

/// Whether what an image says of other files is believed.
@Suite(.enabled(if: hasQemu)) struct ImageTrustTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
    try makeDirectory(directory.appending("images"))
    try writeFile([UInt8](repeating: 7, count: 65_536), to: directory.appending("secret"))
    try writeFile([UInt8](repeating: 5, count: 65_536), to: image("base.img"))
  }

  private func image(_ name: String) -> FilePath { directory.appending("images/\(name)") }

  private func make(_ name: String, over below: String, format: String? = "raw") throws {
    let path = image(name).string
    var command = ["create", "-q", "-u", "-f", "qcow2", "-b", below]
    if let format { command += ["-F", format] }
    try output(of: "qemu-img", arguments: command + [path, "65536"])
  }

  @Test("an image that was only looked at leads to no file of another directory")
  func elsewhere() throws {
    for name in ["../secret", directory.appending("secret").string, "link.img"] {
      try run(
        FilePath("/usr/bin/env"), ["ln", "-sf", "../secret", image("link.img").string])
      try make("disk.qcow2", over: name)
      expectError("say qcow2:") { _ = try DiskImage(opening: image("disk.qcow2")) }
      let told = try DiskImage(opening: image("disk.qcow2"), as: .qcow2)
      #expect(try read(told).allSatisfy { $0 == 7 })
    }
  }

  @Test("nor to one beside it, unless its own name says what it is")
  func beside() throws {
    for name in ["disk.img", "disk", "disk.raw"] {
      try make(name, over: "base.img")
      expectError("looks like a qcow2 image over 'base.img'") {
        _ = try DiskImage(opening: image(name))
      }
      #expect(try read(DiskImage(opening: image(name), as: .qcow2)).allSatisfy { $0 == 5 })
    }
    try make("disk.qcow2", over: "base.img")
    #expect(try read(DiskImage(opening: image("disk.qcow2"))).allSatisfy { $0 == 5 })
  }

  @Test("a disk that is told to be raw is the file itself, whatever a machine wrote into it")
  func raw() throws {
    try make("disk.qcow2", over: "../secret")
    let bytes = try readFile(image("disk.qcow2"))
    let disk = try DiskImage(opening: image("disk.qcow2"), as: .raw)
    #expect(disk.format == .raw)
    expectSame(try read(disk), bytes)
  }

  @Test("what a raw disk below an overlay looks like leads nowhere, either")
  func below() throws {
    try make("base.qcow2", over: "../secret")
    let planted = try readFile(image("base.qcow2"))
    try run(
      FilePath("/usr/bin/env"),
      ["mv", image("base.qcow2").string, image("planted.img").string])
    try make("told.qcow2", over: "planted.img", format: "raw")
    let disk = try DiskImage(opening: image("told.qcow2"))
    expectSame(Array(try read(disk).prefix(512)), Array(planted.prefix(512)))
    // An overlay from before formats were recorded.
    try output(
      of: "qemu-img", "rebase", "-q", "-u", "-f", "qcow2", "-b", "", image("told.qcow2").string)
    try patch("told.qcow2", backing: "planted.img")
    expectError("looks like a qcow2 image over '../secret'") {
      _ = try DiskImage(opening: image("told.qcow2"), as: .qcow2)
    }
  }

  @Test("a data file is a file like any other")
  func dataFile() throws {
    let path = image("disk.qcow2").string
    let data = directory.appending("data").string
    try output(
      of: "qemu-img", "create", "-q", "-f", "qcow2", "-o", "data_file=\(data)", path, "65536")
    expectError("say qcow2:") { _ = try DiskImage(opening: FilePath(path)) }
    #expect(try DiskImage(opening: FilePath(path), as: .qcow2).byteCount == 65_536)
  }

  @Test("what is told and is not so is refused")
  func otherwise() throws {
    expectError("is to be qcow2, and is not") {
      _ = try DiskImage(opening: image("base.img"), as: .qcow2)
    }
    expectError("is to be vhd-fixed, and is not") {
      _ = try DiskImage(opening: image("base.img"), as: .fixedVHD)
    }
    try make("a.qcow2", over: "base.img", format: "qcow2")
    expectError("base.img is to be qcow2, and is not") {
      _ = try DiskImage(opening: image("a.qcow2"), as: .qcow2)
    }
  }

  @Test("images over each other, over nothing and over what is no file are refused")
  func impossible() throws {
    try make("a.qcow2", over: "b.qcow2", format: "qcow2")
    try make("b.qcow2", over: "a.qcow2", format: "qcow2")
    expectError("made over itself") { _ = try DiskImage(opening: image("a.qcow2")) }
    try make("c.qcow2", over: "c.qcow2", format: "qcow2")
    expectError("made over itself") { _ = try DiskImage(opening: image("c.qcow2")) }
    try make("d.qcow2", over: "gone.img")
    expectError("gone.img, which") { _ = try DiskImage(opening: image("d.qcow2")) }
    for name in ["nbd://host/disk", "json:{}", "ssh://host/disk.img"] {
      try patch("d.qcow2", backing: name)
      expectError("which is no file's name") { _ = try DiskImage(opening: image("d.qcow2")) }
    }
    try make("e.qcow2", over: "base.img", format: "qed")
    expectError("format 'qed'") { _ = try DiskImage(opening: image("e.qcow2")) }
  }

  @Test("a chain may be long, and not without end")
  func long() throws {
    try make("0.qcow2", over: "base.img")
    for level in 1...205 {
      let head = try readFile(image("0.qcow2"))
      try writeFile(head, to: image("\(level).qcow2"))
      try patch("\(level).qcow2", backing: "\(level - 1).qcow2", format: "qcow2")
    }
    #expect(try read(DiskImage(opening: image("190.qcow2"))).allSatisfy { $0 == 5 })
    expectError("more than 200 others") { _ = try DiskImage(opening: image("205.qcow2")) }
  }

  /// Writes a name into a header, whatever qemu-img would say of it.
  private func patch(_ name: String, backing: String, format: String? = nil) throws {
    var bytes = try readFile(image(name))
    let header = Int(bytes[103])
    let known = format.map { Array($0.utf8) } ?? []
    var tail: [UInt8] = []
    if !known.isEmpty {
      tail += [0xE2, 0x79, 0x2A, 0xCA, 0, 0, 0, UInt8(known.count)] + known
      tail += [UInt8](repeating: 0, count: (8 - known.count % 8) % 8)
    }
    tail += [UInt8](repeating: 0, count: 8)
    let place = header + tail.count
    tail += Array(backing.utf8)
    bytes.replaceSubrange(header..<header + tail.count, with: tail)
    bytes.replaceSubrange(8..<20, with: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    (bytes[14], bytes[15]) = (UInt8(place >> 8), UInt8(place & 255))
    bytes[19] = UInt8(backing.utf8.count)
    try overwriteFile(image(name), with: bytes)
  }
}
