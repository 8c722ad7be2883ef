import Files
import Glibc
import SystemPackage
import TestSupport
import Testing
import Vaults
import Workers

@testable import Backups

@Suite struct FingerprintAgingTests {
  private let bench: BackupBench
  private let cache: FilePath
  private var own: FilePath { cache.appending(bench.vault.descriptor.id) }
  private let gone = String(repeating: "a", count: 32)

  init() throws {
    bench = try BackupBench()
    cache = bench.directory.appending("cache")
    try writeFile([UInt8](repeating: 7, count: 100_000), to: bench.image("root"))
  }

  private func make(_ path: FilePath, daysOld: Int) throws {
    try makeDirectory(parent(of: path))
    try writeFile([1], to: path)
    let time = timeval(tv_sec: time(nil) - daysOld * 86_400, tv_usec: 0)
    try #require(utimes(path.string, [time, time]) == 0)
  }

  private func backUp() throws {
    _ = try bench.backUp(["root"], fingerprints: own)
  }

  @Test func `what was not used for 90 days is removed at the end of a backup, of all vaults`()
    throws
  {
    let name = String(repeating: "0", count: 32) + ".fingerprints"
    try make(own.appending(name), daysOld: 91)
    try make(own.appending(name + ".part"), daysOld: 91)
    try make(cache.appending(gone).appending(name), daysOld: 400)
    let recent = String(repeating: "b", count: 32)
    try make(cache.appending(recent).appending(name), daysOld: 89)
    try backUp()
    #expect(
      try directoryEntries(cache) == [bench.vault.descriptor.id, recent].sorted())
    let kept = try directoryEntries(own) ?? []
    #expect(kept.count == 1 && kept.first != name, "the disk's own file alone: \(kept)")
    #expect(try directoryEntries(cache.appending(recent)) == [name])
  }

  @Test func `what is no fingerprint file stays, however old it is`() throws {
    let others = ["photos/cat.fingerprints", "\(gone)/notes.txt", "\(gone)/cat.fingerprints"]
    for other in others { try make(cache.appending(other), daysOld: 1000) }
    let outside = bench.directory.appending("outside")
    try make(outside, daysOld: 1000)
    let link = cache.appending("\(gone)/\(gone).fingerprints")
    symlink(outside.string, link.string)
    try backUp()
    for other in others { #expect(try fileStatus(cache.appending(other)) != nil, "\(other)") }
    #expect(try fileStatus(outside) != nil)
  }

  @Test func `backups at once do not disturb one another`() throws {
    let cache = cache
    for number in 100..<400 {
      let name = String(repeating: "0", count: 29) + "\(number).fingerprints"
      try make(cache.appending(gone).appending(name), daysOld: 91)
    }
    try runWorkers(count: 4) { _ in FingerprintAging(cache: cache).removeUnused() }
    #expect(try directoryEntries(cache) == [])
    try backUp()
    #expect(try directoryEntries(cache) == [bench.vault.descriptor.id])
  }
}
