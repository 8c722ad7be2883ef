internal import Files
internal import Filesystems
internal import Guests
internal import SystemPackage

/// Gives what was made the metadata that it had in the machine.
struct MetadataRestore: Sendable {
  let isRoot: Bool
  let userID: UInt32
  let groupID: UInt32
  /// Whether set-id bits, and capabilities, are restored.
  let keepsSetID: Bool
  let tally: RestoreTally

  /// Owner, extended attributes, permissions and times, in the order in which none undoes another:
  /// a change of owner drops capabilities and set-id bits, a change of anything sets the times.
  ///
  /// What is refused is noted; the item itself stays.
  func apply(
    _ item: RestorePlan.Item, to target: MetadataTarget, path: @autoclosure () -> GuestPath
  ) {
    let attributes: FileAttributes
    do { attributes = try item.attributes() } catch {
      return tally.add(
        ItemProblem(path: path(), reason: "its metadata cannot be read: \(error)"))
    }
    var refused: [String] = []
    do { try setOwner(attributes, of: target) } catch { refused.append("\(error)") }
    do {
      try setExtendedAttributes(of: item, target, &refused)
      try noteStreams(of: item, &refused)
    } catch {
      refused.append("its extended attributes cannot be read: \(error)")
    }
    do throws(FileError) {
      if attributes.kind != .symbolicLink {
        try target.setPermissions(permissions(of: attributes))
      }
      try target.setTimes(
        accessed: moment(attributes.accessed ?? attributes.modified),
        modified: moment(attributes.modified))
    } catch { refused.append("\(error)") }
    if !refused.isEmpty {
      tally.add(ItemProblem(path: path(), reason: refused.joined(separator: "; ")))
    }
  }

  private func setOwner(
    _ attributes: FileAttributes, of target: MetadataTarget
  ) throws(FileError) {
    if isRoot {
      // To chown(2) this number means that nothing is to change.
      guard attributes.owner != .max, attributes.group != .max else {
        throw FileError("change the owner of", target.path, .invalidArgument)
      }
      return try target.setOwner(attributes.owner, group: attributes.group)
    }
    if attributes.owner == userID, attributes.group == groupID { return }
    tally.leftOwner()
  }

  private func permissions(of attributes: FileAttributes) -> UInt16 {
    let permissions = attributes.permissions & 0o7777
    if permissions & 0o6000 == 0 || keepsSetID { return permissions }
    tally.droppedSetID()
    return permissions & 0o1777
  }

  private func setExtendedAttributes(
    of item: RestorePlan.Item, _ target: MetadataTarget, _ refused: inout [String]
  ) throws {
    for attribute in try item.place.fileSystem.extendedAttributes(of: item.place.item) {
      let name = attribute.name
      if name == "security.capability", !keepsSetID {
        tally.droppedSetID()
        continue
      }
      do throws(FileError) {
        try target.setExtendedAttribute(name.bytes, to: attribute.value)
      } catch {
        let namespace = String(name.description.prefix { $0 != "." })
        if !isRoot, namespace == "trusted" || namespace == "security" {
          tally.leftPrivilegedAttribute(namespace)
        } else if name.bytes.starts(with: "system.ntfs_".utf8), error.cause == .notSupported {
          tally.leftForeignAttribute()
        } else {
          refused.append("attribute \(name) is refused: \(error.cause.sentence)")
        }
      }
    }
  }

  private func noteStreams(of item: RestorePlan.Item, _ refused: inout [String]) throws {
    for stream in try item.place.fileSystem.namedStreams(of: item.place.item)
    where !stream.isAttribute {
      refused.append(stream.reasonForLeavingOut)
    }
  }

  private func moment(_ time: FileTime) -> FileMoment {
    FileMoment(seconds: time.secondsSince1970, nanoseconds: time.nanoseconds)
  }
}

extension NamedStream {
  /// Of one that is too large to be an extended attribute.
  var reasonForLeavingOut: String {
    "its stream \(name) of \(byteCount) bytes is left out; 'kluis cat' prints it, with "
      + "\":\(name)\" behind the path"
  }
}
