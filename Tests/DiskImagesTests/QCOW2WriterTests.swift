import BlockDevices
import Bytes
import DiskImages
import Files
import SystemPackage
import TestSupport
import Testing

/// qcow2 images that Kluis makes, as qemu-img judges them.
@Suite(.enabled(if: hasQemu)) struct QCOW2WriterTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test(
    "a disk written in pieces, in any order and from several threads, is that disk to qemu-img",
    arguments: [0, 512, 65_536, 1_000_448, 20 << 20, (70 << 20) + 512])
  func pieces(byteCount: Int) async throws {
    var random = Seed.ofThisRun.random
    let model = DiskModel(byteCount: byteCount, runs: 40, random: &random)
    let path = directory.appending("a.qcow2")
    let file = Held(try File.create(path))
    let writer = QCOW2Writer(diskByteCount: UInt64(byteCount))
    var pieces: [Range<Int>] = []
    var start = 0
    while start < byteCount {
      let end = min(byteCount, start + (1 + random.below(60)) * 4096)
      if model.bytes[start..<end].contains(where: { $0 != 0 }) { pieces.append(start..<end) }
      start = end
    }
    pieces.shuffle(using: &random)
    let (mine, others) = (pieces, model.bytes)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for thread in 0..<3 {
        group.addTask {
          for number in stride(from: thread, to: mine.count, by: 3) {
            let bytes = Array(others[mine[number]])
            let offset = UInt64(mine[number].lowerBound)
            try writer.write(bytes.span.bytes, at: offset, to: file.file)
          }
        }
      }
      try await group.waitForAll()
    }
    try writer.finish(file.file)
    try expect(path, model.bytes)
  }

  @Test("a large disk has many tables and little in them")
  func large() throws {
    let path = directory.appending("a.qcow2")
    let file = try File.create(path)
    let writer = QCOW2Writer(diskByteCount: 20 << 40)
    let block = [UInt8](repeating: 9, count: 4096)
    let places: [UInt64] = [0, 5 << 30, (5 << 30) + 4096, 7 << 40, (20 << 40) - 4096]
    for place in places { try writer.write(block.span.bytes, at: place, to: file) }
    try writer.finish(file)
    try output(of: "qemu-img", "check", path.string)
    let image = try DiskImage(opening: path)
    #expect(image.byteCount == 20 << 40)
    for place in places {
      expectSame(try read(image, place..<place + 4096), block)
      try output(of: "qemu-io", "-f", "qcow2", "-r", "-c", "read -P 9 \(place) 4096", path.string)
    }
    #expect(try image.nextData(from: 4096)?.lowerBound == 5 << 30)
  }

  @Test("counts of references take more than one block where the disk has that much")
  func manyClusters() throws {
    let path = directory.appending("a.qcow2")
    let file = try File.create(path)
    let byteCount: UInt64 = 5 << 30
    let writer = QCOW2Writer(diskByteCount: byteCount)
    let block = [UInt8](repeating: 3, count: 4096)
    // A block of each cluster, so that the file has all of them and the disk little.
    for cluster in 0..<byteCount >> 16 where cluster != 77 {
      try writer.write(block.span.bytes, at: cluster << 16, to: file)
    }
    try writer.finish(file)
    try output(of: "qemu-img", "check", path.string)
    let image = try DiskImage(opening: path)
    for cluster: UInt64 in [0, 76, 78, 40_000, (byteCount >> 16) - 1] {
      expectSame(try read(image, cluster << 16..<(cluster << 16) + 4096), block)
    }
    #expect(try read(image, 77 << 16..<78 << 16).allSatisfy { $0 == 0 })
  }

  /// A file for several threads.
  private final class Held: Sendable {
    let file: File
    init(_ file: consuming File) { self.file = file }
  }

  private func expect(_ path: FilePath, _ bytes: [UInt8]) throws {
    try output(of: "qemu-img", "check", path.string)
    let found = try convertedByQemu(path, format: "qcow2", in: directory.path)
    expectSame(found, bytes, "\(Seed.ofThisRun)")
    expectSame(try read(DiskImage(opening: path)), bytes, "\(Seed.ofThisRun)")
  }
}
