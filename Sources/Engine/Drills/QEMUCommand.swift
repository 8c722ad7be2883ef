internal import CLinux
internal import Files
internal import Glibc
internal import Machines
internal import SystemPackage
internal import Workers

/// The command that starts a restored machine in QEMU.
struct QEMUCommand {
  static let program = "qemu-system-x86_64"

  private(set) var arguments: [String]

  /// More memory than this is not taken for a drill.
  private static let memoryLimit: UInt64 = 4 << 30
  private static let memoryDefault: UInt64 = 1 << 30

  /// - Parameters:
  ///   - definition: with the disks, raw images, where they were restored to.
  ///   - place: where QEMU keeps what the machine writes.
  init(
    _ definition: MachineDefinition, place: FilePath, console: FilePath,
    accelerator: BootPlan.Accelerator
  ) throws {
    let isUEFI = definition.firmware == .uefi
    let memory = min(definition.memoryBytes ?? Self.memoryDefault, Self.memoryLimit)
    let cores = max(1, min(definition.cpus ?? 1, availableCores()))
    arguments = [
      "env", "TMPDIR=\(place)", Self.program, "-nodefaults", "-no-user-config", "-display", "none",
      "-no-reboot", "-nic", "none", "-machine",
      "\(isUEFI ? "q35" : "pc"),accel=\(accelerator.rawValue)", "-m",
      "\(max(memory >> 20, 64))", "-smp", "\(cores)", "-chardev",
      "file,id=console,path=\(escaped(console))", "-serial", "chardev:console", "-device",
      "virtio-rng-pci",
    ]
    if isUEFI { try addFirmware(definition) }
    addDisks(definition)
  }

  /// The firmware of Debian's package `ovmf`, of the size that the machine's variables have.
  private mutating func addFirmware(_ definition: MachineDefinition) throws {
    let directory = FilePath("/usr/share/OVMF")
    var isSmall = false
    if let nvram = definition.nvram {
      isSmall = (try fileStatus(FilePath(nvram))?.byteCount ?? 0) <= 128 << 10
    }
    let suffix = isSmall ? "" : "_4M"
    let code = directory.appending("OVMF_CODE\(suffix).fd")
    guard try fileStatus(code) != nil else {
      throw DrillFailure("the machine starts by UEFI, and there is no \(code): install ovmf")
    }
    let variables =
      definition.nvram.map { FilePath($0) } ?? directory.appending("OVMF_VARS\(suffix).fd")
    arguments += [
      "-drive", "if=pflash,format=raw,readonly=on,file=\(escaped(code))",
      "-drive", "if=pflash,format=raw,snapshot=on,file=\(escaped(variables))",
    ]
  }

  /// On the bus that a disk's name tells of, as libvirt names them: `vda`, `sda`, `hda`.
  private mutating func addDisks(_ definition: MachineDefinition) {
    if definition.disks.contains(where: { isSerial($0.name) }) {
      arguments += ["-device", "ahci,id=sata"]
    }
    var ports = 0
    for (number, disk) in definition.disks.enumerated() {
      guard let path = disk.path else { continue }
      arguments += [
        "-drive",
        "if=none,id=disk\(number),format=raw,snapshot=on,file=\(escaped(FilePath(path)))",
      ]
      var device = "virtio-blk-pci,drive=disk\(number)"
      if isSerial(disk.name) {
        device = "ide-hd,drive=disk\(number),bus=sata.\(ports)"
        ports += 1
      } else if disk.name.hasPrefix("hd"), definition.firmware != .uefi {
        device = "ide-hd,drive=disk\(number)"
      }
      arguments += ["-device", "\(device),bootindex=\(disk.role == .os ? 0 : number + 1)"]
    }
  }

  private func isSerial(_ disk: String) -> Bool { disk.hasPrefix("sd") }

  /// - Returns: the process.
  /// - Throws: ``DrillFailure``.
  func start(output: FilePath) throws(DrillFailure) -> Int64 {
    var pointers = arguments.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    let outcome = linux_start(&pointers, output.string)
    guard outcome > 0 else {
      throw DrillFailure(
        "\(Self.program) cannot be started: \(Errno(rawValue: Int32(clamping: -outcome)).sentence)")
    }
    return outcome
  }
}

/// In QEMU's options a comma ends a value, and two are one.
private func escaped(_ path: FilePath) -> String {
  path.string.split(separator: ",", omittingEmptySubsequences: false).joined(separator: ",,")
}
