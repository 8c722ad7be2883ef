import Bytes
import Testing

@Test(arguments: ["Castagnoli": 0xE306_9283 as UInt32, "Ethernet": 0xCBF4_3926])
func `cyclic checksums are the published ones, in one piece and in two`(
  name: String, published: UInt32
) {
  let checksum: CyclicChecksum = name == "Ethernet" ? .ethernet : .castagnoli
  let digits = Array("123456789".utf8)
  #expect(~checksum.updating(.max, with: digits.span.bytes) == published)
  for cut in 0...digits.count {
    let start = checksum.updating(.max, with: digits.span.bytes.extracting(0..<cut))
    let whole = checksum.updating(start, with: digits.span.bytes.extracting(cut..<digits.count))
    #expect(~whole == published)
  }
  let number = checksum.updating(0, with: UInt32(0x0403_0201))
  #expect(number == checksum.updating(0, with: ([1, 2, 3, 4] as [UInt8]).span.bytes))
}
