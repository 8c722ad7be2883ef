internal import Bytes

/// What a differencing VHDX image says of the image that it is made over.
///
///     locator := kind:16 reserved:u16 count:u16 entry* text*
///     entry   := keyOffset:u32 valueOffset:u32 keyByteCount:u16 valueByteCount:u16
///
/// Texts are UTF-16, paths are those of Windows. Source: [MS-VHDX] 2.6.2.6, "Parent Locator".
struct VHDXParent {
  /// From beside the image.
  let name: String
  /// What its ``VHDXHeader/dataWriteID`` has to be one of.
  let writeIDs: [String]

  private static let kind = "b04aefb7-d19e-4a81-b789-25b8e9445913"
  private static let entryByteCount = 12

  init(_ locator: [UInt8], _ file: VHDXFile) throws {
    let bytes = locator.span.bytes
    let kind = guidText([UInt8](try bytes.field(at: 0, count: 16)))
    guard kind == Self.kind else {
      throw file.unsupported("it is made over something of a kind that is not known here: \(kind)")
    }
    let count = Int(try bytes.littleEndian(at: 18, as: UInt16.self))
    var values: [String: String] = [:]
    for number in 0..<count {
      let entry = try bytes.field(
        at: 20 + number * Self.entryByteCount, count: Self.entryByteCount)
      let key = try Self.text(bytes, entry, offset: 0, count: 8)
      let value = try Self.text(bytes, entry, offset: 4, count: 10)
      guard let key, let value else {
        throw file.damage("what it says of the image that it is made over is no text")
      }
      values[key] = value
    }
    writeIDs = ["parent_linkage", "parent_linkage2"].compactMap { values[$0] }
      .map { $0.lowercased().filter { !"{}".contains($0) } }
    guard let path = values["relative_path"] else {
      let other = values["absolute_win32_path"] ?? values["volume_path"] ?? ""
      throw file.unsupported(
        "it is made over '\(other)' on a Windows machine, and does not say where that lies from "
          + "beside it")
    }
    name = String(path.map { $0 == "\\" ? "/" : $0 })
  }

  /// nil for what no path can be.
  private static func text(
    _ locator: RawSpan, _ entry: RawSpan, offset: Int, count: Int
  ) throws -> String? {
    let place = Int(try entry.littleEndian(at: offset, as: UInt32.self))
    let byteCount = Int(try entry.littleEndian(at: count, as: UInt16.self))
    let bytes = try locator.field(at: place, count: byteCount)
    var units: [UInt16] = []
    for position in stride(from: 0, to: byteCount - 1, by: 2) {
      units.append(try bytes.littleEndian(at: position))
    }
    let text = String(decoding: units, as: UTF16.self)
    let isPlain = text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control }
    return byteCount.isMultiple(of: 2) && isPlain ? text : nil
  }
}
