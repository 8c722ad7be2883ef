extension PartitionType {
  /// By the byte in a master boot record.
  init(code: UInt8) {
    let digits = String(code, radix: 16)
    name = codeNames[code] ?? "type 0x\(code < 16 ? "0" : "")\(digits)"
    isExtended = [0x05, 0x0F, 0x85, 0xC5, 0xD5].contains(code)
  }

  /// By the GUID in a GUID partition table, in lower case.
  init(guid: String) { name = guidNames[guid] ?? guid }
}

private let codeNames: [UInt8: String] = [
  0x01: "FAT12", 0x04: "FAT16 (small)", 0x05: "Extended", 0x06: "FAT16", 0x07: "NTFS or exFAT",
  0x0B: "FAT32", 0x0C: "FAT32", 0x0E: "FAT16", 0x0F: "Extended", 0x11: "Hidden FAT12",
  0x14: "Hidden FAT16 (small)", 0x16: "Hidden FAT16", 0x17: "Hidden NTFS or exFAT",
  0x1B: "Hidden FAT32", 0x1C: "Hidden FAT32", 0x1E: "Hidden FAT16", 0x27: "Windows recovery",
  0x39: "Plan 9", 0x42: "Windows dynamic disk", 0x63: "UNIX System V", 0x82: "Linux swap",
  0x83: "Linux", 0x84: "Hibernation", 0x85: "Linux extended", 0x88: "Linux plain text",
  0x8E: "Linux LVM", 0xA0: "Hibernation", 0xA5: "FreeBSD", 0xA6: "OpenBSD", 0xA8: "Apple UFS",
  0xA9: "NetBSD", 0xAB: "Apple boot", 0xAF: "Apple HFS", 0xBE: "Solaris boot", 0xBF: "Solaris",
  0xC5: "Extended", 0xD5: "Extended", 0xDA: "Data without a file system", 0xDE: "Dell utility",
  0xEA: "Linux extended boot", 0xEB: "BeOS", 0xEE: "GPT protective", 0xEF: "EFI System",
  0xFB: "VMware VMFS", 0xFC: "VMware swap", 0xFD: "Linux RAID",
]

private let guidNames: [String: String] = [
  "c12a7328-f81f-11d2-ba4b-00a0c93ec93b": "EFI System",
  "024dee41-33e7-11d3-9d69-0008c781f39f": "MBR partition scheme",
  "21686148-6449-6e6f-744e-656564454649": "BIOS boot",
  "e3c9e316-0b5c-4db8-817d-f92df00215ae": "Microsoft reserved",
  "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7": "Windows data",
  "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3": "Windows dynamic disk metadata",
  "af9b60a0-1431-4f62-bc68-3311714a69ad": "Windows dynamic disk data",
  "de94bba4-06d1-4d40-a16a-bfd50179d6ac": "Windows recovery",
  "e75caf8f-f680-4cee-afa3-b001e56efc2d": "Windows Storage Spaces",
  "558d43c5-a1ac-43c0-aac8-d1472b2923d1": "Windows Storage Replica",
  "0fc63daf-8483-4772-8e79-3d69d8477de4": "Linux",
  "a19d880f-05fc-4d3b-a006-743f0f84911e": "Linux RAID",
  "44479540-f297-41b2-9af7-d131d5f0458a": "Linux root (x86)",
  "4f68bce3-e8cd-4db1-96e7-fbcaf984b709": "Linux root (x86-64)",
  "69dad710-2ce4-4e3c-b16c-21a1d49abed3": "Linux root (ARM)",
  "b921b045-1df0-41c3-af44-4c6f280d3fae": "Linux root (ARM64)",
  "72ec70a6-cf74-40e6-bd49-4bda08e8f224": "Linux root (RISC-V 64)",
  "5eead9a9-fe09-4a1e-a1d7-520d00531306": "Linux root (s390x)",
  "c31c45e6-3f39-412e-80fb-4809c4980599": "Linux root (PowerPC 64 LE)",
  "8484680c-9521-48c6-9c11-b0720656f69e": "Linux /usr (x86-64)",
  "b0e01050-ee5f-4390-949a-9101b17104e9": "Linux /usr (ARM64)",
  "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5": "Linux root verity (x86-64)",
  "77ff5f63-e7b6-4633-acf4-1565b864c0e6": "Linux /usr verity (x86-64)",
  "bc13c2ff-59e6-4262-a352-b275fd6f7172": "Linux extended boot",
  "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f": "Linux swap",
  "e6d6d379-f507-44c2-a23c-238f2a3df928": "Linux LVM",
  "933ac7e1-2eb4-4f13-b844-0e14e2aef915": "Linux home",
  "3b8f8425-20e0-4f3b-907f-1a25a76f98e8": "Linux server data",
  "4d21b016-b534-45c2-a9fb-5c16e091fd2d": "Linux /var",
  "7ec6f557-3bc5-4aca-b293-16ef5df639d1": "Linux /var/tmp",
  "8da63339-0007-60c0-c436-083ac8230908": "Linux reserved",
  "ca7d7ccb-63ed-4c53-861c-1742536059cc": "Linux LUKS",
  "7ffec5c9-2d00-49b7-8941-3ea10a5586b7": "Linux dm-crypt",
  "83bd6b9d-7f41-11dc-be0b-001560b84f0f": "FreeBSD boot",
  "516e7cb4-6ecf-11d6-8ff8-00022d09712b": "FreeBSD data",
  "516e7cb5-6ecf-11d6-8ff8-00022d09712b": "FreeBSD swap",
  "516e7cb6-6ecf-11d6-8ff8-00022d09712b": "FreeBSD UFS",
  "516e7cba-6ecf-11d6-8ff8-00022d09712b": "FreeBSD ZFS",
  "824cc7a0-36a8-11e3-890a-952519ad3f61": "OpenBSD data",
  "48465300-0000-11aa-aa11-00306543ecac": "Apple HFS",
  "7c3457ef-0000-11aa-aa11-00306543ecac": "Apple APFS",
  "426f6f74-0000-11aa-aa11-00306543ecac": "Apple boot",
  "6a898cc3-1dd2-11b2-99a6-080020736631": "ZFS",
  "6a82cb45-1dd2-11b2-99a6-080020736631": "Solaris boot",
  "6a945a3b-1dd2-11b2-99a6-080020736631": "Solaris reserved",
  "aa31e02a-400f-11db-9590-000c2911d1b8": "VMware VMFS",
  "9d275380-40ad-11db-bf97-000c2911d1b8": "VMware kernel core dump",
  "9198effc-31c0-11db-8f78-000c2911d1b8": "VMware reserved",
  "4fbd7e29-9d25-41b8-afd0-062c0ceff05d": "Ceph OSD",
  "45b0969e-9b03-4f30-b4c6-b4b80ceff106": "Ceph journal",
  "fe3a2a5d-4f32-41a7-b725-accc3285a309": "ChromeOS kernel",
  "3cb8e202-3b7e-47dd-8a3c-7ff2a13cfcec": "ChromeOS root",
]
