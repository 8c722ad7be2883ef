import ArgumentParser
import FoundationEssentials
import SystemPackage
import Tiers
import Vaults
import Workers

/// What a command works with: its options, its vault, and what it will have to say at the end.
struct Session {
  let options: SharedOptions
  let notices = Notices()
  let cancellation = interruptible()

  var isQuiet: Bool { options.quiet || options.json }

  /// Runs a command: turns errors into a line and an exit status, and notices into status 3.
  ///
  /// - Parameter harmless: said after Ctrl-C: what became of the work.
  static func run(
    _ options: [SharedOptions], harmless: String, _ body: (Session) throws -> Void
  ) throws {
    let session = Session(options: merged(options))
    do { try body(session) } catch is Cancelled {
      printError("stopped. \(harmless)")
      throw ExitCode(Status.interrupted)
    } catch let error as ExitCode {
      session.printNotices()
      throw error
    } catch let error as ValidationError {
      throw error
    } catch {
      session.printNotices(besides: "\(error)")
      printError("kluis: \(error)")
      throw ExitCode(Status.failed)
    }
    if session.printNotices() { throw ExitCode(Status.degraded) }
  }

  /// Options given before the command's name count as well as those after it.
  private static func merged(_ groups: [SharedOptions]) -> SharedOptions {
    var options = groups[0]
    for group in groups {
      options.vault = group.vault ?? options.vault
      options.passphraseFile = group.passphraseFile ?? options.passphraseFile
      options.keyFile = group.keyFile ?? options.keyFile
      options.json = options.json || group.json
      options.quiet = options.quiet || group.quiet
    }
    return options
  }

  /// - Parameter error: what is printed behind them, and need not be said twice.
  @discardableResult
  private func printNotices(besides error: String? = nil) -> Bool {
    for text in notices.notes { note(text) }
    for notice in notices.all where notice != error { printError("warning: \(notice)") }
    return !notices.all.isEmpty
  }

  /// Prints unless that was not wanted.
  func say(_ text: String) { if !isQuiet { print(text) } }

  /// Says what one should know, on standard error, so that it is not among what is read.
  func note(_ text: String) {
    if !options.quiet { printError("note: \(text)") }
  }

  /// Runs `body` with its progress shown.
  func withProgress<Result>(
    _ title: String, _ body: (Progress) throws -> Result
  ) rethrows -> Result {
    let progress = Progress()
    let display = ProgressDisplay(title, progress, isShown: !isQuiet)
    defer { display.stop() }
    return try body(progress)
  }
}

/// Which tier a reading command takes.
enum TierChoice: String, ExpressibleByArgument, CaseIterable {
  case snapshot, vault, secondary, auto

  /// Opens the tier to read a point from: the one that was named; else the nearest that holds it,
  /// with those behind it for what that one has lost.
  func open(
    _ listed: ListedPoint, in vault: Vault, notices: Notices
  ) throws -> OpenTier {
    if let name { return try OpenTier(try vault.require(name), notices: notices) }
    let nearest = try vault.require(listed.tiers[0])
    return try OpenTier(
      nearest, notices: notices, otherTiers: vault.tiers(besides: nearest))
  }

  /// Refuses a tier that the vault does not have, or of which no store can be used.
  func check(in vault: Vault) throws {
    if let name { try vault.require(name).requireReadable() }
  }

  /// The points that are in the tier; all of them for `auto`.
  func chosen(_ points: [ListedPoint]) -> [ListedPoint] {
    guard let name else { return points }
    return points.filter { $0.tiers.contains(name) }
  }

  var name: Tier.Name? { Tier.Name(rawValue: rawValue) }
}

extension RecoveryPoint {
  /// The disk of that name; without a name, the only one.
  func disk(named name: String?) throws -> Disk {
    let known = disks.map(\.name)
    guard let name else {
      guard let only = disks.first, disks.count == 1 else {
        throw ValidationError(
          "\(id) has \(Text.count(disks.count, "disk")) (\(known.joined(separator: ", "))): "
            + "choose one with --disk NAME")
      }
      return only
    }
    guard let disk = disks.first(where: { $0.name == name }) else {
      throw VaultError.unknownDisk(name, point: id, known: known)
    }
    return disk
  }
}
