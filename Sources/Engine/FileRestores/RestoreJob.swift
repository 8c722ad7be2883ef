internal import Bytes
internal import Files
internal import Filesystems
internal import Guests
internal import Workers

/// The steps of a restore into a directory.
struct RestoreJob: Sendable {
  let plan: RestorePlan
  let tree: TargetTree
  let tally: RestoreTally
  let metadata: MetadataRestore
  let replacing: Bool
  let temporaryNames: TemporaryNames

  // MARK: directories

  /// - Parameter blocked: what cannot be made; grows by what lies in a directory that cannot.
  /// - Returns: the directories whose metadata are to be set when they are full.
  func makeDirectories(
    _ blocked: inout Set<Int>, _ cancellation: Cancellation
  ) throws -> [Int] {
    var made: [Int] = []
    for (number, item) in plan.items.enumerated() {
      if let parent = item.parent, blocked.contains(parent) { blocked.insert(number) }
      guard item.kind == .directory, !blocked.contains(number) else { continue }
      try cancellation.check()
      try tally.checkRoom()
      do throws(FileError) {
        let isNew = try tree.parent(of: number).makeDirectory(item.name.bytes)
        if isNew || replacing && !item.isOnTheWay { made.append(number) }
        if isNew { tally.made(.directory) }
      } catch {
        blocked.insert(number)
        note(error, number)
      }
    }
    return made
  }

  /// Sets the metadata of directories, the deepest first: setting those of one that is above could
  /// shut this user out.
  func finishDirectories(_ made: [Int]) {
    for number in made.reversed() {
      do throws(FileError) {
        let directory = try tree.directory(number)
        metadata.apply(plan.items[number], to: directory.metadata, path: plan.path(of: number))
      } catch { note(error, number) }
    }
  }

  // MARK: files

  func writeFiles(
    _ files: [Int], workerCount: Int, _ progress: Progress, _ cancellation: Cancellation
  ) throws {
    let queue = FileQueue(
      files,
      isLarge: { plan.items.contentByteCount(of: $0) > 2 * RestoredFile.pieceByteCount },
      open: { open($0) })
    defer { queue.abandon() }
    let cancellation = cancellation.child()
    try runWorkers(count: max(1, min(workerCount, files.count * 2))) { _ in
      var buffer = AlignedBuffer(capacity: Int(RestoredFile.pieceByteCount))
      while let work = queue.next() {
        switch work {
        case .file(let number):
          try cancellation.check()
          guard let file = open(number) else { continue }
          // The first piece is the whole of it, as far as this thread goes.
          while let piece = file.nextPiece() {
            try copy(piece, of: file, &buffer, progress, cancellation)
          }
        case .piece(let file, let piece):
          try copy(piece, of: file, &buffer, progress, cancellation)
        }
        do { try tally.checkRoom() } catch {
          cancellation.request()
          throw error
        }
      }
    }
  }

  private func open(_ number: Int) -> RestoredFile? {
    let item = plan.items[number]
    do {
      let content = try item.place.fileSystem.content(of: item.place.item)
      return try RestoredFile(
        number, content, named: item.name.bytes, temporary: temporaryNames.make(),
        in: try tree.parent(of: number))
    } catch {
      note(error, number)
      return nil
    }
  }

  /// Copies a piece; who copies the last one gives the file its name.
  ///
  /// - Throws: ``Cancelled`` alone, when the file is gone.
  private func copy(
    _ piece: Range<UInt64>, of file: RestoredFile, _ buffer: inout AlignedBuffer,
    _ progress: Progress, _ cancellation: Cancellation
  ) throws {
    var failure: (any Error)?
    do { try file.copy(piece, through: &buffer, progress, cancellation) } catch { failure = error }
    if file.copied(failure) { finish(file) }
    if failure is Cancelled { throw Cancelled() }
  }

  private func finish(_ file: RestoredFile) {
    if let failure = file.failure {
      file.abandon()
      if !(failure is Cancelled) { note(failure, file.number) }
      return
    }
    do {
      try file.finish(
        plan.items[file.number], metadata, replacing: replacing, path: plan.path(of: file.number))
      tally.made(.regular, byteCount: file.content.byteCount)
    } catch { note(error, file.number) }
  }

  // MARK: what has no bytes

  /// Links, devices, pipes and sockets, and further names of what was made.
  func makeOthers(
    without blocked: Set<Int>, makesNodes: Bool, _ cancellation: Cancellation
  ) throws {
    for (number, item) in plan.items.enumerated() where !blocked.contains(number) {
      guard item.linkTo == nil else { continue }
      try cancellation.check()
      try tally.checkRoom()
      switch item.kind {
      case .regular, .directory: continue
      case .symbolicLink: makeUnopened(number) { try makeLink(item, $0, in: $1) }
      case .characterDevice, .blockDevice, .pipe, .socket:
        guard makesNodes else {
          tally.leftNode()
          continue
        }
        makeUnopened(number) { try $1.makeNode($0, node(item)) }
      }
    }
    for (number, item) in plan.items.enumerated() where !blocked.contains(number) {
      guard let first = item.linkTo else { continue }
      try cancellation.check()
      try tally.checkRoom()
      let isNode = ![.regular, .symbolicLink].contains(item.kind)
      if isNode, !makesNodes {
        tally.leftNode()
      } else {
        addName(number, of: first)
      }
    }
  }

  private func makeLink(
    _ item: RestorePlan.Item, _ name: [UInt8], in directory: OpenDirectory
  ) throws {
    let target = try item.place.fileSystem.target(ofSymbolicLink: item.place.item)
    try directory.makeLink(name, to: target.bytes)
  }

  private func node(_ item: RestorePlan.Item) throws -> OpenDirectory.Node {
    let device = try item.attributes().device
    switch item.kind {
    case .pipe: return .pipe
    case .socket: return .socket
    case .characterDevice:
      if let device { return .characterDevice(major: device.major, minor: device.minor) }
    case .blockDevice:
      if let device { return .blockDevice(major: device.major, minor: device.minor) }
    case .regular, .directory, .symbolicLink: break
    }
    throw FileSystemError(
      .damaged, in: item.place.fileSystem.typeName, "a device", "it has no number")
  }

  /// Makes something under a temporary name, gives it its metadata, and then its own name.
  private func makeUnopened(
    _ number: Int, _ make: (_ name: [UInt8], _ directory: OpenDirectory) throws -> Void
  ) {
    let item = plan.items[number]
    let temporary = temporaryNames.make()
    do {
      let directory = try tree.parent(of: number)
      try make(temporary, directory)
      metadata.apply(
        item, to: directory.metadata(of: temporary), path: plan.path(of: number))
      try rename(temporary, to: item.name.bytes, in: directory)
      tally.made(item.kind)
    } catch { note(error, number) }
  }

  private func addName(_ number: Int, of first: Int) {
    let temporary = temporaryNames.make()
    do {
      let directory = try tree.parent(of: number)
      let source = plan.items[first].name.bytes
      try directory.addName(temporary, of: source, in: try tree.parent(of: first))
      try rename(temporary, to: plan.items[number].name.bytes, in: directory)
      // Renaming a name to another of the same file leaves both.
      if replacing { try directory.remove(temporary) }
      tally.madeHardLink()
    } catch { note(error, number) }
  }

  private func rename(
    _ temporary: [UInt8], to name: [UInt8], in directory: OpenDirectory
  ) throws(FileError) {
    do { try directory.rename(temporary, to: name, replacing: replacing) } catch {
      // Why it has no name is told; what is left of it is taken away as well as can be.
      do { try directory.remove(temporary) } catch {}
      throw error
    }
  }

  private func note(_ error: any Error, _ number: Int) {
    tally.add(error, at: plan.path(of: number))
  }
}
