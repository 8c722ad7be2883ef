import ArgumentParser
import Tiers
import Vaults

struct RebuildIndex: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Make the index anew from the packs alone.",
    discussion: """
      Reads every pack and checks it. Records that are damaged are left out of the new index, so \
      that the next backup stores them again. The old index goes only when the new one is safe.

      EXAMPLES:
        kluis rebuild-index
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: "The old index is still in place.") {
      session in
      let vault = try session.openVault(.ifGiven)
      var reports: [RebuildReport] = []
      for tier in vault.tiers where !tier.stores.isEmpty {
        let tombstones = try vault.holdLease(on: tier, notices: session.notices)
        var rebuild = IndexRebuild(
          tier, notices: session.notices,
          tombstoned: Set(tombstones.values.flatMap(\.packIDs)))
        try session.withProgress("rebuild index") { progress in
          try rebuild.run(progress: progress, cancellation: session.cancellation)
        }
        reports.append(
          RebuildReport(
            tier: tier.name.rawValue, packs: rebuild.packCount, records: rebuild.recordCount,
            lostRecords: rebuild.lostRecordCount))
      }
      if session.options.json { return try printJSON(reports) }
      for report in reports {
        session.say(
          "\(report.tier) tier: \(report.records) records in \(Text.count(report.packs, "pack"))"
            + (report.lostRecords > 0 ? ", \(report.lostRecords) lost" : ""))
      }
    }
  }
}

private struct RebuildReport: Encodable {
  let tier: String
  let packs: Int
  let records: Int
  let lostRecords: Int
}
