import Bytes
import TestSupport
import Testing

@Suite struct HexadecimalTests {
  @Test("every byte is written as two lower-case digits and read again")
  func allBytes() {
    let all = [UInt8](0...255)
    let text = hexadecimal(all.span.bytes)
    #expect(text.hasPrefix("000102030405060708090a0b0c0d0e0f10"))
    #expect(text.hasSuffix("fcfdfeff") && text.utf8.count == 512)
    #expect(bytes(hexadecimal: text) == all)
  }

  @Test("nothing is the empty text")
  func empty() {
    #expect(hexadecimal(RawSpan()) == "")
    #expect(bytes(hexadecimal: "") == [])
  }

  @Test(
    "what is not lower-case hexadecimal is refused",
    arguments: [
      "0", "abc", "AB", "0g", "g0", " 0", "0x", "é", "0\u{301}", "ab\n", "٠٠", "/0", ":0",
    ])
  func refused(text: String) { #expect(bytes(hexadecimal: text) == nil) }
}

@Suite struct SpanTests {
  @Test(
    "a single byte that is not zero is found wherever it lies", arguments: [1, 2, 7, 8, 63, 4096])
  func zeros(count: Int) {
    var bytes = [UInt8](repeating: 0, count: count)
    let isZero = bytes.span.bytes.isZero
    #expect(isZero)
    for place in Set([0, 1, count / 2, count - 1]) where place < count {
      bytes[place] = 1
      let isZero = bytes.span.bytes.isZero
      #expect(!isZero, "byte \(place) of \(count)")
      bytes[place] = 0
    }
    let isEmptyZero = RawSpan().isZero
    #expect(isEmptyZero)
  }

  @Test("equality looks at lengths and at every byte")
  func equality() {
    let a: [UInt8] = [1, 2, 3]
    let b: [UInt8] = [1, 2, 4]
    let short: [UInt8] = [1, 2]
    let first = a.span.bytes
    let second = b.span.bytes
    let third = short.span.bytes
    let same = first.isEqual(to: first)
    let others = [first.isEqual(to: second), first.isEqual(to: third), third.isEqual(to: first)]
    let empty = RawSpan().isEqual(to: RawSpan())
    #expect(same && empty && others == [false, false, false])
  }

  @Test("a magic number longer than the bytes is not found")
  func magic() {
    let bytes = Array("KREC".utf8)
    let span = bytes.span.bytes
    let found = [span.starts(with: "KREC"), span.starts(with: "K"), span.starts(with: "")]
    let wrong = [span.starts(with: "KRECK"), span.starts(with: "k")]
    #expect(found == [true, true, true] && wrong == [false, false])
  }

  @Test("a buffer starts as zeros, and moving to its start keeps overlapping bytes")
  func buffer() {
    var buffer = AlignedBuffer(capacity: 10_000)
    let isZero = buffer.bytes.isZero
    #expect(isZero && buffer.capacity == 10_000)
    var random = Seed.ofThisRun.random
    let content = random.bytes(9_000)
    var target = buffer.mutableBytes(1_000..<10_000)
    content.span.bytes.copy(into: &target)
    buffer.moveToStart(1_000..<10_000)
    let moved = [UInt8](buffer.bytes.extracting(0..<9_000))
    expectSame(moved, content, "\(Seed.ofThisRun)")
  }

  @Test("shared bytes hold a copy of what they were made of, also of nothing")
  func shared() {
    let copy = SharedBytes(copying: [1, 2, 3])
    #expect([UInt8](copy.bytes) == [1, 2, 3] && copy.byteCount == 3)
    #expect(SharedBytes(copying: []).bytes.byteCount == 0)
  }
}
