internal import Bytes

/// Items of a tree that are other than the disk has them: what replaying a log makes of a tree.
///
/// Sorted runs of a few hundred keys, so that changing one costs little however many there are.
struct BtrfsItemChanges: Sendable {
  private var runs: [[(key: BtrfsKey, item: [UInt8]?)]] = []
  private static let runLimit = 256

  var isEmpty: Bool { runs.isEmpty }

  /// What became of an item: nil where it is as it was, else its data or that it is gone.
  func change(of key: BtrfsKey) -> [UInt8]?? {
    guard let (run, index) = place(notBefore: key), runs[run][index].key == key else { return nil }
    return .some(runs[run][index].item)
  }

  /// Sets an item; nil takes it away.
  mutating func set(_ key: BtrfsKey, _ item: [UInt8]?) {
    guard !runs.isEmpty else {
      runs = [[(key, item)]]
      return
    }
    let run = max(0, firstRun(beginningBehind: key) - 1)
    let index = firstIndex(in: run, notBefore: key)
    if index < runs[run].count, runs[run][index].key == key {
      runs[run][index].item = item
      return
    }
    runs[run].insert((key, item), at: index)
    if runs[run].count > Self.runLimit {
      let upper = Array(runs[run][(Self.runLimit / 2)...])
      runs[run].removeSubrange((Self.runLimit / 2)...)
      runs.insert(upper, at: run + 1)
    }
  }

  /// The first change of a key that is not before `key`.
  func first(notBefore key: BtrfsKey) -> (key: BtrfsKey, item: [UInt8]?)? {
    place(notBefore: key).map { runs[$0.run][$0.index] }
  }

  /// The last change of a key that is not behind `key`.
  func last(notBehind key: BtrfsKey) -> (key: BtrfsKey, item: [UInt8]?)? {
    let run = firstRun(beginningBehind: key) - 1
    guard run >= 0 else { return nil }
    let index = firstIndex(in: run, notBefore: key)
    if index < runs[run].count, runs[run][index].key == key { return runs[run][index] }
    // The run begins with a key that is not behind, so there is one before.
    return runs[run][index - 1]
  }

  private func place(notBefore key: BtrfsKey) -> (run: Int, index: Int)? {
    let run = max(0, firstRun(beginningBehind: key) - 1)
    guard run < runs.count else { return nil }
    let index = firstIndex(in: run, notBefore: key)
    if index < runs[run].count { return (run, index) }
    return run + 1 < runs.count ? (run + 1, 0) : nil
  }

  private func firstRun(beginningBehind key: BtrfsKey) -> Int {
    runs.firstIndex(fromWhereOn: { $0[0].key > key })
  }

  private func firstIndex(in run: Int, notBefore key: BtrfsKey) -> Int {
    runs[run].firstIndex(fromWhereOn: { $0.key >= key })
  }
}
