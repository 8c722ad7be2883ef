import ArgumentParser
import FileRestores
import Filesystems
import Guests
import Tiers
import Vaults
import Volumes

/// Runs a command that looks into one point or image.
struct GuestSession {
  let session: Session
  let options: GuestOptions
  private let secrets: GuestSecrets
  private let vault: Vault?

  init(
    session: Session, options: GuestOptions, secrets: GuestSecrets, vault: Vault? = nil
  ) {
    self.session = session
    self.options = options
    self.secrets = secrets
    self.vault = vault
  }

  static func run(
    _ shared: [SharedOptions], _ options: GuestOptions, harmless: String = "Nothing was changed.",
    _ body: (GuestSession) throws -> Void
  ) throws {
    try Session.run(shared, harmless: harmless) { session in
      let secrets = try options.secrets.read()
      var vault: Vault?
      if options.images.isEmpty {
        vault = try session.openVault()
        try options.tier.check(in: vault!)
      }
      try body(
        GuestSession(
          session: session, options: options, secrets: secrets, vault: vault))
    }
  }

  /// Whether places have no point before them.
  var isOnImages: Bool { vault == nil }

  /// The disks of a point, or the images.
  func source(_ point: String?) throws -> GuestSource {
    guard let vault else {
      return try GuestSource.open(images: options.images, secrets: secrets)
    }
    guard let point, !point.isEmpty else {
      throw ValidationError("name a point: POINT or POINT:/path (see `kluis points`), or --image")
    }
    return try GuestSource.open(
      point: point, options.tier, vault, session, secrets: secrets)
  }

  /// A place as it was typed, with a point before it or none.
  func address(_ text: String) -> GuestAddress {
    if !isOnImages { return GuestAddress(text) }
    var address = GuestAddress("")
    address.point = nil
    address.place = GuestPlace(text)
    return address
  }

  /// Places as they were typed, together with what they lie in; each point is opened once.
  ///
  /// Without any, the images themselves.
  func places(_ texts: [String]) throws -> [(source: GuestSource, places: [GuestPlace])] {
    if texts.isEmpty, !isOnImages { _ = try source(nil) }
    let addresses = (texts.isEmpty ? [""] : texts).map(address)
    var all: [(point: String?, places: [GuestPlace])] = []
    for address in addresses {
      if let known = all.firstIndex(where: { $0.point == address.point }) {
        all[known].places.append(address.place)
      } else {
        all.append((address.point, [address.place]))
      }
    }
    return try all.map { (try source($0.point), $0.places) }
  }

  func states(of sources: [GuestSource]) -> [StateReport] {
    sources.flatMap { source in
      source.fileSystemsInUse.map { volume, fileSystem in
        StateReport(
          volume: volume.name, type: fileSystem.typeName, state: fileSystem.state.sentence)
      }
    }
  }

  /// Says in which state the file systems are that were opened; one that may be behind what the
  /// machine had written is degraded.
  ///
  /// Says what is missing from the machine's tree as well.
  func tellStates(of source: GuestSource) {
    for problem in source.guest.mountProblems { session.notices.note(problem) }
    for (volume, fileSystem) in source.fileSystemsInUse {
      let state = fileSystem.state
      if state == FileSystemState() { continue }
      let text = "\(volume.name) (\(fileSystem.typeName)): \(state.sentence)"
      if case .notReplayed = state.journal {
        session.notices.add(text)
      } else {
        session.notices.note(text)
      }
    }
  }
}

/// The state of a file system, as `--json` shows it.
struct StateReport: Encodable {
  let volume: String
  let type: String
  let state: String
}
