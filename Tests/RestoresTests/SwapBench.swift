import Files
import SystemPackage
import TestSupport
import Testing
import Vaults

@testable import Restores

/// The files of a machine whose in-place restore was stopped, made by hand.
struct SwapBench {
  /// How far one disk is in a swap.
  enum Place: CaseIterable { case untouched, aside, done }

  struct Disk {
    let swap: SwapJournal.Swap
    /// What was there; nil where nothing was.
    let old: String?
    let new: String
  }

  let directory: TemporaryDirectory
  let disks: [Disk]

  init(_ shape: [(folder: String, existed: Bool)]) throws {
    let directory = try TemporaryDirectory()
    self.directory = directory
    disks = shape.enumerated().map { number, disk in
      let folder = directory.appending(disk.folder)
      let swap = SwapJournal.Swap(
        name: "disk\(number)", path: folder.appending("\(number).img").string,
        new: folder.appending(".\(number).img.kluis-new-\(number)").string,
        replaced: folder.appending("\(number).img.replaced-2026-11-22T10:00:00Z").string)
      return Disk(swap: swap, old: disk.existed ? "old \(number)" : nil, new: "new \(number)")
    }
    for folder in ["a", "b", "c"] { try makeDirectory(directory.appending(folder)) }
  }

  var path: FilePath {
    SwapJournal.path(of: "m", in: parent(of: FilePath(disks[0].swap.path)))
  }

  var places: [FilePath] { disks.map { FilePath($0.swap.path) } }

  func journal(_ state: SwapJournal.State) -> SwapJournal {
    SwapJournal(
      machine: "m", point: "m@2026-11-22T09:00:00Z-0001",
      started: Timestamp(secondsSince1970: 1_700_000_000), state: state, disks: disks.map(\.swap))
  }

  /// All files when the disks are the old ones.
  var old: [String: String] {
    var files: [String: String] = [:]
    for disk in disks { files[name(disk.swap.path)] = disk.old }
    return files
  }

  /// All files when the disks are the new ones.
  var new: [String: String] {
    var files: [String: String] = [:]
    for disk in disks {
      files[name(disk.swap.path)] = disk.new
      files[name(disk.swap.replaced!)] = disk.old
    }
    return files
  }

  /// Every way in which disks can be on their way, in any order: a loss of power may keep a later
  /// step and lose an earlier one.
  var combinations: [[Place]] {
    disks.reduce([[]]) { ways, disk in
      let places = disk.old == nil ? [.untouched, .done] : Place.allCases
      return ways.flatMap { way in places.map { way + [$0] } }
    }
  }

  func arrangeOld() throws { try arrange(disks.map { _ in .untouched }, built: false) }

  /// Leaves these files and no others.
  func arrange(_ places: [Place], built: Bool = true) throws {
    for file in try files().keys { try removeFile(directory.appending(file)) }
    for (disk, place) in zip(disks, places) {
      let isDone = place == .done
      if built { try put(disk.new, at: isDone ? disk.swap.path : disk.swap.new) }
      guard let old = disk.old else { continue }
      try put(old, at: place == .untouched ? disk.swap.path : disk.swap.replaced!)
    }
  }

  /// Leaves a journal that nobody holds.
  func place(_ state: SwapJournal.State) throws {
    try writeFile(CheckedDocument.encode(journal(state)), to: path)
  }

  /// A swap that was stopped in its midst.
  /// - Returns: the journal's bytes.
  func stopped() throws -> [UInt8] {
    try arrange(disks.indices.map { Place.allCases[$0 % 3] })
    try place(.swapping)
    return try readFile(path)
  }

  /// Does what `kluis recover` does.
  func recover(
    to outcome: SwapJournal.Outcome, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let found = try #require(
      try SwapJournal.find(of: "m", beside: places), sourceLocation: sourceLocation)
    #expect(found.path == path, sourceLocation: sourceLocation)
    let ended = try found.journal.recover(at: found.path)
    #expect(ended == outcome, sourceLocation: sourceLocation)
  }

  func put(_ text: String, at path: String) throws {
    try writeFile(Array(text.utf8), to: FilePath(path))
  }

  /// A path as ``files()`` has it.
  func name(_ path: String) -> String { String(path.dropFirst(directory.path.string.count + 1)) }

  /// Every file and what is in it.
  func files() throws -> [String: String] {
    var files: [String: String] = [:]
    for folder in ["a", "b", "c"] {
      for name in try directoryEntries(directory.appending(folder)) ?? [] {
        let bytes = try readFile(directory.appending("\(folder)/\(name)"))
        files["\(folder)/\(name)"] = String(decoding: bytes, as: UTF8.self)
      }
    }
    return files
  }
}
