import Bytes
import Hashing
import Stores
import TestSupport
import Testing

@testable import Packs

@Suite struct WholePackTests {
  private let store = MemoryStore(name: "shelf")
  private let sample: SamplePack

  init() {
    var random = Seed.ofThisRun.random
    sample = SamplePack([
      random.bytes(1), random.bytes(70_000), repeated([1, 2, 3], 40_000), random.bytes(800_000),
    ])
  }

  private func load() throws(PackError) -> SealedPack {
    var digester = Digester()
    return try SealedPack.load(
      sample.id, from: store, pool: PackWriter.makeBufferPool(), digester: &digester)
  }

  private func expectDamage(_ text: String, _ bytes: [UInt8]?) {
    store.drop(.pack(sample.id))
    if let bytes { store.place(bytes, at: .pack(sample.id)) }
    do {
      _ = try load()
      Issue.record("it was loaded, not \"\(text)\"")
    } catch {
      #expect("\(error)".contains(text))
      #expect("\(error)".contains("\(sample.id)") && "\(error)".contains("shelf"))
    }
  }

  @Test("a whole pack that is loaded is the one that was sealed, byte for byte and entry for entry")
  func good() throws {
    store.place(sample.bytes, at: .pack(sample.id))
    let pack = try load()
    #expect(pack.id == sample.id && pack.entries == sample.entries)
    expectSame(pack.withBytes { [UInt8]($0) }, sample.bytes)
  }

  @Test("a pack that is not what its name says is refused, whatever is wrong with it")
  func bad() {
    var flipped = sample.bytes
    flipped[sample.bytes.count / 2] ^= 1
    var lastByte = sample.bytes
    lastByte[lastByte.count - 1] ^= 0x80
    expectDamage("its digest is wrong", flipped)
    expectDamage("its digest is wrong", lastByte)
    expectDamage("its digest is wrong", Array(sample.bytes.dropLast()))
    expectDamage("its digest is wrong", Array(sample.bytes.prefix(10)))
    expectDamage("its digest is wrong", sample.bytes + [0])
    expectDamage("its digest is wrong", [])
    expectDamage("is missing", nil)
  }

  @Test("a file that is larger than any pack is refused unread")
  func large() {
    let count = PackFormat.maximumByteCount + 8192
    expectDamage("no pack has \(count) bytes", [UInt8](repeating: 0, count: count))
    #expect(store.count(of: .read) == 0)
  }

  @Test("bytes with the right name and no directory are damaged, not a pack")
  func nameless() {
    for bytes in [Array("KLUISPCK".utf8), Array(sample.bytes.prefix(5000)), []] {
      var digester = Digester()
      let id = PackID(digester.digest(bytes.span.bytes))
      store.place(bytes, at: .pack(id))
      #expect(throws: PackError.self) {
        _ = try SealedPack.load(
          id, from: store, pool: PackWriter.makeBufferPool(), digester: &digester)
      }
    }
  }

  @Test("a pack put together from its records alone is the pack that was written, byte for byte")
  func assembly() {
    var digester = Digester()
    let last = sample.entries.last!
    let end = Int(last.offset) + last.recordByteCount
    var records = [UInt8](repeating: 0xEE, count: PackFormat.headerByteCount)
    records += sample.bytes[PackFormat.headerByteCount..<end]
    for rest in [[], [UInt8](repeating: 0xEE, count: 500)] {
      let made = PackFormat.assemble(
        records: records + rest, entries: sample.entries, digester: &digester)
      expectSame(made, sample.bytes)
    }
  }
}
