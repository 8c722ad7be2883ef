internal import Bytes
internal import Filesystems
internal import Guests
package import Workers

/// Restores files into a tar archive, with all metadata: for who is not root, or for another
/// system.
///
/// What cannot be archived is noted and left out. A large file that turns out damaged in its middle
/// ends the archive, since what was promised of it cannot be kept.
package struct TarRestore {
  private let plan: RestorePlan
  private let tally = RestoreTally()

  package init(_ plan: RestorePlan) {
    self.plan = plan
    tally.add(plan.problems)
  }

  /// - Parameter write: takes the archive's bytes in order.
  /// - Throws: ``ArchiveBroken``, what `write` throws, ``Cancelled``.
  package func run(
    progress: Progress, cancellation: Cancellation, to write: @escaping (RawSpan) throws -> Void
  ) throws -> FileRestoreReport {
    progress.expect(plan.dataByteCount)
    let output = TarOutput(
      write, path: { plan.path(of: $0) },
      leaveOut: { tally.add(ItemProblem(path: plan.path(of: $0), reason: $1)) },
      progress, cancellation)
    for (number, item) in plan.items.enumerated() {
      try cancellation.check()
      let member: Member?
      do { member = try self.member(item, number) } catch {
        tally.add(ItemProblem(path: plan.path(of: number), reason: "\(error)"))
        output.isMissing(number)
        continue
      }
      if let member { try add(member, item, number, to: output) }
    }
    try output.finish()
    return tally.report
  }

  /// A header, and the file whose bytes follow it.
  private struct Member {
    var header: PaxHeader
    var content: (any FileContent)?
    var map: SparseMap?
  }

  private func add(
    _ member: Member, _ item: RestorePlan.Item, _ number: Int, to output: TarOutput
  ) throws {
    guard let content = member.content else {
      return try output.add(member.header, number, needing: item.linkTo) {
        item.linkTo == nil ? tally.made(item.kind) : tally.madeHardLink()
      }
    }
    let all = content.byteCount > 0 ? [0..<content.byteCount] : []
    try output.add(
      member.header, number, member.map?.encoded() ?? [], member.map?.runs ?? all, of: content
    ) { tally.made(.regular, byteCount: content.byteCount) }
  }

  /// - Returns: nil for what archives do not hold.
  private func member(_ item: RestorePlan.Item, _ number: Int) throws -> Member? {
    var header = PaxHeader(path: archivePath(number), type: "0")
    try setMetadata(item, &header)
    if let first = item.linkTo {
      if item.kind == .socket { return leaveOutSocket() }
      header.type = UInt8(ascii: "1")
      header.linkTarget = archivePath(first)
      return Member(header: header)
    }
    switch item.kind {
    case .regular: break
    case .directory:
      header.type = UInt8(ascii: "5")
      header.path.append(UInt8(ascii: "/"))
    case .symbolicLink:
      header.type = UInt8(ascii: "2")
      header.linkTarget =
        try item.place.fileSystem.target(ofSymbolicLink: item.place.item).bytes
    case .characterDevice: header.type = UInt8(ascii: "3")
    case .blockDevice: header.type = UInt8(ascii: "4")
    case .pipe: header.type = UInt8(ascii: "6")
    case .socket: return leaveOutSocket()
    }
    addExtendedAttributes(of: item, number, &header)
    guard item.kind == .regular else { return Member(header: header) }
    return try file(item, header)
  }

  /// A program makes its sockets when it starts.
  private func leaveOutSocket() -> Member? {
    tally.leftNode()
    return nil
  }

  private func file(_ item: RestorePlan.Item, _ header: PaxHeader) throws -> Member {
    var header = header
    let content = try item.place.fileSystem.content(of: item.place.item)
    guard let map = try SparseMap(content) else {
      header.byteCount = content.byteCount
      return Member(header: header, content: content)
    }
    for (keyword, value) in [
      ("GNU.sparse.major", Array("1".utf8)), ("GNU.sparse.minor", Array("0".utf8)),
      ("GNU.sparse.name", header.path), ("GNU.sparse.realsize", Array("\(content.byteCount)".utf8)),
    ] { header.records.append((Array(keyword.utf8), value)) }
    header.byteCount = UInt64(map.encoded().count) + map.dataByteCount
    header.path = sparsePath(header.path)
    return Member(header: header, content: content, map: map)
  }

  // MARK: metadata

  /// The path without the slash at the start.
  private func archivePath(_ number: Int) -> [UInt8] {
    Array(plan.path(of: number).bytes.dropFirst())
  }

  /// What a program sees that knows nothing of sparse files.
  private func sparsePath(_ path: [UInt8]) -> [UInt8] {
    let slash = UInt8(ascii: "/")
    let name = path.lastIndex(of: slash).map { path[($0 + 1)...] } ?? path[...]
    return Array(path.dropLast(name.count)) + Array("GNUSparseFile.0/".utf8) + name
  }

  private func setMetadata(_ item: RestorePlan.Item, _ header: inout PaxHeader) throws {
    let attributes = try item.attributes()
    header.permissions = attributes.permissions
    header.owner = attributes.owner
    header.group = attributes.group
    header.modified = attributes.modified
    header.accessed = attributes.accessed
    header.changed = attributes.changed
    header.device = attributes.device
  }

  private func addExtendedAttributes(
    of item: RestorePlan.Item, _ number: Int, _ header: inout PaxHeader
  ) {
    let lists: [FileName: String] = [
      "system.posix_acl_access": "SCHILY.acl.access",
      "system.posix_acl_default": "SCHILY.acl.default",
    ]
    let attributes: [ExtendedAttribute]
    do {
      let fileSystem = item.place.fileSystem
      attributes = try fileSystem.extendedAttributes(of: item.place.item)
      for stream in try fileSystem.namedStreams(of: item.place.item) where !stream.isAttribute {
        let reason = stream.reasonForLeavingOut
        tally.add(ItemProblem(path: plan.path(of: number), reason: reason))
      }
    } catch {
      let reason = "its extended attributes cannot be read: \(error)"
      return tally.add(ItemProblem(path: plan.path(of: number), reason: reason))
    }
    for attribute in attributes {
      guard let keyword = lists[attribute.name] else {
        header.records.append(
          (Array("SCHILY.xattr.".utf8) + keyword(of: attribute.name), attribute.value))
        continue
      }
      if let text = AccessList(attribute.value)?.text {
        header.records.append((Array(keyword.utf8), Array(text.utf8)))
      } else {
        let reason = "its access control list \(attribute.name) cannot be understood"
        tally.add(ItemProblem(path: plan.path(of: number), reason: reason))
      }
    }
  }

  /// A keyword ends at the first "=", so that is written as GNU tar does.
  private func keyword(of name: FileName) -> [UInt8] {
    name.bytes.flatMap { byte -> [UInt8] in
      switch byte {
      case UInt8(ascii: "="): Array("%3D".utf8)
      case UInt8(ascii: "%"): Array("%25".utf8)
      default: [byte]
      }
    }
  }
}
