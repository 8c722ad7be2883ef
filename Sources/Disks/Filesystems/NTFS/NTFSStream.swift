internal import Bytes

/// The bytes of an attribute, put together from its parts: where they are, and how many.
struct NTFSStream: Sendable {
  enum Storage: Sendable {
    case resident([UInt8])
    case clusters(NTFSRuns)
  }

  /// What it is, for errors: "record 64", "the index of record 5".
  let structure: String
  let storage: Storage
  let flags: NTFSAttributeFlags
  let byteCount: UInt64
  /// Bytes that were ever written; those behind them read as zeros.
  let initializedByteCount: UInt64
  /// Clusters in a unit of compression; 1 where it is not compressed.
  let unitClusterCount: UInt64

  /// - Parameters:
  ///   - parts: of the attribute, the first one first.
  ///   - clusterCount: of the volume.
  init(_ parts: [NTFSPart], clusterCount: UInt64, structure: String) throws {
    guard let first = parts.first else {
      throw damagedNTFS(structure, "it has no such attribute")
    }
    self.structure = structure
    flags = first.attribute.flags
    switch first.attribute.form {
    case .resident(let range):
      storage = .resident(first.record.array(range))
      byteCount = UInt64(range.count)
      initializedByteCount = byteCount
      unitClusterCount = 1
    case .clusters(let clusters):
      byteCount = clusters.byteCount
      initializedByteCount = clusters.initializedByteCount
      unitClusterCount = 1 << UInt64(min(clusters.unitShift, 16))
      storage = .clusters(try Self.runs(of: parts, clusterCount, structure))
    }
  }

  /// The table of records, as far as the boot sector tells of it: its first record.
  init(ofFirstRecordBy boot: NTFSBootSector) {
    let size = UInt64(boot.clusterByteCount)
    structure = "the table of records"
    flags = []
    byteCount = UInt64(boot.recordByteCount)
    initializedByteCount = byteCount
    unitClusterCount = 1
    storage = .clusters(
      NTFSRuns(from: boot.tableCluster, count: (byteCount + size - 1) / size))
  }

  private static func runs(
    of parts: [NTFSPart], _ clusterCount: UInt64, _ structure: String
  ) throws -> NTFSRuns {
    var runs = NTFSRuns()
    for part in parts {
      guard case .clusters(let clusters) = part.attribute.form else {
        throw damagedNTFS(structure, "a part of it lies in \(part.record.structure)")
      }
      do {
        try runs.append(clusters, part.record.span(clusters.runs), clusterCount: clusterCount)
      } catch let fault as NTFSFault {
        throw damagedNTFS("\(structure), run list in \(part.record.structure)", fault.reason)
      } catch is TruncatedInput {
        throw damagedNTFS("\(structure), run list in \(part.record.structure)", "it does not end")
      }
    }
    return runs
  }
}

/// A part of an attribute, and the record in which it stands.
struct NTFSPart {
  let record: NTFSRecord
  let attribute: NTFSAttribute
}
