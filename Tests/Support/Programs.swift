internal import Files
internal import Glibc
package import SystemPackage

/// A program that failed.
package struct ProgramError: Error, CustomStringConvertible {
  package let description: String
}

/// Runs a program, waits for it, and shows nothing of what it says.
package func run(_ program: FilePath, _ arguments: [String]) throws {
  let command = ([program.string] + arguments).map { strdup($0) }
  defer { for argument in command { free(argument) } }
  var actions = posix_spawn_file_actions_t()
  posix_spawn_file_actions_init(&actions)
  defer { posix_spawn_file_actions_destroy(&actions) }
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
  var process = pid_t()
  let status = posix_spawn(&process, program.string, &actions, nil, command + [nil], environ)
  guard status == 0 else {
    throw ProgramError(description: "\(program) cannot be run: \(Errno(rawValue: status))")
  }
  var outcome: Int32 = 0
  while waitpid(process, &outcome, 0) < 0 && errno == EINTR {}
  guard outcome == 0 else {
    throw ProgramError(description: "\(program) \(arguments): status \(outcome)")
  }
}

/// Where `qemu-img` is; nil where it is not installed.
package let qemuImage: FilePath? = ["/usr/bin/qemu-img", "/usr/local/bin/qemu-img"]
  .map { FilePath($0) }.first { access($0.string, X_OK) == 0 }

/// Where `virsh` is; nil where it is not installed.
package let virsh: FilePath? = ["/usr/bin/virsh", "/usr/local/bin/virsh"]
  .map { FilePath($0) }.first { access($0.string, X_OK) == 0 }

package func makeWithQemu(
  _ path: FilePath, format: String, options: String, byteCount: Int
) throws {
  try run(qemuImage!, ["create", "-f", format, "-o", options, path.string, "\(byteCount)"])
}

package func convertWithQemu(
  _ source: FilePath, to target: FilePath, format: String, options: String
) throws {
  let formats = ["-f", "raw", "-O", format, "-o", options]
  try run(qemuImage!, ["convert"] + formats + [source.string, target.string])
}
