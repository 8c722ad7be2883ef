package import Testing

/// Expects two byte arrays to be the same, and says where they are not rather than all they hold.
package func expectSame(
  _ found: [UInt8], _ expected: [UInt8], _ comment: Comment? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard let place = firstDifference(found, expected) else { return }
  let sizes = "\(found.count) bytes, not \(expected.count)"
  Issue.record(
    "byte \(place) differs (\(sizes)) \(comment?.description ?? "")",
    sourceLocation: sourceLocation)
}
