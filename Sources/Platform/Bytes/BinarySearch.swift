extension RandomAccessCollection where Index == Int {
  /// The index of the first element for which something holds that holds for all behind it, too;
  /// `endIndex` where it holds for none.
  ///
  /// - Complexity: O(log *n*) calls of `holds`.
  @inlinable
  package func firstIndex(
    fromWhereOn holds: (Element) throws -> Bool
  ) rethrows -> Int {
    var (low, high) = (startIndex, endIndex)
    while low < high {
      let middle = low + (high - low) / 2
      if try holds(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
