import ArgumentParser
import Filesystems
import Glibc

/// Refuses arguments, and variables that name files, that would be taken for something else: those
/// that are not UTF-8, since as text they would name other files, and `--vault=`, as scripts have
/// where a variable is not set, since the parser would take the next argument for its value.
///
/// - Throws: `ExitCode`, after it has told which.
func refuseUnreadableWords() throws {
  for number in 1..<max(1, Int(CommandLine.argc)) {
    guard let argument = CommandLine.unsafeArgv[number] else { continue }
    try refuse(argument, as: "argument \(number)")
  }
  let options = CommandLine.arguments.dropFirst().prefix { $0 != "--" }
  if let empty = options.first(where: { $0.hasPrefix("--") && $0.hasSuffix("=") }),
    empty.firstIndex(of: "=") == empty.lastIndex(of: "=")
  {
    printError(
      "kluis: '\(empty)' is followed by no value\n  See 'kluis --help' for more information.")
    throw ExitCode.validationFailure
  }
  for name in [
    "KLUIS_VAULT", "KLUIS_CACHE", "KLUIS_PASSPHRASE_FILE", "KLUIS_KEY_FILE",
    "KLUIS_SECRETS_KEY_FILE",
  ] {
    if let value = getenv(name) { try refuse(value, as: name) }
  }
}

private func refuse(_ text: UnsafePointer<CChar>, as what: String) throws {
  if String(validatingCString: text) != nil { return }
  let bytes = UnsafeRawBufferPointer(start: text, count: strlen(text))
  printError(
    "kluis: \(what), '\(FileName(Array(bytes)))', is not UTF-8: rename what it names, or name it "
      + "by a link whose name is")
  throw ExitCode.validationFailure
}
