package import Encryption
package import Tiers

/// Key slots: who can open the vault. Nothing that is stored changes with them.
extension Vault {
  package var keySlots: [KeySlot] { descriptor.encryption?.slots ?? [] }

  /// - Throws: ``KeyError/notEncrypted(_:)``, ``LockedError``.
  package func requireKeys() throws -> VaultKeys {
    guard descriptor.encryption != nil else {
      throw VaultError.unsupported(
        "the vault at \(path) is not encrypted, and stays so: copy its points into one that is "
          + "with `kluis copy POINT --to-vault VAULT`")
    }
    try requireKey()
    return protection.keys!
  }

  /// The keys that seal machines' own secrets: the vault's; of one that is not encrypted those that
  /// follow from a key of the user's.
  ///
  /// - Throws: ``VaultError/unsupported(_:)`` where that one is missing; ``LockedError``.
  package func secretKeys(_ key: Secret?) throws -> VaultKeys {
    if descriptor.encryption != nil { return try requireKeys() }
    guard let key else {
      throw VaultError.unsupported(
        "the vault at \(path) is not encrypted, so secrets need a key file of their own: give "
          + "--secrets-key-file FILE (`kluis key generate FILE` makes one)")
    }
    return VaultKeys(master: key, vault: descriptor.id)
  }

  /// The slots that a credential opens.
  package func slots(openedBy credential: Credential) throws(KeyError) -> [KeySlot] {
    var opened: [KeySlot] = []
    for slot in keySlots where try slot.unwrap(credential, vault: descriptor.id) != nil {
      opened.append(slot)
    }
    return opened
  }

  /// Lets another credential open the vault as well.
  package func addKey(
    _ credential: Credential, label: String?, now: Timestamp, notices: Notices
  ) throws -> KeySlot {
    let slot = try KeySlot(
      master: requireKeys().master, under: credential, label: label, vault: descriptor.id,
      created: now)
    try changeSlots(notices) { slots in
      if slots.count >= KeySlot.limit { throw KeyError.tooManySlots }
      slots.append(slot)
    }
    return slot
  }

  /// Lets a credential open the vault no longer.
  ///
  /// Whoever has opened the vault with it may have kept the master key, and a copy of the
  /// descriptor keeps the slot.
  /// - Throws: ``KeyError/unknownSlot(_:known:)``, ``KeyError/lastSlot``.
  package func removeKey(_ id: String, notices: Notices) throws {
    _ = try requireKeys()
    try changeSlots(notices) { slots in
      let number = try slots.number(id)
      if slots.count == 1 { throw KeyError.lastSlot }
      slots.remove(at: number)
    }
  }

  /// Wraps the master key anew in a slot, under another credential.
  package func rotateKey(
    _ id: String, to credential: Credential, label: String?, now: Timestamp, notices: Notices
  ) throws -> KeySlot {
    let keys = try requireKeys()
    let label = try label ?? keySlots[keySlots.number(id)].label
    let slot = try KeySlot(
      id: id, master: keys.master, under: credential, label: label, vault: descriptor.id,
      created: now)
    try changeSlots(notices) { slots in slots[try slots.number(id)] = slot }
    return slot
  }

  /// - Parameter body: changes the slots as they are at that moment.
  private func changeSlots(_ notices: Notices, _ body: (inout [KeySlot]) throws -> Void) throws {
    _ = try change(notices: notices) { now in
      var renewed = now.descriptor
      // Of a vault that was moved, the stores that are told are those that were found.
      renewed.stores = now.currentStores
      var slots = now.keySlots
      try body(&slots)
      renewed.encryption?.slots = slots
      return renewed
    }
  }
}

extension [KeySlot] {
  fileprivate func number(_ id: String) throws(KeyError) -> Int {
    guard let number = firstIndex(where: { $0.id == id }) else {
      throw .unknownSlot(id, known: map(\.id))
    }
    return number
  }
}
