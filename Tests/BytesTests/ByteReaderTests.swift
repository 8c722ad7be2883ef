import Bytes
import Testing

@Suite struct ByteReaderTests {
  @Test("integers are read in little-endian order, one after the other")
  func integers() throws {
    let bytes: [UInt8] = [0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0xFF, 0x2A]
    var reader = ByteReader(bytes.span.bytes)
    #expect(try reader.integer(UInt16.self) == 0x0201)
    #expect(try reader.integer(UInt32.self) == 0x0605_0403)
    #expect(reader.offset == 6 && reader.remaining == 4)
    #expect(try reader.integer(UInt16.self) == 0x0807)
    #expect(try reader.integer(Int8.self) == -1)
    #expect(try reader.integer(UInt8.self) == 42)
    #expect(reader.remaining == 0)
  }

  @Test("no field is read past the end, and the reader stays where it was", arguments: 0..<8)
  func truncated(count: Int) throws {
    let bytes = [UInt8](repeating: 7, count: count)
    var reader = ByteReader(bytes.span.bytes)
    do {
      _ = try reader.integer(UInt64.self)
      Issue.record("read 8 bytes of \(count)")
    } catch { #expect(error.offset == 0 && error.wanted == 8) }
    #expect(reader.offset == 0 && reader.remaining == count)
  }

  @Test(
    "a part that is longer than what is left is refused, also where the sum would overflow",
    arguments: [5, 1000, Int.max, -1, Int.min])
  func taking(count: Int) throws {
    let bytes: [UInt8] = [1, 2, 3, 4, 5]
    var reader = ByteReader(bytes.span.bytes)
    _ = try reader.take(1)
    do {
      _ = try reader.take(count)
      Issue.record("took \(count) bytes of 4")
    } catch { #expect(error.offset == 1 && error.wanted == count) }
    let rest = try reader.take(4)
    #expect([UInt8](rest) == [2, 3, 4, 5])
    let nothing = try reader.take(0)
    #expect(nothing.byteCount == 0)
  }

  @Test("the writer writes what the reader reads")
  func roundTrip() throws {
    var writer = ByteWriter()
    writer.integer(UInt8(1))
    writer.integer(UInt64.max - 1)
    writer.append("KLUIS")
    writer.integer(Int32(-2))
    let extra: [UInt8] = [9, 9]
    writer.append(extra.span.bytes)
    let bytes = writer.bytes
    #expect(bytes.count == 1 + 8 + 5 + 4 + 2)
    var reader = ByteReader(bytes.span.bytes)
    #expect(try reader.integer(UInt8.self) == 1)
    #expect(try reader.integer(UInt64.self) == UInt64.max - 1)
    let text = try reader.take(5)
    #expect([UInt8](text) == Array("KLUIS".utf8))
    #expect(try reader.integer(Int32.self) == -2)
    #expect(reader.remaining == 2)
  }

  @Test("the writer's integers are little-endian")
  func littleEndian() {
    var writer = ByteWriter()
    writer.integer(UInt32(0x0102_0304))
    writer.integer(UInt16(0xA0B0))
    #expect(writer.bytes == [4, 3, 2, 1, 0xB0, 0xA0])
  }
}
