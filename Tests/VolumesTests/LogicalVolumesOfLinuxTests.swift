import BlockDevices
import DiskImages
import SystemPackage
import TestSupport
import Testing

@testable import Volumes

/// Logical volumes that Linux made and filled, byte for byte as Linux itself reads them.
@Suite(
  .enabled(
    if: areInstalled("lvm", "sfdisk", "sha256sum", "mkfs.ext4") && isDebianGuestAvailable()))
struct LogicalVolumesOfLinuxTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private static let modules = [
    "dm_mod", "dm_mirror", "dm_raid", "raid1", "raid10", "raid456", "raid0", "dm_snapshot",
    "dm_thin_pool", "dm_cache", "dm_cache_smq", "dm_writecache",
  ]

  private static let preparation = """
    set -e
    mkdir -p /etc/lvm
    cat >/etc/lvm/lvm.conf <<EOF
    activation { udev_sync = 0 udev_rules = 0 monitoring = 0 }
    devices { obtain_device_list_from_udev = 0 external_device_info_source = "none"
      use_devicesfile = 0 }
    global { thin_check_executable = "" cache_check_executable = "" event_activation = 0 }
    backup { backup = 0 archive = 0 }
    EOF
    lvm() { /usr/sbin/lvm "$@" >/tmp/said 2>&1 || { echo "$@"; cat /tmp/said; return 1; }; }
    make() { lvm lvcreate -Wn -Zn -y "$@"; }
    fill() { dd if=/dev/urandom of=/dev/vg0/$1 bs=64k 2>/dev/null || true; }
    say() { for v in "$@"; do echo "SUM $v $(sha256sum </dev/vg0/$v)"; done; }

    """

  private static let making = """
    lvm pvcreate --metadatasize 100k /dev/vda
    lvm pvcreate /dev/vdb1
    lvm pvcreate --metadatacopies 2 /dev/vdc
    lvm pvcreate --dataalignment 3m /dev/vdd
    lvm vgcreate -s 1M vg0 /dev/vda /dev/vdb1 /dev/vdc /dev/vdd
    make -L 6M -n lin vg0 /dev/vda
    make -L 2M -n between vg0 /dev/vda
    lvm lvextend -L +5M vg0/lin /dev/vda
    lvm lvextend -L +3M vg0/lin /dev/vdb1
    make -i 2 -I 16 -L 8M -n striped vg0 /dev/vda /dev/vdb1
    lvm lvextend -i 3 -I 8 -L +6M vg0/striped /dev/vdb1 /dev/vdc /dev/vdd
    make -i 4 -I 4 -L 8M -n fine-stripes vg0
    make --type raid1 -m 1 -L 6M -n pair vg0 /dev/vdb1 /dev/vda
    make --type raid1 -m 2 -L 4M -n triple vg0
    make --type mirror -m 1 --mirrorlog core -L 4M -n mirror vg0
    make --type raid0 -i 2 -I 16 -L 8M -n zero vg0
    make --type raid0_meta -i 3 -I 8 -L 6M -n zerometa vg0
    make --type raid10 -i 2 -m 1 -I 16 -L 8M -n ten vg0
    for v in lin between striped fine-stripes pair triple mirror zero zerometa ten; do
      fill $v
    done
    make --type raid5 -i 2 -L 4M -n five vg0
    lvm lvcreate -y --type thin-pool -L 8M -n pool vg0
    lvm lvcreate -y -Wn -V 16M --thinpool pool -n thin vg0
    make -L 6M -n cached vg0 /dev/vda
    make -L 4M -n fast vg0 /dev/vdb1
    lvm lvchange -an vg0/fast
    lvm lvconvert -y --type writecache --cachevol fast vg0/cached
    lvm lvcreate -s -L 4M -n snap vg0/between
    dd if=/dev/urandom of=/dev/vg0/between bs=64k count=3 2>/dev/null
    make -L 8M -n files vg0 /dev/vdc /dev/vda
    mkfs.ext4 -q -L files /dev/vg0/files
    say lin between striped fine-stripes pair triple mirror zero zerometa ten files
    lvm vgchange -an vg0

    """

  /// Without the second disk: what was on it gets old.
  private static let changing = """
    lvm vgchange -ay --activationmode degraded vg0 || true
    fill pair; fill triple
    say pair triple
    lvm vgchange -an vg0

    """

  private func run(_ script: String, _ images: [FilePath]) throws -> [String: String] {
    let file = directory.appending("script")
    try writeFile(Array((Self.preparation + script).utf8), to: file)
    let said = try output(
      of: debianGuest,
      arguments: ["--script", file.string, "--program", "lvm", "--program", "mkfs.ext4"]
        + Self.modules.flatMap { ["--module", $0] } + images.map(\.string))
    var sums: [String: String] = [:]
    for line in said.split(separator: "\n") {
      let words = line.split(separator: " ").map { String($0) }
      if words.first == "SUM", words.count >= 3 { sums[words[1]] = words[2] }
    }
    return sums
  }

  private func sum(_ volume: Volume) throws -> String {
    let file = directory.appending("copy")
    let device = try #require(volume.device)
    try writeFile(device.bytes(at: 0, count: Int(device.byteCount)), to: file)
    return String(try output(of: "sha256sum", file.string).prefix { $0 != " " })
  }

  @Test func `every byte is as Linux has it, and what cannot be read says why`() throws {
    let images = ["a", "b", "c", "d"].map { directory.appending($0) }
    for image in images { try output(of: "truncate", "-s", "96M", image.string) }
    try output(
      of: "sfdisk", "--quiet", images[1].string, input: "label: dos\nstart=2048, type=8e\n")
    var sums = try run(Self.making, images)
    #expect(sums.count == 11)
    try expect(sums, on: images)
    let newer = try run(Self.changing, [images[0], images[2], images[3]])
    #expect(newer.count == 2 && newer["pair"] != sums["pair"])
    sums.merge(newer) { $1 }
    try expect(sums, on: images)
    try expectWithout(second: images)
  }

  private func listing(_ images: [FilePath]) throws -> VolumeListing {
    try findVolumes(
      on: try images.enumerated().map {
        NamedDisk(name: "disk\($0.offset)", device: try DiskImage(opening: $0.element))
      })
  }

  private func expect(_ sums: [String: String], on images: [FilePath]) throws {
    let listing = try listing(images)
    #expect(listing.problems == [])
    #expect(listing.groups.count == 1 && listing.groups[0].name == "vg0")
    #expect(
      listing.groups.first?.physicalVolumes.map(\.volume)
        == ["disk0", "disk1/1", "disk2", "disk3"])
    for (name, wanted) in sums {
      let volume = try #require(listing.volumes.first { $0.name == "vg0/\(name)" })
      #expect(volume.problem == nil, "\(name)")
      #expect(try sum(volume) == wanted, "\(name)")
    }
    let files = listing.volumes.first { $0.name == "vg0/files" }
    #expect(files?.content?.typeName == "ext4" && files?.content?.label == "files")
    let reasons = [
      "five": "RAID 5", "pool": "thin pool", "thin": "thin volume", "cached": "write cache",
      "snap": "snapshot of between",
    ]
    for (name, reason) in reasons {
      let volume = listing.volumes.first { $0.name == "vg0/\(name)" }
      #expect(volume?.device == nil && volume?.problem?.contains(reason) == true, "\(name)")
    }
    let names = listing.volumes.filter { $0.kind == .logicalVolume(group: "vg0") }.map(\.name)
    #expect(Set(names) == Set((Array(sums.keys) + reasons.keys + allNames).map { "vg0/\($0)" }))
  }

  private let allNames = [
    "lin", "between", "striped", "fine-stripes", "pair", "triple", "mirror", "zero", "zerometa",
    "ten", "files",
  ]

  /// What lies elsewhere can still be read.
  private func expectWithout(second images: [FilePath]) throws {
    let listing = try listing([images[0], images[2], images[3]])
    #expect(listing.problems.count == 1 && listing.problems[0].contains("is missing"))
    let problems = Dictionary(
      listing.volumes.map { ($0.name, $0.problem) }, uniquingKeysWith: { first, _ in first })
    for name in ["lin", "striped", "fine-stripes"] {
      #expect(
        problems["vg0/\(name)"]??.contains("/dev/vdb1 on the machine), which is missing") == true)
    }
    for name in ["between", "pair", "triple", "files"] {
      #expect(problems["vg0/\(name)"] == .some(nil), "\(name)")
    }
  }
}
