import Glibc

/// A disk with a partition table and an ext4 file system, filled without mounting it.
struct GuestImage {
  let tree: String
  let image: String
  private static let sectorOffset = 2048 * 512

  /// Fills a tree and makes an image of it. As root it has owners, attributes and devices, too.
  init(in scratch: Scratch, largeByteCount: Int = 3 << 20) {
    tree = scratch.directory("tree")
    image = scratch.path("guest.img")
    fill(largeByteCount: largeByteCount)
    makeImage(byteCount: (48 << 20) + 2 * largeByteCount)
  }

  private func fill(largeByteCount: Int) {
    for name in ["etc", "etc/app", "usr", "usr/lib", "bin", "home", "home/me", "deep"] {
      mkdir("\(tree)/\(name)", 0o755)
    }
    write("etc/hosts", "127.0.0.1 localhost\n")
    write("etc/os-release", "NAME=test\n")
    write("etc/a.conf", "a\n")
    write("etc/app/b.conf", "b\n")
    write("etc/.hidden.conf", "h\n")
    write("home/me/new\nline", "odd\n")
    write("home/me/ünï", "utf-8\n")
    writeBytes([0x6F], to: "\(tree)/home/me/empty-not")
    ImageFile("\(tree)/home/me/empty", byteCount: 0).resize(0)
    symlink("usr/lib", "\(tree)/lib")
    symlink("../../etc/hosts", "\(tree)/home/me/hosts")
    link("\(tree)/etc/hosts", "\(tree)/home/me/hard")
    var random = seededGenerator("GuestImage")
    let large = ImageFile("\(tree)/home/me/large", byteCount: 0)
    large.writeNoise(at: 0, count: largeByteCount, &random)
    let sparse = ImageFile("\(tree)/home/me/sparse", byteCount: 8 << 20)
    sparse.write(Array("middle".utf8), at: 4 << 20)
    chmod("\(tree)/etc/app", 0o750)
    chmod("\(tree)/etc/a.conf", 0o640)
    chmod("\(tree)/usr/lib", 0o1777)
    if geteuid() == 0 {
      chown("\(tree)/home/me", 1000, 1001)
      chown("\(tree)/home/me/large", 1000, 1001)
      write("usr/suid", "#!/bin/true\n")
      chmod("\(tree)/usr/suid", 0o4755)
      mknod("\(tree)/deep/null", S_IFCHR | 0o666, 0x103)
    }
    mkfifo("\(tree)/deep/pipe", 0o600)
  }

  /// Makes the image anew from what the tree is now.
  func makeImage(byteCount: Int? = nil) {
    let size = byteCount ?? fileSize(image)
    unlink(image)
    ImageFile(image, byteCount: size).resize(size)
    run(
      "sh", "-c",
      "printf 'label: gpt\\nstart=2048, type=linux, name=root\\n' | sfdisk -q '\(image)'")
    run(
      "mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", tree, "-E",
      "offset=\(Self.sectorOffset)", image, "\((size >> 20) - 2)M")
  }

  func write(_ name: String, _ text: String) {
    writeBytes(Array(text.utf8), to: "\(tree)/\(name)")
  }

  /// What a listing of a tree says of everything in it, in order: names, kinds, modes, owners,
  /// links, sizes and times.
  static func listing(of directory: String, owners: Bool = true) -> [String] {
    let ids = owners ? "%U %G " : ""
    let format = "%P|%y %m \(ids)%n %s %Ts %l\\0"
    let directories = "%P|%y %m \(ids)%Ts\\0"
    return run(
      "find", directory, "-mindepth", "1", "(", "-name", "lost+found", "-prune", ")", "-o", "(",
      "-type", "d", "-printf", directories, ")", "-o", "-printf", format
    ).split(separator: "\0").map(String.init).sorted()
  }
}
