import Filesystems
import TestSupport
import Testing
import Volumes

@testable import Guests

@Suite struct FstabTests {
  @Test func `lines of every kind are read as getmntent reads them`() {
    let entries = parseFstab(
      Array(
        """
        # /etc/fstab: static file system information.
        UUID=0a-1 / ext4 errors=remount-ro 0 1
          LABEL="my\\040data"\t/srv/a\\040b\\134c\txfs\tdefaults,noauto 0 2

        /dev/vg/swap none swap sw 0 0
        /dev/sdb1 /mnt
        #/dev/sdc1 /old ext3
        tmpfs /tmp tmpfs nosuid 0 0
        host:/export /net nfs defaults 0 0
        /home/data /data none bind 0 0
        /dev/sda2 swap swap
        lonely

        """.utf8))
    #expect(
      entries.map(\.point.description) == ["/", "/srv/a b\\\\c", "/mnt", "/tmp", "/net", "/data"])
    #expect(
      entries.map(\.deviceText) == [
        "UUID=0a-1", "LABEL=my data", "/dev/sdb1", "tmpfs", "host:/export", "/home/data",
      ])
    #expect(entries.map(\.isOnDisk) == [true, true, true, false, false, false])
  }

  @Test func `what is mounted by hand is not mounted, unless systemd does it`() {
    let lines = ["a /a ext4 ro,noauto", "b /b vfat noauto,x-systemd.automount,umask=0077", "c /c"]
    let entries = parseFstab(Array(lines.joined(separator: "\n").utf8))
    #expect(entries.map(\.isAutomatic) == [false, true, true])
    #expect(entries[2].type == "auto" && entries[2].options == [])
  }

  @Test func `tables of any bytes are read, and names of any kind looked up`() {
    var random = Seed.ofThisRun.random
    let lines = [
      "UUID=0a-1 / ext4 errors=remount-ro 0 1", "LABEL=\"a\\040b\" /b\\134\\0 vfat noauto 0 0",
      "/dev/mapper/a--b-c /c", "/dev/disk/by-label/a\\x20\\xZZ\\x /d", "/dev/nvme0n1p1 /e",
      "/dev/sdzzz9999 /../f//g none bind", "/dev/mapper/--- /h", "/dev/// /i",
    ]
    let listing = VolumeListing(volumes: [], problems: [])
    for _ in 0..<5000 {
      let table = lines.shuffled(using: &random).prefix(4).joined(separator: "\n")
      for entry in parseFstab(mutated(Array(table.utf8), &random)) {
        #expect(entry.point.isAbsolute && listing.volumes(onMachine: entry.deviceText).isEmpty)
      }
    }
  }
}
