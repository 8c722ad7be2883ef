import ArgumentParser
import Encryption
import Machines
import Tiers
import Vaults

struct Show: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show one recovery point.",
    discussion: """
      EXAMPLES:
        kluis show web01
        kluis show web01@2026-11-22 --json
      """)

  @ParentCommand var kluis: Kluis
  @OptionGroup var shared: SharedOptions

  @Argument(help: "The recovery point.")
  var point: String

  @Option(help: "Look into this tier alone: snapshot, vault, secondary or auto for all.")
  var tier: TierChoice = .auto

  func run() throws {
    try Session.run([kluis.shared, shared], harmless: "Nothing was changed.") { session in
      let vault = try session.openVault()
      try tier.check(in: vault)
      let listed = try vault.point(point, in: tier.name, notices: session.notices)
      if session.options.json { return try printJSON(PointReport(listed)) }
      print("point        \(listed.point.id)")
      print("machine      \(listed.point.machine)")
      print("time         \(listed.point.time)")
      print("tiers        \(listed.tiers.map(\.rawValue).joined(separator: ", "))")
      print("consistency  \(listed.point.consistency.rawValue)")
      for (key, value) in listed.point.tags.sorted(by: { $0.key < $1.key }) {
        print("tag          \(key)=\(value)")
      }
      if let definition = listed.point.definition { explain(definition, listed.point) }
      for secret in listed.point.secrets ?? [] { print("secret       \(explained(secret))") }
      for disk in listed.point.disks {
        print("")
        print("disk         \(disk.name)")
        print("  source     \(Text.line(disk.source))\(disk.format.map { " (\($0))" } ?? "")")
        print("  size       \(Text.size(disk.size)) (\(disk.size) bytes)")
        print("  data       \(Text.size(disk.dataBytes))")
        print("  new        \(Text.size(disk.newBytes)) in \(disk.newChunks) chunks")
        print("  stored     \(Text.size(disk.storedBytes))")
        print("  seconds    \(Text.decimal(disk.seconds))")
        print("  root       \(disk.root)")
      }
    }
  }

  private func explained(_ secret: SealedSecret) -> String {
    let kind = secret.kind.map { " (\($0.rawValue))" } ?? ""
    let wrapping = secret.wrapping.map { ", wrapped by \($0.key) (\($0.method.rawValue))" } ?? ""
    return secret.name + kind + wrapping
  }

  private func explain(_ definition: MachineDefinition, _ point: RecoveryPoint) {
    var parts = [definition.os, definition.firmware?.rawValue].compactMap { $0 }
    if let cpus = definition.cpus { parts.append(Text.count(cpus, "processor")) }
    if let memory = definition.memoryBytes { parts.append(Text.size(memory)) }
    print("definition   \(parts.joined(separator: ", "))")
    for nic in definition.nics {
      print("nic          \([nic.mac, nic.network].compactMap { $0 }.joined(separator: " on "))")
    }
    for file in point.files ?? [] {
      print("file         \(file.content.name) (\(file.kind.rawValue))")
    }
    for name in point.excluded ?? [] { print("left out     disk \(name)") }
  }
}
