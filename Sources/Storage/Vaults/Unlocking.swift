internal import Encryption
internal import Hashing
internal import Tiers

/// Decides which of a vault's descriptors to believe, and opens its keys with it.
///
/// A vault that is not encrypted is what the newest of them says. Of an encrypted one, the newest
/// that is authentic counts, so that whoever holds one store cannot redirect the others.
struct Unlocking {
  private let credential: Credential?
  private let vault: String
  private let notices: Notices

  init(_ credential: Credential?, vault: String, notices: Notices) {
    self.credential = credential
    self.vault = vault
    self.notices = notices
  }

  typealias Candidate = (place: String, descriptor: VaultDescriptor)

  /// - Parameter candidates: at least one; of equally new ones the first counts.
  /// - Throws: ``KeyError``.
  func choose(
    among candidates: [Candidate]
  ) throws(KeyError) -> (VaultDescriptor, ContentProtection) {
    let newestFirst = candidates.enumerated()
      .sorted { a, b in
        (-a.element.descriptor.revision, a.offset) < (-b.element.descriptor.revision, b.offset)
      }
      .map(\.element)
    // A vault is encrypted from its first moment or never, so one that says otherwise is altered.
    let encrypted = newestFirst.filter { $0.descriptor.encryption != nil }
    guard let newest = encrypted.first else {
      if credential != nil { throw .notEncrypted(vault) }
      return (newestFirst[0].descriptor, .none)
    }
    guard let credential else { return (newest.descriptor, .locked) }
    let stripped = newestFirst.filter { $0.descriptor.encryption == nil }.map(\.place)
    return try unlock(encrypted, credential, stripped: stripped)
  }

  /// - Parameter stripped: where a descriptor says that the vault is not encrypted.
  private func unlock(
    _ candidates: [Candidate], _ credential: Credential, stripped: [String]
  ) throws(KeyError) -> (VaultDescriptor, ContentProtection) {
    var opener = SlotOpener(credential)
    var altered: [String] = []
    var refusals: [(descriptor: VaultDescriptor, error: KeyError)] = []
    for (place, descriptor) in candidates {
      let master: Secret
      do throws(KeyError) { master = try opener.open(descriptor) } catch {
        refusals.append((descriptor, error))
        continue
      }
      let keys = VaultKeys(master: master, vault: descriptor.id)
      guard descriptor.isAuthentic(keys) else {
        // The store that was opened is looked at once for itself and once among the others.
        if !altered.contains(place) { altered.append(place) }
        continue
      }
      // A store that was away has slots that were removed since, and must not bring them back.
      for (newer, error) in refusals where newer.revision > descriptor.revision {
        if newer.isAuthentic(keys) { throw error }
      }
      let wrong = altered + Set(stripped).sorted()
      if !wrong.isEmpty { notices.add("\(KeyError.altered(wrong)); taken from \(place)") }
      return (descriptor, .encrypted(keys))
    }
    if case .master = credential { throw .wrongMaster }
    if altered.isEmpty, let refusal = refusals.first { throw refusal.error }
    throw .altered(altered)
  }
}

/// Opens key slots with one credential; what is slow is done once for each slot.
private struct SlotOpener {
  private let credential: Credential
  private var tried: [(slot: KeySlot, vault: String, master: Secret?)] = []

  init(_ credential: Credential) { self.credential = credential }

  /// The master key that the descriptor's slots give.
  mutating func open(_ descriptor: VaultDescriptor) throws(KeyError) -> Secret {
    let kind: KeySlot.Kind
    switch credential {
    case .master(let master): return master
    case .passphrase: kind = .passphrase
    case .keyFile: kind = .keyFile
    }
    let slots = (descriptor.encryption?.slots ?? []).filter { $0.kind == kind }
    if slots.isEmpty { throw .noSlot(kind) }
    for slot in slots.prefix(KeySlot.limit) {
      if let master = try open(slot, of: descriptor.id) { return master }
    }
    throw .wrongKey(kind, slots: slots.count)
  }

  private mutating func open(_ slot: KeySlot, of vault: String) throws(KeyError) -> Secret? {
    if let known = tried.first(where: { $0.slot == slot && $0.vault == vault }) {
      return known.master
    }
    let master = try slot.unwrap(credential, vault: vault)
    tried.append((slot, vault, master))
    return master
  }
}
