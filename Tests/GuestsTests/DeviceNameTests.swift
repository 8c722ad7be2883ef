import Testing
import Volumes

@testable import Guests

@Suite struct DeviceNameTests {
  private let listing = VolumeListing(
    volumes: [
      volume("root", .disk, content: nil),
      volume(
        "root/1", .partition(1), label: "EFI", uuid: "11-AA", content: ("vfat", "ESP", "AB-12")),
      volume(
        "root/2", .partition(2), label: "a b", uuid: "22-bb", content: ("ext4", "top", "1f-3")),
      volume("data", .disk, content: ("xfs", "big data", "77-1")),
      volume("nvme1n1", .disk, content: nil),
      volume("nvme1n1/1", .partition(1), content: ("ext4", "twin", "99-9")),
      volume("vg-0/my-home", .logicalVolume(group: "vg-0"), content: ("ext4", "twin", "99-9")),
      volume("sd/a", .logicalVolume(group: "sd"), uuid: "22-bb", content: nil),
    ], problems: [])

  @Test(arguments: [
    ("UUID=ab-12", "root/1"), ("UUID=\"1F-3\"", "root/2"), ("LABEL=ESP", "root/1"),
    ("LABEL=esp", ""), ("PARTUUID=22-BB", "root/2"), ("PARTLABEL=EFI", "root/1"),
    ("UUID=99-9", "nvme1n1/1 vg-0/my-home"), ("SERIAL=1", ""),
    ("/dev/disk/by-uuid/AB-12", "root/1"), ("/dev/disk/by-partuuid/22-bb", "root/2"),
    ("/dev/disk/by-label/big\\x20data", "data"), ("/dev/disk/by-partlabel/a\\x20b", "root/2"),
    ("/dev/disk/by-id/ata-1", ""), ("/dev/mapper/vg--0-my--home", "vg-0/my-home"),
    ("/dev/mapper/luks-1", ""), ("/dev/mapper/control", ""), ("/dev/vg-0/my-home", "vg-0/my-home"),
    ("/dev/root/1", ""), ("/dev/sd/a", "sd/a"), ("/dev/sda1", "root/1"), ("/dev/vda2", "root/2"),
    ("/dev/vda", "root"), ("/dev/xvdb", "data"), ("/dev/hdc1", "nvme1n1/1"), ("/dev/vda3", ""),
    ("/dev/sdaa1", ""), ("/dev/nvme0n1p2", "root/2"), ("/dev/nvme1n1p1", "nvme1n1/1"),
    ("/dev/mmcblk0p1", "root/1"), ("/dev/md0", ""), ("tmpfs", ""), ("", ""), ("/dev/", ""),
  ])
  func `a machine's names for its volumes lead to them`(name: String, found: String) {
    #expect(listing.volumes(onMachine: name).map(\.name).joined(separator: " ") == found)
  }

  @Test func `people name volumes by their names and tags, and hear what there is`() throws {
    let guest = Guest(listing)
    #expect(try guest.volume(named: "root/2").name == "root/2")
    #expect(try guest.volume(named: "UUID=77-1").name == "data")
    #expect(throws: GuestError.self) { try guest.volume(named: "LABEL=twin") }
    do {
      _ = try guest.volume(named: "root/9")
      Issue.record("there is none")
    } catch let error as GuestError {
      #expect(error.description.contains("vg-0/my-home"))
    }
  }
}

private func volume(
  _ name: String, _ kind: Volume.Kind, label: String? = nil, uuid: String? = nil,
  content: (type: String, label: String, uuid: String)?
) -> Volume {
  Volume(
    name: name, kind: kind, byteCount: 0, label: label, uuid: uuid, device: nil,
    content: content.map {
      Signature(role: .fileSystem, typeName: $0.type, label: $0.label, uuid: $0.uuid)
    })
}
