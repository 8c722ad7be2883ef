internal import BlockDevices

/// The logical volumes on the physical volumes among `volumes`, and what is wrong with their
/// groups.
///
/// Called by its name, a group must not be taken for a disk or for another group: where one has the
/// name of a disk, or several have one name, they go by their UUIDs.
func logicalVolumes(
  on volumes: [Volume], besides disks: Set<String>
) -> (volumes: [Volume], groups: [VolumeListing.Group], problems: [String]) {
  var search = VolumeGroupSearch()
  for volume in volumes where volume.content?.typeName == "LVM2_member" {
    search.look(into: volume)
  }
  let groups = search.newestGroups()
  var problems = search.problems
  var found: [Volume] = []
  var listed: [VolumeListing.Group] = []
  let names = Dictionary(groups.map { ($0.group.name, 1) }, uniquingKeysWith: +)
  for (group, problem) in groups.sorted(by: { $0.group.name < $1.group.name }) {
    var name = group.name
    if names[name] != 1 || disks.contains(name) {
      name = group.uuid
      let other = names[group.name] != 1 ? "another volume group has" : "a disk has"
      problems.append(
        "volume group \(group.name): \(other) the same name, so it is called \(name) here")
    }
    if let problem { problems.append("volume group \(name): \(problem)") }
    let assembled = search.assemble(group, as: name, problem: problem)
    found += assembled.volumes
    listed.append(assembled.group)
    problems += assembled.problems
  }
  return (found, listed, problems)
}

/// Collects physical volumes, and what they say of volume groups.
private struct VolumeGroupSearch {
  private(set) var problems: [String] = []
  private var members: [String: [Volume]] = [:]
  private var texts: [(text: [UInt8], group: VolumeGroup)] = []
  private var textByteCount = 0
  private var readByteCount = 0

  /// Bytes of texts that differ; those of one group are alike on all its physical volumes.
  private static let textByteLimit = 64 << 20
  /// Bytes of all texts, also of those that are alike.
  private static let readByteLimit = 512 << 20

  mutating func look(into volume: Volume) {
    guard let device = volume.device else { return }
    do {
      guard let label = try physicalVolumeLabel(SignatureProbe(device)) else { return }
      members[label.uuid, default: []].append(volume)
      for area in label.metadataAreas {
        do {
          let ring = try MetadataArea(on: device, area)
          readByteCount += ring.textByteCount
          guard readByteCount <= Self.readByteLimit else {
            throw MetadataDamage("there is too much of it on these disks")
          }
          let text = try ring.readText(on: device)
          guard let text, !texts.contains(where: { $0.text == text }) else { continue }
          textByteCount += text.count
          guard textByteCount <= Self.textByteLimit else {
            throw MetadataDamage("there is too much of it on these disks")
          }
          texts.append((text, try VolumeGroup(text)))
        } catch {
          problems.append("\(volume.name): the LVM2 metadata at byte \(area.offset): \(error)")
        }
      }
    } catch { problems.append("\(volume.name): its LVM2 label cannot be read: \(error)") }
  }

  /// Each group as the newest text has it, with what makes it doubtful.
  func newestGroups() -> [(group: VolumeGroup, problem: String?)] {
    Dictionary(grouping: texts.map(\.group), by: \.uuid).values.map { versions in
      let newest = versions.map(\.sequence).max()!
      let candidates = versions.filter { $0.sequence == newest }
      let problem =
        candidates.count > 1 ? "its physical volumes do not agree on what it is (\(newest))" : nil
      return (candidates[0], problem)
    }
  }

  func assemble(
    _ group: VolumeGroup, as name: String, problem: String?
  ) -> (volumes: [Volume], group: VolumeListing.Group, problems: [String]) {
    var devices: [String: any BlockDevice] = [:]
    var listed: [VolumeListing.Group.Member] = []
    var problems: [String] = []
    for key in group.physicalVolumeOrder {
      guard let member = group.physicalVolumes[key] else { continue }
      let found = members[member.uuid] ?? []
      listed.append(.init(uuid: member.uuid, volume: found.first?.name))
      if found.count > 1 {
        let places = found.map(\.name).joined(separator: " and ")
        problems.append(
          "volume group \(name): \(member.name) is there more than once, on \(places); neither is "
            + "read")
      } else if member.isMissing {
        problems.append("volume group \(name): the machine had lost \(member.name)")
      } else if let device = found.first?.device {
        devices[key] = device
      } else {
        problems.append("volume group \(name): \(member.name) is missing")
      }
    }
    var mapping = LogicalVolumeMapping(group, devices)
    let volumes = group.visibleVolumes.map {
      logicalVolume($0, in: name, &mapping, problem: problem)
    }
    let extents = group.physicalVolumes.values.reduce(0) { $0 &+ $1.extentCount }
    let summary = VolumeListing.Group(
      name: name, uuid: group.uuid, byteCount: (try? mapping.byteCount(ofExtents: extents)) ?? 0,
      physicalVolumes: listed)
    return (volumes, summary, problems)
  }

  private func logicalVolume(
    _ volume: VolumeGroup.LogicalVolume, in group: String, _ mapping: inout LogicalVolumeMapping,
    problem: String?
  ) -> Volume {
    var device: (any BlockDevice)?
    var problem = problem
    if problem == nil {
      do { device = try mapping.device(of: volume.name) } catch { problem = "\(error)" }
    }
    let found = device.map { content(of: $0) }
    return Volume(
      name: "\(group)/\(volume.name)", kind: .logicalVolume(group: group),
      byteCount: (try? mapping.byteCount(ofExtents: volume.extentCount)) ?? 0,
      label: volume.name, uuid: volume.uuid, device: device, content: found?.content,
      problem: problem ?? found?.problem)
  }
}
