import ArgumentParser
import Maintenance
import Tiers

struct Stats: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what the vault holds and what that takes.",
    discussion: """
      EXAMPLES:
        kluis stats
        kluis stats --json
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Option(help: "Look into this tier alone: snapshot, vault, secondary or auto for all.")
  var tier: TierChoice = .auto

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: "Nothing was changed.") { session in
      let vault = try session.openVault()
      try tier.check(in: vault)
      let statistics = try Statistics(of: vault, in: tier.name, notices: session.notices)
      if session.options.json { return try printJSON(statistics) }
      print(
        "\(Text.count(statistics.machines, "machine")), \(Text.count(statistics.points, "point"))")
      print("disks      \(Text.size(statistics.diskBytes)), all points added up")
      print("data       \(Text.size(statistics.dataBytes)) of that is not zero")
      for tier in statistics.tiers {
        print("")
        print("\(tier.tier) tier, \(Text.count(tier.points, "point"))")
        for store in tier.stores { print("  store    \(store)") }
        for store in tier.absentStores { print("  absent   \(store)") }
        print("  packs    \(Text.size(tier.packBytes)) in \(tier.packs)")
        print("  records  \(tier.records) (index \(Text.size(tier.indexBytes)))")
        print("  ratio    \(Text.ratio(statistics.dataBytes, to: tier.packBytes)) data to packs")
      }
    }
  }
}
