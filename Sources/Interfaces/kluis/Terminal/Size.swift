import ArgumentParser

/// A size on the command line: `65536`, `64K`, `10G` (powers of 1,024).
struct Size: ExpressibleByArgument {
  let byteCount: UInt64

  init(byteCount: UInt64) { self.byteCount = byteCount }

  init?(argument: String) {
    let units: [Character: UInt64] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40]
    let unit = argument.last.flatMap { units[Character($0.uppercased())] }
    guard let number = UInt64(unit == nil ? argument[...] : argument.dropLast()) else { return nil }
    let (product, isTooLarge) = number.multipliedReportingOverflow(by: unit ?? 1)
    if isTooLarge { return nil }
    byteCount = product
  }

  var defaultValueDescription: String { "\(byteCount >> 10)K" }
}
