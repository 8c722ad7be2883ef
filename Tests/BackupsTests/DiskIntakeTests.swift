import BlockDevices
import Bytes
import Encryption
import Stores
import Synchronization
import TestSupport
import Testing
import Tiers
import Vaults
import Workers

@testable import Backups

@Suite struct DiskIntakeTests {
  private let store = MemoryStore()
  private let bytes: [UInt8]

  init() {
    var random = Seed.ofThisRun.random
    bytes = random.bytes(700_000)
  }

  private func intake(
    _ vault: Vault, _ cancellation: Cancellation = Cancellation()
  ) -> DiskIntake {
    var intake = DiskIntake(
      vault: vault, notices: Notices(), progress: Progress(), cancellation: cancellation)
    intake.workerCount = 2
    return intake
  }

  private func source(_ device: MemoryDevice, _ name: String = "root") -> DiskIntake.Source {
    DiskIntake.Source(name: name, device: device, origin: "memory of \(name)")
  }

  private struct Refusal: Error {}

  @Test("what shall be checked is, once, when every byte was read and before anything is kept")
  func check() throws {
    let vault = try memoryVault(store)
    let device = MemoryDevice(bytes)
    var calls = 0
    let disks = try intake(vault).store([source(device)]) {
      calls += 1
      #expect(device.readCount == bytes.count)
    }
    #expect(calls == 1 && disks.map(\.name) == ["root"])
    #expect(disks[0].source == "memory of root" && disks[0].newBytes == UInt64(bytes.count))
  }

  @Test("a check that throws ends it with what it threw: nothing is kept, and the next is whole")
  func refused() throws {
    let vault = try memoryVault(store)
    #expect(throws: Refusal.self) {
      _ = try intake(vault).store([source(MemoryDevice(bytes))]) { throw Refusal() }
    }
    #expect(try OpenTier(vault.firstTier, notices: Notices()).index.recordCount == 0)
    let disks = try intake(vault).store([source(MemoryDevice(bytes))])
    #expect(disks[0].newBytes == UInt64(bytes.count), "nothing was kept")
    let again = try intake(vault).store([source(MemoryDevice(bytes))])
    #expect(again[0].newBytes == 0 && again[0].root == disks[0].root)
  }

  @Test("a device that fails at any read ends it with the device's own error", arguments: 0..<3)
  func failingDevice(reads: Int) throws {
    let vault = try memoryVault(store)
    let broken = MemoryDevice(bytes, failingAfter: reads)
    var isChecked = false
    #expect(throws: MemoryDevice.Broken.self) {
      _ = try intake(vault).store([source(MemoryDevice(bytes)), source(broken, "data")]) {
        isChecked = true
      }
    }
    #expect(!isChecked && store.paths(in: .points).isEmpty)
    let disks = try intake(vault).store([source(MemoryDevice(bytes))])
    #expect(disks[0].dataBytes == UInt64(bytes.count))
  }

  @Test("several devices are several disks in their order, whatever their sizes")
  func several() throws {
    let vault = try memoryVault(store)
    let contents = [bytes, [], Array(bytes.prefix(5)), [UInt8](repeating: 0, count: 9000)]
    let disks = try intake(vault).store(
      contents.enumerated().map { source(MemoryDevice($1), "disk\($0)") })
    #expect(disks.map(\.name) == ["disk0", "disk1", "disk2", "disk3"])
    #expect(disks.map(\.size) == contents.map { UInt64($0.count) })
    #expect(disks.map(\.dataBytes) == [UInt64(bytes.count), 0, 5, 0])
    #expect(try intake(vault).store([]).isEmpty)
  }

  @Test("a vault whose key is not at hand takes nothing in, and no device is read for it")
  func locked() throws {
    let vault = try memoryVault(store, keys: sampleKeys(), isLocked: true)
    let device = MemoryDevice(bytes)
    #expect(throws: LockedError.self) { _ = try intake(vault).store([source(device)]) }
    #expect(device.readCount == 0 && store.paths(in: .packs).isEmpty)
  }

  @Test("an intake that is stopped keeps what it has stored for the next one, and checks nothing")
  func stopped() throws {
    let vault = try memoryVault(store)
    var random = Seed.ofThisRun.random
    let large = random.bytes(24 << 20)
    let cancellation = Cancellation()
    let device = MemoryDevice(large) { count in if count > 16 << 20 { cancellation.request() } }
    var stopped = intake(vault, cancellation)
    stopped.workerCount = 1
    #expect(throws: Cancelled.self) {
      _ = try stopped.store([source(device)]) { throw Refusal() }
    }
    let disks = try intake(vault).store([source(MemoryDevice(large))])
    // What it had read but not named yet is lost: a batch, and what was not cut.
    #expect(disks[0].newBytes < 16 << 20, "\(Seed.ofThisRun)")
  }
}

/// A disk in memory that counts what is read of it and breaks when it is told to.
private final class MemoryDevice: BlockDevice {
  struct Broken: Error {}

  private let bytes: [UInt8]
  private let readLimit: Int
  private let watch: @Sendable (Int) -> Void
  private let state = Mutex((reads: 0, bytes: 0))

  /// - Parameters:
  ///   - limit: how many reads succeed.
  ///   - watch: told of the bytes that were read, after each read.
  init(
    _ bytes: [UInt8], failingAfter limit: Int = .max,
    watch: @escaping @Sendable (Int) -> Void = { _ in }
  ) {
    self.bytes = bytes
    self.watch = watch
    readLimit = limit
  }

  var readCount: Int { state.withLock { $0.bytes } }
  var byteCount: UInt64 { UInt64(bytes.count) }

  func read(at offset: UInt64, into target: inout MutableRawSpan) throws {
    let count = target.byteCount
    let (reads, read) = state.withLock { state in
      state.reads += 1
      state.bytes += count
      return state
    }
    if reads > readLimit { throw Broken() }
    let part = Array(bytes[Int(offset)..<Int(offset) + count])
    part.span.bytes.copy(into: &target)
    watch(read)
  }

  func nextData(from offset: UInt64) -> Range<UInt64>? {
    offset < byteCount ? offset..<byteCount : nil
  }

  func willNeed(_ range: Range<UInt64>) {}
}
