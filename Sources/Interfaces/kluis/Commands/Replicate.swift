import ArgumentParser
import Copies
import Tiers
import Vaults

struct Replicate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Bring the secondary region up to date.",
    discussion: """
      Copies every recovery point of the vault tier that the secondary tier lacks: packs, then the \
      index, then the point, so that the secondary region is whole at every moment. Sends only \
      what is new, may be stopped, and goes on where it was. Every point up to the last \
      synchronisation can be restored with --tier secondary, whatever has become of the vault \
      tier. An encrypted vault is replicated as it is sealed: this needs no key.

      EXAMPLES:
        kluis replicate
        kluis replicate --status
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Flag(help: "Say when the last synchronisation was and what is behind; copy nothing.")
  var status = false

  func run() throws {
    try Session.run(
      [kluis.shared, shared],
      harmless: "Nothing was harmed: the secondary region is whole, and `kluis replicate` goes on "
        + "from what was sent."
    ) { session in
      let vault = try session.openVault(.ifGiven)
      let replication = Replication(vault: vault, notices: session.notices)
      if !status {
        let report = try session.withProgress("replicate") { progress in
          try replication.run(progress: progress, cancellation: session.cancellation)
        }
        session.say(
          "replicated \(Text.count(report.pointCount, "point")), "
            + "\(Text.size(report.sentBytes)) sent")
      }
      let state = try replication.status()
      if session.options.json { return try printJSON(StatusReport(state)) }
      if status { return explain(state) }
      if let sync = state.lastSync { session.say("in sync as of \(sync)") }
    }
  }

  private func explain(_ state: Replication.Status) {
    print("last sync  \(state.lastSync.map(\.description) ?? "never")")
    print("secondary  \(Text.count(state.replicatedCount, "point"))")
    if !state.isPrimaryReachable {
      return print("behind     unknown: no store of the vault tier can be used")
    }
    let sizes = state.behind.compactMap(\.storedBytes)
    print(
      "behind     \(Text.count(state.behind.count, "point"))"
        + (sizes.isEmpty ? "" : ", about \(Text.size(sizes.reduce(0, +)))"))
    for point in state.behind { print("           \(point.name)") }
  }
}

/// How far the secondary region is, as `--json` shows it.
private struct StatusReport: Encodable {
  let lastSync: Timestamp?
  let replicated: Int
  let behind: [String]?

  init(_ status: Replication.Status) {
    lastSync = status.lastSync
    replicated = status.replicatedCount
    behind = status.isPrimaryReachable ? status.behind.map(\.name) : nil
  }
}
