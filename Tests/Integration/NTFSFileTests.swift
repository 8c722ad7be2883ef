import Testing

/// Files out of a disk of Windows, with what they carry besides their bytes.
@Suite(.enabled(if: canMountNTFS, "needs root, FUSE and ntfs-3g"))
struct NTFSFileTests {
  private let kluis = Kluis()
  private let image: String

  init() {
    image = kluis.path("windows.img")
    let mounted = kluis.scratch.directory("mounted")
    run("truncate", "-s", "16M", image)
    run("mkntfs", "-q", "-F", "-Q", image)
    run("mount", "-t", "ntfs-3g", "-o", "loop,streams_interface=windows", image, mounted)
    run(
      "sh", "-c",
      """
      cd '\(mounted)' && mkdir dir && printf bytes >dir/file && printf zone >dir/file:Zone
      seq 40000 >dir/file:large && printf other >dir/other
      """)
    run("umount", mounted)
  }

  @Test func `streams are listed by programs, and printed by their names`() throws {
    let listed = kluis.run(["ls", "--json", "--image", image, "/dir"]).expect(0)
    #expect(
      listed.output.contains(
        #""streams":[{"name":"large","size":228894},{"name":"Zone","size":4}]"#), "\(listed)")
    #expect(kluis.run(["cat", "--image", image, "/DIR/FILE:Zone"]).expect(0).output == "zone")
    let large = kluis.run(["cat", "--image", image, "/dir/file:large"]).expect(0)
    #expect(large.output.hasSuffix("39999\n40000\n"))
    #expect(large.output.utf8.count == 228_894)
    kluis.run(["cat", "--image", image, "/dir/file:no"]).expect(1, saying: "it has no stream no")
    kluis.run(["cat", "--image", image, "/dir/no:no"]).expect(1, saying: "no such file")
  }

  @Test func `what only NTFS has is counted, and a stream that has no room is named`() throws {
    let target = kluis.path("out")
    let outcome = kluis.run(["restore", "files", "--image", image, "/dir", "--to", target]).expect(
      3)
    #expect(outcome.text.contains("6 security descriptors and other attributes of NTFS"))
    #expect(
      outcome.errors.contains("/dir/file: its stream large of 228894 bytes is left out"),
      "\(outcome)")
    #expect(run("cat", "\(target)/dir/file", "\(target)/dir/other") == "bytesother")
    let script = "import os, sys; print(os.getxattr(sys.argv[1], 'user.Zone'))"
    #expect(run("python3", "-c", script, "\(target)/dir/file") == "b'zone'\n")
    let archive = kluis.path("all.tar")
    kluis.run(["restore", "files", "--image", image, "/dir", "--tar", archive])
      .expect(3, saying: "its stream large")
    run("grep", "-aq", "SCHILY.xattr.system.ntfs_acl", archive)
  }
}
