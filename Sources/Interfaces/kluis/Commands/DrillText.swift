import Drills

/// A drill's report as people read it.
struct DrillText {
  private let report: DrillReport

  init(_ report: DrillReport) { self.report = report }

  var text: String {
    var lines = [
      "drill of \(report.point), \(report.tier) tier, \(report.started): "
        + (report.passed ? "passed" : "FAILED")
    ]
    if let failure = report.failure { lines.append(failure) }
    if let recovery = report.recoverySeconds {
      let end = report.boot?.succeeded == true ? "the machine was up" : "the disks were there"
      lines.append("recovery time: \(Text.duration(recovery)) until \(end)")
    }
    lines += ["", disks]
    if !report.volumes.isEmpty { lines += ["", volumes] }
    for problem in report.problems { lines.append("problem: \(problem)") }
    if let boot = report.boot { lines += [""] + explain(boot) }
    return lines.joined(separator: "\n")
  }

  private var disks: String {
    var table = Table(["disk", ">size", ">data", "digests"])
    for disk in report.disks {
      let digests =
        switch disk.differingBytes {
        case nil: "not checked"
        case 0: "all good"
        case let count?: "\(count) bytes differ"
        }
      table.add([disk.name, Text.size(disk.size), Text.size(disk.dataBytes), digests])
    }
    return table.text
  }

  private var volumes: String {
    var table = Table(["volume", ">size", "holds", "label", "uuid"])
    for volume in report.volumes {
      table.add([
        volume.name, Text.size(volume.size), volume.type ?? volume.problem ?? "–",
        volume.label ?? "", volume.uuid ?? "",
      ])
    }
    return table.text
  }

  private func explain(_ boot: DrillReport.Boot) -> [String] {
    let outcome =
      boot.succeeded
      ? "said '\(boot.expected)' after \(Text.duration(boot.seconds))"
      : "did not say '\(boot.expected)' within \(Text.duration(boot.seconds))"
    return ["started by \(boot.accelerator), it \(outcome); its console:"]
      + boot.console.suffix(4).map { "  \($0)" }
  }
}
