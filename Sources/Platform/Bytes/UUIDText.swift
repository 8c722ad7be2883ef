/// A UUID as it is written everywhere: 16 bytes in their order, lower case.
package func uuidText(_ bytes: some Collection<UInt8>) -> String {
  dashed(hexadecimal(Array(bytes).span.bytes), [8, 4, 4, 4, 12])
}

/// A GUID as Microsoft and UEFI store it: its first three parts are little-endian integers.
package func guidText(_ bytes: some Collection<UInt8>) -> String {
  let stored = Array(bytes)
  precondition(stored.count == 16, "a GUID has 16 bytes")
  return uuidText([3, 2, 1, 0, 5, 4, 7, 6].map { stored[$0] } + stored[8...])
}

/// Letters and digits in groups of these lengths, with dashes between.
package func dashed(_ text: String, _ lengths: [Int]) -> String {
  var rest = Substring(text)
  var parts: [Substring] = []
  for length in lengths {
    parts.append(rest.prefix(length))
    rest = rest.dropFirst(length)
  }
  return parts.joined(separator: "-")
}
