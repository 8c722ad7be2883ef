import Glibc
import Testing

/// A program with a person at its terminal; ``wait()`` must be called once.
final class TerminalProgram {
  private let terminal: Int32
  private var process: pid_t = 0
  /// All that the terminal has shown.
  private(set) var screen = ""
  private var searched = ""

  init(_ command: [String], environment: [String: String?], directory: String) {
    terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    let (unlock, numberRequest): (UInt, UInt) = (0x4004_5431, 0x8004_5430)
    var (isLocked, number): (Int32, Int32) = (0, 0)
    precondition(
      terminal >= 0 && ioctl(terminal, unlock, &isLocked) == 0
        && ioctl(terminal, numberRequest, &number) == 0, "no terminal")
    let name = "/dev/pts/\(number)"
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    posix_spawn_file_actions_addopen(&actions, 0, name, O_RDWR | O_NOCTTY, 0)
    posix_spawn_file_actions_adddup2(&actions, 0, 1)
    posix_spawn_file_actions_adddup2(&actions, 0, 2)
    // Runs the program in this very process, with the terminal as its own.
    let whole = ["setsid", "--ctty", "env", "--chdir=\(directory)"] + command
    var arguments = whole.map { strdup($0) } + [nil]
    var variables = merged(environment).map { strdup($0) } + [nil]
    let problem = posix_spawnp(&process, whole[0], &actions, nil, &arguments, &variables)
    posix_spawn_file_actions_destroy(&actions)
    for text in arguments + variables { free(text) }
    precondition(problem == 0, "cannot start \(command[0])")
  }

  deinit { close(terminal) }

  /// Waits until the terminal shows `text`, after all that was waited for before.
  func expect(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) {
    for _ in 0..<2000 {
      if let found = searched.firstRange(of: text) {
        searched = String(searched[found.upperBound...])
        return
      }
      if !readSome(milliseconds: 10) { break }
    }
    Issue.record("the terminal never said '\(text)':\n\(screen)", sourceLocation: sourceLocation)
  }

  /// Types a line. The program has to have asked for it, and the terminal must not show it.
  func type(_ line: String, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(waitForEcho(false), "the terminal shows what is typed", sourceLocation: sourceLocation)
    send("\(line)\n")
  }

  /// As if Ctrl-C were pressed.
  func interrupt() { send("\u{3}") }

  private func send(_ text: String) {
    let bytes = Array(text.utf8)
    precondition(write(terminal, bytes, bytes.count) == bytes.count, "cannot type")
  }

  /// Whether the terminal comes to show what is typed, or to hide it.
  func waitForEcho(_ isShown: Bool) -> Bool {
    for _ in 0..<2000 {
      var settings = termios()
      tcgetattr(terminal, &settings)
      if (settings.c_lflag & tcflag_t(ECHO) != 0) == isShown { return true }
      usleep(1000)
    }
    return false
  }

  /// - Returns: the exit status; -1 where a signal ended it.
  func wait() -> Int32 {
    while readSome(milliseconds: 1000) {}
    var status: Int32 = 0
    waitpid(process, &status, 0)
    return status & 0x7f == 0 ? (status >> 8) & 0xff : -1
  }

  /// - Returns: false where nobody has the terminal open any more.
  private func readSome(milliseconds: Int32) -> Bool {
    var ready = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
    guard poll(&ready, 1, milliseconds) > 0 else { return true }
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = read(terminal, &buffer, buffer.count)
    guard count > 0 else { return false }
    let text = String(decoding: buffer[..<count], as: UTF8.self)
    screen += text
    searched += text
    return true
  }
}

extension Kluis {
  /// Starts `kluis` with a person at its terminal.
  func startOnTerminal(_ arguments: String...) -> TerminalProgram {
    TerminalProgram(
      [Self.program] + arguments, environment: ["KLUIS_VAULT": vault].merging(variables) { $1 },
      directory: scratch.path)
  }
}
