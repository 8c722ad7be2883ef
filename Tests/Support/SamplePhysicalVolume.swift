internal import Bytes

/// A physical volume of LVM2, made by hand: a label, areas of metadata with their texts, data.
package struct SamplePhysicalVolume {
  /// A ring of text at a place of the volume.
  package struct Area: Sendable {
    package var offset: Int
    package var byteCount: Int
    package var text: [UInt8]
    /// Where the text begins, from the area's start.
    package var textOffset: Int

    package init(offset: Int, byteCount: Int, text: String, textOffset: Int = 512) {
      self.offset = offset
      self.byteCount = byteCount
      self.text = Array(text.utf8)
      self.textOffset = textOffset
    }
  }

  /// 32 letters and digits.
  package var uuid: String
  package var areas: [Area]
  package var labelSector = 1
  /// From 1 MiB on.
  package var data: [UInt8]

  package static let dataOffset = 1 << 20

  package init(uuid: String, areas: [Area], data: [UInt8]) {
    self.uuid = uuid
    self.areas = areas
    self.data = data
  }

  /// The UUID as texts have it.
  package var uuidText: String {
    var rest = Substring(uuid)
    return [6, 4, 4, 4, 4, 4, 6].map { length in
      defer { rest = rest.dropFirst(length) }
      return String(rest.prefix(length))
    }.joined(separator: "-")
  }

  package var bytes: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Self.dataOffset) + data
    func put(_ values: [UInt8], at place: Int) {
      bytes.replaceSubrange(place..<place + values.count, with: values)
    }
    var label = Array("LABELONE".utf8) + little(UInt64(labelSector)) + little(UInt32(0))
    label += little(UInt32(32)) + Array("LVM2 001".utf8) + Array(uuid.utf8)
    label += little(UInt64(bytes.count)) + little(UInt64(Self.dataOffset)) + little(UInt64(0))
    label += [UInt8](repeating: 0, count: 16)
    for area in areas { label += little(UInt64(area.offset)) + little(UInt64(area.byteCount)) }
    label += [UInt8](repeating: 0, count: 512 - label.count)
    label.replaceSubrange(16..<20, with: little(checksum(Array(label[20...]))))
    put(label, at: labelSector * 512)
    for area in areas {
      var header = [0x20] + Array("LVM2 x[5A%r0N*>".utf8) + little(UInt32(1))
      header += little(UInt64(area.offset)) + little(UInt64(area.byteCount))
      header += little(UInt64(area.textOffset)) + little(UInt64(area.text.count))
      header += little(checksum(area.text)) + little(UInt32(0))
      header += [UInt8](repeating: 0, count: 508 - header.count)
      put(little(checksum(header)) + header, at: area.offset)
      let first = min(area.text.count, area.byteCount - area.textOffset)
      put(Array(area.text[..<first]), at: area.offset + area.textOffset)
      put(Array(area.text[first...]), at: area.offset + 512)
    }
    return bytes
  }

  private func checksum(_ bytes: [UInt8]) -> UInt32 {
    CyclicChecksum.ethernet.updating(0xF597_A6CF, with: bytes.span.bytes)
  }

  private func little(_ number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { [UInt8]($0) }
  }
}
