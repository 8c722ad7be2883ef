internal import Glibc
package import SystemPackage

/// Where a program of the system is; nil where it is not installed.
package func tool(_ name: String) -> FilePath? {
  if name.hasPrefix("/") { return access(name, X_OK) == 0 ? FilePath(name) : nil }
  let path = getenv("PATH").map { String(cString: $0) } ?? ""
  return (path.split(separator: ":") + ["/usr/sbin", "/sbin", "/usr/bin", "/bin"])
    .map { FilePath(String($0)).appending(name) }.first { access($0.string, X_OK) == 0 }
}

/// Whether programs are installed; says on the terminal which are not.
package func areInstalled(_ names: String...) -> Bool {
  let missing = names.filter { tool($0) == nil }
  if !missing.isEmpty { print("skipped, not installed: \(missing.joined(separator: ", "))") }
  return missing.isEmpty
}

/// What a program of the system says; it has to succeed.
@discardableResult
package func output(
  of name: String, _ arguments: String..., input: String = "", allowing allowed: [Int32] = [0]
) throws -> String {
  try output(of: name, arguments: arguments, input: input, allowing: allowed)
}

/// What a program of the system says; it has to succeed.
///
/// - Parameter input: what it reads from its standard input.
@discardableResult
package func output(
  of name: String, arguments: [String], input: String = "", allowing allowed: [Int32] = [0]
) throws -> String {
  guard let program = tool(name) else { throw ProgramError(description: "no \(name)") }
  let directory = try TemporaryDirectory()
  let (given, said, errors) = (
    directory.appending("input"), directory.appending("output"), directory.appending("errors")
  )
  try writeFile(Array(input.utf8), to: given, sparse: false)
  let command = ([program.string] + arguments).map { strdup($0) }
  defer { for argument in command { free(argument) } }
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_addopen(&actions, 0, given.string, O_RDONLY, 0)
  posix_spawn_file_actions_addopen(&actions, 1, said.string, O_WRONLY | O_CREAT, 0o600)
  posix_spawn_file_actions_addopen(&actions, 2, errors.string, O_WRONLY | O_CREAT, 0o600)
  var process = pid_t()
  let status = posix_spawn(&process, program.string, &actions, nil, command + [nil], environ)
  guard status == 0 else {
    throw ProgramError(description: "\(program) cannot be run: \(Errno(rawValue: status))")
  }
  var outcome: Int32 = 0
  while waitpid(process, &outcome, 0) < 0 && errno == EINTR {}
  guard outcome & 0x7F == 0, allowed.contains(outcome >> 8 & 0xFF) else {
    let text = String(decoding: try readFile(said) + readFile(errors), as: UTF8.self)
    throw ProgramError(description: "\(name) \(arguments): status \(outcome >> 8 & 0xFF)\n\(text)")
  }
  return String(decoding: try readFile(said), as: UTF8.self)
}

/// Runs scripts in a virtual machine with Debian's kernel: see `.ci/debian-guest`.
package let debianGuest = FilePath(#filePath).removingLastComponent().removingLastComponent()
  .removingLastComponent().appending(".ci").appending("debian-guest").string

/// Whether that can be had here; says on the terminal what is missing.
package func isDebianGuestAvailable() -> Bool {
  do { try output(of: debianGuest, "--check") } catch {
    print("skipped: \(error)")
    return false
  }
  return true
}

/// Whether the kernel here knows a kind of file system, which it may have to load first; says on
/// the terminal where it does not.
package func isKnownToKernel(_ fileSystem: String) -> Bool {
  func isListed() -> Bool {
    let known = (try? output(of: "cat", "/proc/filesystems")) ?? ""
    return known.split(whereSeparator: \.isWhitespace).contains { $0 == fileSystem }
  }
  if isListed() { return true }
  _ = try? output(of: "modprobe", fileSystem)
  if isListed() { return true }
  print("skipped, the kernel here does not know \(fileSystem)")
  return false
}
