internal import BlockDevices
internal import Bytes

/// An index: a tree of nodes whose entries are in order.
struct NTFSIndex {
  /// Levels that a tree of any size stays below.
  private static let depthLimit = 32
  private static let blockByteLimit = 1 << 20

  let structure: String
  private let volume: NTFSVolume
  private let root: NTFSIndexNode
  private let blocks: NTFSStream?
  private let blockByteCount: Int
  /// Bytes for each number by which blocks count: a cluster, or 512 where blocks are smaller.
  private let unitByteCount: Int
  /// A bit for each block that is in use.
  private let bitmap: [UInt8]

  /// - Parameter name: of the attributes: "$I30" for a directory.
  init(_ name: String, of file: NTFSFile, on volume: NTFSVolume, structure: String) throws {
    let name = Array(name.utf16)
    self.structure = structure
    self.volume = volume
    guard let bytes = try file.residentValue(NTFSAttributeType.indexRoot, named: name) else {
      throw damagedNTFS(structure, "its root is missing")
    }
    root = try Self.parsed(structure) {
      try NTFSIndexNode(bytes, from: NTFSIndexNode.rootHeaderByteCount)
    }
    blockByteCount = try Self.parsed(structure) {
      Int(try bytes.span.bytes.littleEndian(at: 8, as: UInt32.self))
    }
    guard blockByteCount.nonzeroBitCount == 1, (512...Self.blockByteLimit).contains(blockByteCount)
    else { throw damagedNTFS(structure, "its blocks have \(blockByteCount) bytes") }
    let clusterByteCount = volume.boot.clusterByteCount
    unitByteCount = blockByteCount >= clusterByteCount ? clusterByteCount : 512
    guard root.entries.contains(where: { $0.child != nil }) else {
      (blocks, bitmap) = (nil, [])
      return
    }
    blocks = try file.stream(NTFSAttributeType.indexAllocation, named: name, structure)
    // As many blocks as there is room for, and what Windows sets aside.
    let byteCount = min(blocks?.byteCount ?? 0, volume.device.byteCount)
    bitmap =
      try file.value(
        NTFSAttributeType.bitmap, named: name,
        limit: Int(byteCount / UInt64(blockByteCount) / 8) + 4096, "the bitmap of \(structure)")
      ?? []
  }

  private static func parsed<Value>(
    _ structure: String, cluster: UInt64? = nil, _ body: () throws -> Value
  ) throws -> Value {
    do { return try body() } catch let fault as NTFSFault {
      throw damagedNTFS(structure, cluster: cluster, fault.reason)
    } catch is TruncatedInput {
      throw damagedNTFS(structure, cluster: cluster, "it is cut off")
    }
  }

  /// A block by the number that an entry has for its child.
  private func node(_ number: UInt64) throws -> NTFSIndexNode {
    guard let blocks else { throw damagedNTFS(structure, "it has no blocks, and names one") }
    let (offset, overflow) = number.multipliedReportingOverflow(by: UInt64(unitByteCount))
    let name = "block \(number) of \(structure)"
    guard !overflow, offset.isMultiple(of: UInt64(blockByteCount)) else {
      throw damagedNTFS(name, "no block has that number")
    }
    var bytes = try volume.bytes(of: blocks, at: offset, count: blockByteCount)
    return try Self.parsed(name, cluster: cluster(at: offset)) {
      guard bytes.span.bytes.starts(with: "INDX") else {
        throw NTFSFault("it does not begin as a block of an index")
      }
      try NTFSSectorEnds.restore(in: &bytes)
      guard try bytes.span.bytes.littleEndian(at: 16) == number else {
        throw NTFSFault("it says that it is another one")
      }
      return try NTFSIndexNode(bytes, from: NTFSIndexNode.blockHeaderByteCount)
    }
  }

  private func cluster(at offset: UInt64) -> UInt64? {
    guard case .clusters(let runs)? = blocks?.storage else { return nil }
    let cluster = offset / UInt64(volume.boot.clusterByteCount)
    guard let run = runs.run(at: cluster), let place = run.place else { return nil }
    return place + cluster - run.first
  }

  // MARK: all of it

  /// Calls `visit` with each entry in their order, until it returns false.
  ///
  /// A node that cannot be read does not hide the others; it is told at the end, as is a tree that
  /// does not reach all blocks that are in use.
  func forEachEntry(
    _ visit: (NTFSIndexNode, NTFSIndexNode.Entry) throws -> Bool
  ) throws {
    var open: [(node: NTFSIndexNode, next: Int)] = [(root, 0)]
    var known: Set<UInt64> = []
    var problem: FileSystemError?
    /// Whether the child of the next entry was looked at.
    var isBehindChild = false
    while let (node, next) = open.last {
      let entry = node.entries[next]
      if let child = entry.child, !isBehindChild {
        isBehindChild = true
        do {
          guard known.insert(child).inserted, open.count < Self.depthLimit else {
            throw damagedNTFS(structure, "block \(child) is named twice")
          }
          open.append((try self.node(child), 0))
          isBehindChild = false
        } catch let error as FileSystemError {
          problem = problem ?? error
        }
        continue
      }
      if entry.isLast {
        open.removeLast()
        isBehindChild = true
        continue
      }
      open[open.count - 1].next += 1
      isBehindChild = false
      if try !visit(node, entry) { return }
    }
    if let problem { throw problem }
    try compareBitmap(known.count)
  }

  private func compareBitmap(_ reached: Int) throws {
    let inUse = bitmap.reduce(0) { $0 + $1.nonzeroBitCount }
    guard inUse == reached else {
      throw damagedNTFS(
        structure, "its bitmap has \(inUse) blocks in use, of which \(reached) can be found")
    }
  }

  // MARK: a part of it

  /// Calls `visit` with each entry whose key is equal to what is looked for.
  ///
  /// - Parameter compare: below zero where an entry stands before what is looked for.
  func forEachEntry(
    comparing compare: (NTFSIndexNode, NTFSIndexNode.Entry) throws -> Int,
    _ visit: (NTFSIndexNode, NTFSIndexNode.Entry) throws -> Void
  ) throws {
    var known: Set<UInt64> = []
    try search(root, &known, depth: 0, compare, visit)
  }

  private func search(
    _ node: NTFSIndexNode, _ known: inout Set<UInt64>, depth: Int,
    _ compare: (NTFSIndexNode, NTFSIndexNode.Entry) throws -> Int,
    _ visit: (NTFSIndexNode, NTFSIndexNode.Entry) throws -> Void
  ) throws {
    for entry in node.entries {
      let order = entry.isLast ? 1 : try compare(node, entry)
      if order < 0 { continue }
      if let child = entry.child {
        guard known.insert(child).inserted, depth < Self.depthLimit else {
          throw damagedNTFS(structure, "block \(child) is named twice")
        }
        try search(try self.node(child), &known, depth: depth + 1, compare, visit)
      }
      if order > 0 { return }
      try visit(node, entry)
    }
  }
}
