import ArgumentParser
import Filesystems
import Glibc

/// Refuses arguments, and variables that name files, which are not UTF-8: what they become as text
/// would name other files.
///
/// - Throws: `ExitCode`, after it has told which.
func refuseUnreadableWords() throws {
  for number in 1..<max(1, Int(CommandLine.argc)) {
    guard let argument = CommandLine.unsafeArgv[number] else { continue }
    try refuse(argument, as: "argument \(number)")
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
