import Filesystems
import TestSupport
import Testing

/// Against what ntfs-3g showed of images that it filled.
@Suite struct NTFSStoredTests {
  @Test(arguments: StoredImage.ntfs)
  func `an image is read as ntfs-3g shows it`(_ stored: StoredImage) throws {
    let fileSystem = try openImage(stored.bytes())
    #expect(fileSystem.typeName == "ntfs")
    #expect(fileSystem.state == FileSystemState())
    let ours = TreeListing(fileSystem, tellsAccess: false)
    #expect(ours.errors.isEmpty, "\(ours.errors.prefix(3))")
    let shown = comparable(linesByPath(try stored.listing()))
    // What ntfs-3g has no plug-in for here, shows from where it is mounted, or counts otherwise.
    let otherwise = ["/app", "/junction", "/read-only", "/short\\x20name.text"]
    let isAlike = { (path: String, _: String) in
      path.hasPrefix("/overlay/plain") || !path.hasPrefix("/overlay/") && !otherwise.contains(path)
    }
    #expect(
      differences(
        withoutMode(comparable(ours.lines)).filter(isAlike), withoutMode(shown).filter(isAlike)
      ).isEmpty)
    #expect(ours.lines.count == shown.count)
    #expect(try fileSystem.target(ofSymbolicLink: fileSystem.item("junction")) == "/d1")
    #expect(try fileSystem.bytes("app").isEmpty)
    #expect(try fileSystem.attributes(of: fileSystem.item("read-only")).permissions == 0o555)
    #expect(try fileSystem.attributes(of: fileSystem.item("short name.text")).linkCount == 1)
    for name in ["pipe", "char", "block", "sock"] {
      #expect(try fileSystem.attributes(of: fileSystem.item(name)).permissions == 0o644)
    }
  }

  /// Of what is made on Linux, which has its own mode here, and to ntfs-3g that of its mount.
  private func withoutMode(_ lines: [String: String]) -> [String: String] {
    lines.mapValues { line in
      guard ["p", "s", "c", "b"].contains(line.prefix(1)) else { return line }
      let fields = line.split(separator: " ", omittingEmptySubsequences: false)
      return ([fields[0]] + fields[2...]).joined(separator: " ")
    }
  }

  @Test(arguments: StoredImage.ntfs)
  func `what the overlay filter compressed is as the plain file beside it`(
    _ stored: StoredImage
  ) throws {
    let fileSystem = try openImage(stored.bytes())
    for name in ["xpress 4096", "xpress 8192", "xpress 16384", "lzx 32768"] {
      let plain = try fileSystem.bytes("overlay/plain of \(name)")
      let file = try fileSystem.item("overlay/\(name)")
      let attributes = try fileSystem.attributes(of: file)
      #expect(attributes.kind == .regular)
      #expect(attributes.byteCount == UInt64(plain.count))
      #expect(attributes.allocatedByteCount < attributes.byteCount / 2)
      #expect(try fileSystem.namedStreams(of: file).isEmpty)
      let content = try fileSystem.content(of: file)
      #expect(try content.bytes(limit: 1 << 20) == plain)
      var random = Seed.ofThisRun.random
      for _ in 0..<100 {
        let start = random.below(plain.count)
        let count = 1 + random.below(min(plain.count - start, 40_000))
        let read = try content.bytes(at: UInt64(start), count: count)
        #expect(read[...] == plain[start..<start + count], "\(Seed.ofThisRun)")
      }
    }
  }

  @Test func `compressed files give the same bytes from anywhere`() throws {
    for stored in StoredImage.ntfs {
      let fileSystem = try openImage(stored.bytes())
      let content = try fileSystem.content(of: fileSystem.item("compressed/mixed"))
      let whole = try content.bytes(limit: 1 << 20)
      var kinds: Set<String> = []
      var offset: UInt64 = 0
      while offset < content.byteCount {
        let extent = try content.extent(at: offset)
        kinds.insert("\(extent.storage)".prefix(6).description)
        offset += extent.byteCount
      }
      #expect(kinds == ["zeros", "volume", "encode"])
      var random = Seed.ofThisRun.random
      for _ in 0..<100 {
        let start = random.below(whole.count)
        let count = 1 + random.below(min(whole.count - start, 200_000))
        let read = try content.bytes(at: UInt64(start), count: count)
        #expect(read[...] == whole[start..<start + count], "\(Seed.ofThisRun)")
      }
    }
  }

  @Test(arguments: StoredImage.ntfs)
  func `names are found by a few blocks, in any case, and short ones too`(
    _ stored: StoredImage
  ) throws {
    let bytes = try stored.bytes()
    let whole = try openImage(bytes)
    for directory in ["", "some", "many", "names", "d1"] {
      let item = try whole.item(directory)
      var entries: [FileName: ItemID] = [:]
      try whole.forEachEntry(of: item) {
        entries[$0.name] = $0.item
        return true
      }
      for (name, child) in entries {
        #expect(try whole.entry(named: name, in: item)?.item == child)
        let upper = FileName(name.description.uppercased())
        if directory != "" { #expect(try whole.entry(named: upper, in: item)?.item == child) }
      }
      #expect(try whole.entry(named: "nobody", in: item) == nil)
    }
    #expect(try whole.entry(named: "case", in: whole.root)?.name == "case")
    #expect(try whole.entry(named: "Case", in: whole.root)?.name == "Case")
    #expect(try whole.entry(named: "CASE", in: whole.root) != nil)
    #expect(try whole.entry(named: "SHORTN~1.txt", in: whole.root)?.name == "short name.text")
    #expect(try whole.entry(named: "$MFT", in: whole.root)?.item.number != nil)
    #expect(try whole.names(in: whole.root).allSatisfy { !$0.hasPrefix("$") && $0 != "." })
    let recorder = RecordingDevice(bytes)
    let fileSystem = try #require(try NTFSFileSystem.open(recorder))
    let many = try fileSystem.item("many")
    let before = recorder.ranges.count
    #expect(try fileSystem.entry(named: "many number 701", in: many) != nil)
    #expect(recorder.ranges.count - before < 8)
  }

  @Test func `streams are named, read, and attributes where Linux has room for them`() throws {
    let fileSystem = try openImage(StoredImage.ntfs[0].bytes())
    let file = try fileSystem.item("streams")
    let streams = try fileSystem.namedStreams(of: file)
    #expect(streams.count == 60)
    #expect(streams.allSatisfy { $0.isAttribute })
    let content = try fileSystem.content(ofStream: "stream 12", of: file)
    #expect(try content.bytes(limit: 1000) == Array(String(repeating: "12", count: 108).utf8))
    expectError(.damaged, naming: "no stream") {
      _ = try fileSystem.content(ofStream: "other", of: file)
    }
  }
}

extension FileContent {
  /// A part of a file.
  func bytes(at offset: UInt64, count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0xEE, count: count)
    var span = bytes.mutableSpan
    var target = span.mutableBytes
    try read(at: offset, into: &target)
    return bytes
  }
}
