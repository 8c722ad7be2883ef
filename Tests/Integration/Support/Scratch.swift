import Glibc

/// Where tests put their files; KLUIS_TEST_DIR names another place.
let scratchRoot = environment("KLUIS_TEST_DIR") ?? environment("TMPDIR") ?? "/var/tmp"

/// A directory of a test's own, removed when the test is over with all that was mounted in it.
final class Scratch {
  let path: String
  private var mounts: [String] = []
  private var loopDevices: [String] = []

  /// - Parameter inMemory: for what syncs often and whose safety on a disk is not what is tested.
  init(inMemory: Bool = false) {
    let root = inMemory && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : scratchRoot
    path = "\(root)/kluis-test-\(String(UInt64.random(in: .min ... .max), radix: 36))"
    precondition(mkdir(path, 0o755) == 0, "cannot make \(path)")
  }

  deinit {
    for mount in mounts.reversed() { run("umount", "--lazy", mount) }
    for device in loopDevices { run("losetup", "--detach", device) }
    run("rm", "-rf", "--one-file-system", path)
  }

  /// The path of something in the directory.
  func path(_ name: String) -> String { "\(path)/\(name)" }

  /// Makes a directory.
  func directory(_ name: String) -> String {
    precondition(mkdir(path(name), 0o755) == 0, "cannot make \(path(name))")
    return path(name)
  }

  /// Mounts a file system in memory that holds `byteCount` bytes.
  func mountMemory(_ name: String, byteCount: Int) -> String {
    let place = directory(name)
    run("mount", "-t", "tmpfs", "-o", "size=\(byteCount)", "tmpfs", place)
    mounts.append(place)
    return place
  }

  /// Mounts a file system whose files can share blocks (btrfs).
  func mountReflinks(_ name: String) -> String {
    let place = directory(name)
    run("truncate", "-s", "256M", path("\(name).btrfs"))
    run("mkfs.btrfs", "-q", path("\(name).btrfs"))
    run("mount", "-o", "loop", path("\(name).btrfs"), place)
    mounts.append(place)
    return place
  }

  /// Mounts a file system of a program's (exfat-fuse), which cannot do what the kernel's can.
  func mountExFAT(_ name: String) -> String {
    let place = directory(name)
    run("truncate", "-s", "64M", path("\(name).exfat"))
    run("mkfs.exfat", path("\(name).exfat"))
    run("mount.exfat-fuse", attach(path("\(name).exfat")), place)
    mounts.append(place)
    return place
  }

  /// Makes a block device of an image.
  func attach(_ image: String) -> String {
    let device = run("losetup", "--find", "--show", image)
    let name = String(device.prefix { $0 != "\n" })
    loopDevices.append(name)
    return name
  }
}

/// Whether this process may mount file systems.
let canMount: Bool = {
  guard geteuid() == 0 else { return false }
  let place = "\(scratchRoot)/kluis-test-mount-\(getpid())"
  mkdir(place, 0o755)
  defer { rmdir(place) }
  guard RunningProgram(["mount", "-t", "tmpfs", "tmpfs", place]).wait().status == 0 else {
    return false
  }
  return RunningProgram(["umount", place]).wait().status == 0
}()

/// Whether this process may mount a file system whose files can share blocks.
let canMountReflinks: Bool = {
  guard canAttach, isInstalled("mkfs.btrfs") else { return false }
  return RunningProgram(["grep", "-qw", "btrfs", "/proc/filesystems"]).wait().status == 0
    || RunningProgram(["modprobe", "btrfs"]).wait().status == 0
}()

/// Whether this process may mount a file system through exfat-fuse.
let canMountExFAT =
  canAttach && isInstalled("mkfs.exfat") && isInstalled("mount.exfat-fuse")
  && access("/dev/fuse", R_OK) == 0

/// Whether this process may mount a file system through ntfs-3g.
let canMountNTFS =
  canAttach && isInstalled("mkntfs") && isInstalled("mount.ntfs-3g")
  && access("/dev/fuse", R_OK) == 0

/// Whether this process may make block devices of files.
let canAttach: Bool = {
  guard geteuid() == 0 else { return false }
  let image = "\(scratchRoot)/kluis-test-loop-\(getpid())"
  run("truncate", "-s", "1M", image)
  defer { unlink(image) }
  let made = RunningProgram(["losetup", "--find", "--show", image]).wait()
  guard made.status == 0 else { return false }
  return RunningProgram(["losetup", "-d", String(made.output.prefix { $0 != "\n" })])
    .wait().status == 0
}()

/// Whether this process may run a program as somebody with fewer rights.
let canDropRights: Bool = {
  guard geteuid() == 0, isInstalled("setpriv") else { return false }
  return RunningProgram(asNobody + [Kluis.program, "--version"]).wait().status == 0
}()

/// What to put before a command to run it as nobody in particular.
let asNobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
