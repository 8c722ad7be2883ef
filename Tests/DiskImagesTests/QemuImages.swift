import Files
import SystemPackage
import TestSupport

/// A qcow2 image that qemu-img makes and qemu-io writes to at random: what disks in use come to.
struct QemuImage {
  let path: FilePath
  let byteCount: Int
  /// For `qemu-img create -o`.
  var options: [String]
  /// What it is made over, and the format of that.
  var below: (name: String, format: String)?

  /// - Parameter format: `raw` or `qcow2`.
  func make(as format: String = "qcow2") throws {
    var command = ["create", "-q", "-f", format]
    if !options.isEmpty { command += ["-o", options.joined(separator: ",")] }
    if let below { command += ["-b", below.name, "-F", below.format] }
    try output(of: "qemu-img", arguments: command + [path.string, "\(byteCount)"])
  }

  /// Writes, zeroes, discards and compresses here and there.
  ///
  /// An image that QEMU itself makes a mistake in, and then marks corrupt or cannot read, is made
  /// anew: some of its versions do so where clusters are small or compressed.
  ///
  /// - Parameter compressing: false for an image with snapshots, since some of its versions lose
  ///   compressed clusters that those share.
  func disturb(
    _ random: inout SeededRandom, as format: String = "qcow2", count: Int = 30,
    compressing: Bool = true
  ) throws {
    try write(&random, as: format, count: count, compressing)
    var attempts = 0
    while try format == "qcow2" && attempts < 20 && !isReadable {
      try removeFile(path)
      try make()
      try write(&random, as: format, count: count, compressing)
      attempts += 1
    }
  }

  /// Whether QEMU reads what it wrote.
  private var isReadable: Bool {
    get throws {
      let head = try File.openForReading(path)
      var bytes = [UInt8](repeating: 0, count: 80)
      var span = bytes.mutableSpan
      var target = span.mutableBytes
      _ = try head.read(at: 0, into: &target)
      let isMarkedCorrupt = bytes[7] == 3 && bytes[79] & 2 != 0
      if isMarkedCorrupt { return false }
      let plain = FilePath(path.string + ".plain")
      defer { try? removeFile(plain) }
      do {
        try output(of: "qemu-img", "convert", "-f", "qcow2", "-O", "raw", path.string, plain.string)
        return true
      } catch { return false }
    }
  }

  private func write(
    _ random: inout SeededRandom, as format: String, count: Int, _ compressing: Bool
  ) throws {
    var command = ["-f", format]
    for _ in 0..<count {
      let start = random.below(byteCount / 512) * 512
      let longest = [1, 8, 64, 200, 1000][random.below(5)] * 512
      let range = "\(start) \(min(longest, byteCount - start))"
      let pattern = 1 + random.below(255)
      switch random.below(10) {
      case 0: command += ["-c", "write -z \(range)"]
      case 1: command += ["-c", "write -z -u \(range)"]
      case 2: command += ["-c", "discard \(range)"]
      case 3...5 where format == "qcow2" && compressing:
        let cluster = clusterByteCount
        let first = start / cluster * cluster
        // Refused by qemu-io where data lie in another file, which is fine.
        command += ["-c", "write -c -P \(pattern) \(first) \(min(cluster, byteCount - first))"]
      default: command += ["-c", "write -P \(pattern) \(range)"]
      }
    }
    try output(of: "qemu-io", arguments: command + [path.string], allowing: [0, 1])
  }

  private var clusterByteCount: Int {
    options.first { $0.hasPrefix("cluster_size=") }.flatMap { Int($0.dropFirst(13)) } ?? 65_536
  }
}

/// The disk in an image as qemu-img reads it.
func convertedByQemu(_ image: FilePath, format: String, in directory: FilePath) throws -> [UInt8] {
  let raw = directory.appending("converted-\(UInt32.random(in: .min ... .max))")
  try output(of: "qemu-img", "convert", "-f", format, "-O", "raw", image.string, raw.string)
  return try readFile(raw)
}

let hasQemu = areInstalled("qemu-img", "qemu-io")
