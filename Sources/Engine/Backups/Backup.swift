package import DiskImages
package import Encryption
internal import Hashing
internal import Machines
package import SystemPackage
package import Tiers
package import Vaults
package import Workers

/// Takes a recovery point of a machine: all its disks, in parallel, into one tier.
package struct Backup {
  package struct Source: Sendable {
    package let name: String
    package let path: FilePath
    /// What image a disk is; nil to look at it. See ``DiskImage``.
    package let format: DiskImage.Format?

    package init(name: String, path: FilePath, format: DiskImage.Format? = nil) {
      self.name = name
      self.path = path
      self.format = format
    }
  }

  package var machine: String
  package var disks: Disks
  /// Files with secrets of the machine, which the point keeps sealed.
  package var secrets: [Source] = []
  /// Seals secrets in a vault that is not encrypted.
  package var secretsKey: Secret?
  package var tags: [String: String] = [:]
  /// Brings the machine's applications to rest; nil for a point as after a power failure.
  package var quiescence: Quiescence?
  package var workerCount = availableCores()
  /// Where files lie by which the next backup recognises chunks that are as they were, a directory
  /// for this vault alone beside those of others, of which the unused are removed; nil to compute
  /// the digest of each chunk.
  package var fingerprintDirectory: FilePath?
  /// Whether the digest of each chunk is computed all the same, and all fingerprints made anew.
  package var isRehashing = false
  package var now: Timestamp = .now

  /// What is backed up.
  package enum Disks: Sendable {
    case named([Source])
    case defined(ProtectedMachine)
  }

  package init(machine: String, disks: Disks) {
    self.machine = machine
    self.disks = disks
  }

  package init(machine: String, sources: [Source]) {
    self.init(machine: machine, disks: .named(sources))
  }

  /// Runs the backup and commits the point. When this throws there is no point; what was stored on
  /// the way is found and reused by the next run.
  ///
  /// - Throws: ``FileError``, ``DiskImageError``, ``StoreError``, ``Cancelled``; ``LockedError``,
  ///   ``SecretFileError``, ``DefinitionError``, ``QuiescenceError``.
  package func run(
    vault: Vault, notices: Notices, progress: Progress, cancellation: Cancellation
  ) throws -> RecoveryPoint {
    let (sources, left, protected) = try chosenDisks()
    let secrets = try SecretIntake(machine: machine, vault: vault, key: secretsKey)
      .sealed(self.secrets, protected)
    let files = try protected?.files() ?? []
    var intake = DiskIntake(
      vault: vault, notices: notices, progress: progress, cancellation: cancellation)
    intake.workerCount = workerCount
    let trees = try read(sources, files.map(\.source), intake, notices)
    var point = RecoveryPoint(
      machine: machine, time: try time(in: vault, notices: notices),
      consistency: quiescence == nil ? .crash : .application, tags: tags,
      disks: Array(trees.prefix(sources.count)), secrets: secrets)
    if let protected {
      point.definition = protected.definition
      point.files = zip(files, trees.dropFirst(sources.count)).map {
        RecoveryPoint.StoredFile(kind: $0.kind, content: $1)
      }
      point.excluded = left.isEmpty ? nil : left
    }
    let latest = try vault.latestForCommit(vault.firstTier, notices: notices)
    try latest.vault.save(
      latest.vault.renewed(
        definition(of: point, sources.map(\.format), protected), notices: notices),
      to: latest.tier)
    try latest.vault.commit(point, to: latest.tier)
    if let fingerprintDirectory {
      FingerprintAging(cache: fingerprintDirectory.removingLastComponent()).removeUnused()
    }
    return point
  }

  private func chosenDisks() throws -> ([Source], left: [String], ProtectedMachine?) {
    switch disks {
    case .named(let sources): return (sources, [], nil)
    case .defined(let protected):
      let (taken, left) = try protected.disks()
      for disk in taken { try checkName(disk.name, of: "disk") }
      return (taken, left, protected)
    }
  }

  /// Stores disks and files, with the applications at rest for no longer than is needed: until all
  /// disks are cloned where the file systems can do that, else until they are read.
  private func read(
    _ sources: [Source], _ files: [DiskIntake.Source], _ intake: DiskIntake, _ notices: Notices
  ) throws -> [RecoveryPoint.Disk] {
    func atRest<Result>(_ body: () throws -> Result) throws -> Result {
      try quiescence?.during(notices: notices, body) ?? body()
    }
    // Tried out first, so that nothing is brought to rest twice.
    var images = try clones(of: sources)
    if images != nil, quiescence != nil { images = try atRest { try clones(of: sources) } }
    if let images { return try store(images, sources, files, intake, notices) }
    return try atRest {
      let images = try sources.map { try DiskImage(opening: $0.path, as: $0.format) }
      return try store(images, sources, files, intake, notices)
    }
  }

  /// The disks as they are at one instant; nil where a file system cannot give that.
  private func clones(of sources: [Source]) throws -> [DiskImage]? {
    var images: [DiskImage] = []
    for source in sources {
      guard let clone = try DiskImage.clone(of: source.path, as: source.format) else { return nil }
      images.append(clone)
    }
    return images
  }

  private func store(
    _ images: [DiskImage], _ sources: [Source], _ files: [DiskIntake.Source], _ intake: DiskIntake,
    _ notices: Notices
  ) throws -> [RecoveryPoint.Disk] {
    for (source, image) in zip(sources, images) where source.format == nil {
      if image.byteCount == 0 {
        notices.note("\(image.path) is empty, and so is disk \(source.name) in this point")
      }
      if let compression = try image.compressionName() {
        notices.note(
          "\(image.path) is a file that \(compression) compressed, and is stored as it is: it "
            + "shares little with other backups, and cannot be looked into; expand it first, or "
            + "say raw:\(image.path) where that is wanted")
      }
    }
    let disks = zip(sources, images).map { source, image in
      DiskIntake.Source(
        name: source.name, device: image, origin: image.path.string,
        format: image.format == .raw ? nil : image.format.rawValue,
        fingerprints: fingerprintFile(ofDisk: source.name), isRehashing: isRehashing)
    }
    return try intake.store(disks + files) { for image in images { try image.checkSize() } }
  }

  /// Under a name that says nothing of the machine.
  private func fingerprintFile(ofDisk disk: String) -> FilePath? {
    var digester = Digester()
    let name = digester.digest(Array("\(machine)\0\(disk)".utf8).span.bytes)
    return fingerprintDirectory?.appending("\(name.description.prefix(32)).fingerprints")
  }

  /// What later backups of the machine need to know.
  private func definition(
    of point: RecoveryPoint, _ told: [DiskImage.Format?], _ protected: ProtectedMachine?
  ) -> Machine {
    var known = Machine(
      name: machine,
      disks: zip(point.disks, told).map {
        Machine.Disk(name: $0.name, source: $0.source, format: $1?.rawValue)
      },
      secrets: secrets.isEmpty
        ? nil : secrets.map { Machine.Secret(name: $0.name, source: $0.path.string) },
      updated: point.time)
    protected?.remember(in: &known)
    return known
  }

  /// Now, or a second after the machine's newest point where that is not earlier: the newest point
  /// is always the one that was taken last.
  private func time(in vault: Vault, notices: Notices) throws -> Timestamp {
    guard let last = try vault.newestTime(of: machine, notices: notices), last >= now else {
      return now
    }
    if last.secondsSince1970 - now.secondsSince1970 > 60 {
      notices.add(
        "the clock says \(now), and the newest point of \(quoted(machine)) is of \(last): "
          + "check the clock")
    }
    return Timestamp(secondsSince1970: last.secondsSince1970 + 1)
  }
}
