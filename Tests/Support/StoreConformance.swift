internal import Bytes
package import Hashing
package import Stores
internal import Testing

/// What every ``Store`` has to do, whatever it is made of.
package enum StoreConformance: String, CaseIterable, Sendable {
  case givesBackWhatWasPut, readsRanges, refusesToReadPastTheEnd, knowsWhatIsMissing
  case replacesAtOnce, listsFolders, deletesAndForgets, keepsEmptyObjects, maps, limitsReadAll
  case servesSeveralPathsInAFolder

  package func check(_ store: any Store) throws {
    switch self {
    case .givesBackWhatWasPut:
      try put(store, [1, 2, 3], some(1))
      #expect(try store.readAll(some(1), limit: 3) == [1, 2, 3])
      #expect(try store.byteCount(of: some(1)) == 3)
    case .readsRanges:
      try put(store, Array(0..<100), some(1))
      for range: Range<UInt64> in [0..<100, 50..<1_000_000, 7..<7] {
        store.willNeed(some(1), range)
      }
      #expect(try read(store, some(1), 10, 5) == [10, 11, 12, 13, 14])
      #expect(try read(store, some(1), 99, 1) == [99])
      #expect(try read(store, some(1), 100, 0) == [])
    case .refusesToReadPastTheEnd:
      try put(store, Array(0..<100), some(1))
      for (offset, count) in [(96, 5), (100, 1), (1000, 1), (0, 101)] {
        #expect(kind { _ = try read(store, some(1), UInt64(offset), count) } == .truncated)
      }
    case .knowsWhatIsMissing:
      #expect(try store.byteCount(of: some(9)) == nil)
      #expect(kind { _ = try read(store, some(9), 0, 1) } == .missing)
      #expect(kind { _ = try store.map(some(9)) } == .missing)
      #expect(kind { _ = try store.readAll(some(9), limit: 9) } == .missing)
      try store.delete(some(9))
      store.willNeed(some(9), 0..<10)
    case .replacesAtOnce:
      try put(store, [1, 2, 3], .descriptor)
      _ = try read(store, .descriptor, 0, 3)
      try put(store, [4, 5, 6, 7], .descriptor)
      #expect(try store.readAll(.descriptor, limit: 100) == [4, 5, 6, 7])
    case .listsFolders: try checkLists(store)
    case .deletesAndForgets:
      try put(store, [1], some(1))
      _ = try read(store, some(1), 0, 1)
      try store.delete(some(1))
      #expect(kind { _ = try read(store, some(1), 0, 1) } == .missing)
      #expect(try store.list(.packs).isEmpty)
    case .keepsEmptyObjects:
      try put(store, [], .machine("empty"))
      #expect(try store.byteCount(of: .machine("empty")) == 0)
      #expect(try store.readAll(.machine("empty"), limit: 0) == [])
    case .maps:
      try put(store, [9, 8, 7], some(2))
      let mapped = try store.map(some(2))
      try store.delete(some(2))
      #expect([UInt8](mapped.bytes) == [9, 8, 7])
    case .limitsReadAll:
      try put(store, [1, 2, 3], some(1))
      #expect(throws: StoreError.self) { try store.readAll(some(1), limit: 2) }
    case .servesSeveralPathsInAFolder:
      for number in 0..<100 { try put(store, [UInt8(number)], some(UInt64(number))) }
      for number in 0..<100 {
        #expect(try store.readAll(some(UInt64(number)), limit: 1) == [UInt8(number)])
      }
    }
  }

  private func checkLists(_ store: any Store) throws {
    for folder in ObjectFolder.allCases { #expect(try store.list(folder).isEmpty) }
    let point = ObjectPath.point(machine: "web01", name: "2026")
    let segment = ObjectPath.segment(digest(3))
    try put(store, [1, 2], some(1))
    try put(store, [1], some(2))
    try put(store, [1, 2, 3], point)
    try put(store, [1, 2, 3, 4], .machine("web01"))
    try put(store, [], segment)
    try put(store, [0], .descriptor)
    let packs = try store.list(.packs).sorted { $0.byteCount < $1.byteCount }
    #expect(packs.map(\.path) == [some(2), some(1)] && packs.map(\.byteCount) == [1, 2])
    #expect(try store.list(.points).map(\.path) == [point])
    #expect(try store.list(.machines).map(\.path) == [.machine("web01")])
    #expect(try store.list(.index).map(\.path) == [segment])
  }

  private func some(_ number: UInt64) -> ObjectPath { .pack(PackID(digest(number))) }

  private func put(_ store: any Store, _ bytes: [UInt8], _ path: ObjectPath) throws {
    try store.put(bytes.span.bytes, at: path)
  }

  private func read(
    _ store: any Store, _ path: ObjectPath, _ offset: UInt64, _ count: Int
  ) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var span = bytes.mutableSpan
    var raw = span.mutableBytes
    try store.read(path, from: offset, into: &raw)
    return bytes
  }

  private func kind(_ body: () throws -> Void) -> StoreError.Kind? {
    do { try body() } catch { return (error as? StoreError)?.kind }
    return nil
  }
}

/// A digest that stands for a number; different numbers, different digests.
package func digest(_ number: UInt64) -> Digest {
  var digester = Digester()
  return withUnsafeBytes(of: number.littleEndian) { digester.digest($0.bytes) }
}
