import Glibc
import Testing

/// How a program ended and what it said.
struct Outcome: CustomStringConvertible {
  let command: [String]
  /// -1 where a signal ended it.
  let status: Int32
  /// 0 where it ended by itself.
  let signal: Int32
  let output: String
  let errors: String
  let cpuSeconds: Double
  /// The most memory that was resident at once, as far as looking at it now and then can tell.
  let peakBytes: Int

  /// All that was said.
  var text: String { output + errors }

  var description: String {
    let end = signal == 0 ? "exit status \(status)" : "signal \(signal)"
    return "$ \(command.joined(separator: " "))\n\(text)(\(end))"
  }

  /// Expects one of `statuses`, and no signal ever.
  @discardableResult
  func expect(
    _ statuses: Int32..., saying wanted: String? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) -> Outcome {
    #expect(signal == 0, "\(self)", sourceLocation: sourceLocation)
    #expect(statuses.contains(status), "\(self)", sourceLocation: sourceLocation)
    if let wanted { #expect(text.contains(wanted), "\(self)", sourceLocation: sourceLocation) }
    return self
  }
}

/// A program that was started; ``wait()`` must be called once.
final class RunningProgram {
  private let command: [String]
  private let output: Int32
  private let errors: Int32
  private(set) var process: pid_t = 0

  /// Has no terminal, even where these tests have one, so that nothing is asked for on it.
  ///
  /// - Parameters:
  ///   - command: the program, looked for on the path if it has no "/", and its arguments.
  ///   - environment: added to this process's own; nil takes a variable away.
  init(_ command: [String], environment: [String: String?] = [:], directory: String? = nil) {
    self.command = command
    output = openUnnamedFile()
    errors = openUnnamedFile()
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, 1)
    posix_spawn_file_actions_adddup2(&actions, errors, 2)
    let place = directory.map { ["env", "--chdir=\($0)"] } ?? []
    var arguments = (place + command).map { strdup($0) } + [nil]
    var variables = merged(environment).map { strdup($0) } + [nil]
    let program = (place + command)[0]
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    // These tests run on threads that most signals are kept from; a program must not inherit that.
    var noSignals = sigset_t()
    sigemptyset(&noSignals)
    posix_spawnattr_setsigmask(&attributes, &noSignals)
    let (newSession, signalMask): (Int16, Int16) = (0x80, 0x08)
    posix_spawnattr_setflags(&attributes, newSession | signalMask)
    let problem = posix_spawnp(
      &process, program, &actions, &attributes, &arguments, &variables)
    posix_spawnattr_destroy(&attributes)
    posix_spawn_file_actions_destroy(&actions)
    for text in arguments + variables { free(text) }
    precondition(problem == 0, "cannot start \(command[0]): \(String(cString: strerror(problem)))")
  }

  func send(_ signal: Int32) { kill(process, signal) }

  /// Whether it runs still.
  var isRunning: Bool {
    var information = siginfo_t()
    let found = waitid(P_PID, id_t(process), &information, WEXITED | WNOHANG | WNOWAIT)
    return found == 0 && information.si_signo == 0
  }

  /// Waits until `condition` holds or the program has ended.
  /// - Returns: whether it holds.
  func wait(until condition: () -> Bool) -> Bool {
    while isRunning {
      if condition() { return true }
      usleep(500)
    }
    return condition()
  }

  /// Waits for the end. Looks at the memory meanwhile, since what the system reports afterwards
  /// counts that of whoever started the program as well.
  func wait() -> Outcome {
    var status: Int32 = 0
    var usage = rusage()
    var peak = 0
    while wait4(process, &status, WNOHANG, &usage) == 0 {
      peak = max(peak, residentPeak(of: process))
      usleep(2_000)
    }
    defer {
      close(output)
      close(errors)
    }
    let signal = status & 0x7f
    let times = [usage.ru_utime, usage.ru_stime]
    return Outcome(
      command: command, status: signal == 0 ? (status >> 8) & 0xff : -1, signal: signal,
      output: readAll(output), errors: readAll(errors),
      cpuSeconds: times.reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 },
      peakBytes: peak)
  }
}

/// Runs a tool of the system, which has to succeed.
@discardableResult
func run(_ command: String...) -> String {
  let outcome = RunningProgram(command).wait()
  precondition(outcome.status == 0, "\(outcome)")
  return outcome.output
}

/// Whether a tool is on the path.
func isInstalled(_ tool: String) -> Bool {
  RunningProgram(["sh", "-c", "command -v \(tool)"]).wait().status == 0
}

func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

func merged(_ changes: [String: String?]) -> [String] {
  var variables: [String] = []
  var place = environ
  while let entry = place.pointee {
    let text = String(cString: entry)
    let name = String(text.prefix { $0 != "=" })
    if !changes.keys.contains(name) { variables.append(text) }
    place += 1
  }
  for case (let name, let value?) in changes { variables.append("\(name)=\(value)") }
  return variables
}

private func openUnnamedFile() -> Int32 {
  let name = "\(scratchRoot)/.kluis-output-\(UInt64.random(in: .min ... .max))"
  let descriptor = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
  precondition(descriptor >= 0, "cannot make a file in \(scratchRoot)")
  unlink(name)
  return descriptor
}

private func readAll(_ descriptor: Int32) -> String {
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65_536)
  while true {
    let count = pread(descriptor, &buffer, buffer.count, off_t(bytes.count))
    if count <= 0 { break }
    bytes.append(contentsOf: buffer[..<count])
  }
  return String(decoding: bytes, as: UTF8.self)
}

private func residentPeak(of process: pid_t) -> Int {
  // Until it runs a program of its own, the memory that a child shows is that of these tests.
  guard program(of: process) != program(of: getpid()) else { return 0 }
  let descriptor = open("/proc/\(process)/status", O_RDONLY | O_CLOEXEC)
  guard descriptor >= 0 else { return 0 }
  defer { close(descriptor) }
  let line = readAll(descriptor).split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
  return (line?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) << 10
}

/// The file that a process runs; nil where it has ended.
private func program(of process: pid_t) -> String? {
  var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
  let count = buffer.withUnsafeMutableBytes { bytes in
    readlink(
      "/proc/\(process)/exe", bytes.baseAddress!.assumingMemoryBound(to: CChar.self), bytes.count)
  }
  return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
}
