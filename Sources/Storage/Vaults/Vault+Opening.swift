internal import Encryption
internal import Files
internal import Stores
package import SystemPackage
package import Tiers

extension Vault {
  /// Opens a vault through any of its stores, or through the directory that holds them.
  ///
  /// Stores that cannot be used are noted, and are left to each tier as absent.
  ///
  /// - Parameters:
  ///   - patience: how long a store may take to answer; one that takes longer counts as absent.
  ///   - credential: opens an encrypted vault; without it such a vault is locked.
  ///   - leases: those of the same vault as it was opened before.
  /// - Throws: ``VaultError``, ``KeyError``, ``StoreError``.
  package static func open(
    _ path: FilePath, patience: Duration = .seconds(20), notices: Notices = Notices(),
    unlocking credential: Credential? = nil, sharing leases: Leases = Leases()
  ) throws -> Vault {
    let (directory, found) = try findDescriptor(path, notices: notices)
    var descriptor = found
    var places = StorePlaces(descriptor: descriptor, directory: directory).find()
    var stores = OpenedStores(descriptor, at: places, patience, notices)
    // A store that was away may tell of others as they were before, and an altered one lies.
    let unlocking = Unlocking(credential, vault: path.string, notices: notices)
    var (chosen, protection) = try unlocking.choose(
      among: [(directory.string, found)] + stores.descriptors)
    var looks = 1
    while chosen.withoutTier != descriptor.withoutTier {
      descriptor = chosen
      descriptor.tier = found.tier
      places = StorePlaces(descriptor: descriptor, directory: directory).find()
      stores = OpenedStores(descriptor, at: places, patience, notices)
      looks += 1
      // It may have been changed once more between the two looks.
      if looks < 8, stores.descriptors.contains(where: { $0.descriptor.revision > chosen.revision })
      {
        (chosen, protection) = try unlocking.choose(
          among: [(directory.string, descriptor)] + stores.descriptors)
      }
    }
    guard !descriptor.stores.isEmpty else {
      throw VaultError.damaged(
        directory.appending("vault.json").string, reason: "it names no store")
    }
    if found.tier != nil, try !stores.include(directory) {
      notices.add(
        "\(directory) is no store of this vault now, and not used: its stores are "
          + places.map(\.string).joined(separator: ", "))
    }
    stores.bringUpToDate(descriptor, protection, notices: notices)
    stores.bringUpToDate(directory, telling: found, descriptor, protection, notices: notices)
    let tiers = stores.tiers(of: descriptor, protection, notices)
    if tiers.allSatisfy(\.stores.isEmpty) {
      throw VaultError.unreachable(tiers.flatMap(\.absent).map(\.name))
    }
    return try Vault(
      path: directory, descriptor: descriptor, tiers: tiers,
      places: places, patience: patience, leases: leases)
  }

  /// The descriptor in a directory, else in those that lie in it.
  private static func findDescriptor(
    _ path: FilePath, notices: Notices
  ) throws -> (FilePath, VaultDescriptor) {
    let directory = try absolutePath(path)
    if let status = try fileStatus(directory), status.kind != .directory {
      throw VaultError.notADirectory(path.string)
    }
    var damage: VaultError?
    do {
      if let found = try DirectoryStore(directory).readDescriptor(notices: notices) {
        return (directory, found)
      }
    } catch let error as VaultError {
      if case .newer = error { throw error }
      damage = error
    }
    if let found = try findDescriptor(among: children(of: directory), notices: notices) {
      return found
    }
    if damage == nil, try holdsPacks(directory) {
      damage = .damaged(
        directory.appending("vault.json").string, reason: "it is gone, though packs are there")
    }
    // A store whose descriptor is lost may lie beside others of its vault.
    if let damage {
      let beside = try findDescriptor(
        among: children(of: parent(of: directory)), notices: notices, naming: directory)
      if let beside {
        notices.add("\(damage)")
        return beside
      }
      throw damage.advising("name another store of the vault, which opens it as well")
    }
    throw VaultError.notAVault(path.string)
  }

  private static func holdsPacks(_ directory: FilePath) throws -> Bool {
    let packs = directory.appending(ObjectFolder.packs.rawValue)
    guard try fileStatus(packs)?.kind == .directory else { return false }
    return try directoryEntries(packs)?.isEmpty == false
  }

  private static func children(of directory: FilePath) throws -> [FilePath] {
    (try directoryEntries(directory) ?? []).map { directory.appending($0) }
  }

  private static func findDescriptor(
    among directories: [FilePath], notices: Notices, naming wanted: FilePath? = nil
  ) throws -> (FilePath, VaultDescriptor)? {
    var found: [(FilePath, VaultDescriptor)] = []
    for directory in directories where directory != wanted {
      do {
        guard let descriptor = try DirectoryStore(directory).readDescriptor(notices: notices)
        else { continue }
        if let wanted, !descriptor.stores.contains(where: { $0.path == wanted.string }) { continue }
        found.append((directory, descriptor))
      } catch { notices.add("\(error)") }
    }
    guard Set(found.map(\.1.id)).count < 2 else {
      throw VaultError.unsupported(
        "several vaults lie here: name one of " + found.map(\.0.string).joined(separator: ", "))
    }
    return found.max { $0.1.revision < $1.1.revision }
  }
}

/// The stores of a descriptor, each looked at once.
private struct OpenedStores {
  private var stores: [Opened] = []

  private struct Opened {
    let tier: Tier.Name
    let store: any Store
    let place: FilePath
    var descriptor: VaultDescriptor?
    /// Why it cannot be used; nil where it can.
    var absence: String?
  }

  init(
    _ descriptor: VaultDescriptor, at places: [FilePath], _ patience: Duration, _ notices: Notices
  ) {
    for (entry, place) in zip(descriptor.stores, places) {
      let store = DirectoryStore(place)
      // Where there is no other store, there is nothing to do but wait.
      let isAlone = descriptor.stores.count == 1
      var opened = Opened(
        tier: entry.tier, store: isAlone ? store : PatientStore(store, patience: patience),
        place: place)
      do {
        let found = try opened.store.readDescriptor(notices: notices)
        opened.descriptor = found
        if found == nil {
          // An empty mount point looks like a store without anything in it, and is not one.
          if try opened.store.list(.packs).isEmpty {
            opened.absence = "it holds no vault.json: is its disk mounted?"
          }
        }
        if let found, found.id != descriptor.id { opened.absence = "it belongs to another vault" }
      } catch VaultError.damaged(let name, let reason) {
        // What it holds is as good as before; only the descriptor has to be written anew.
        notices.add("\(name) is damaged: \(reason)")
      } catch { opened.absence = "\(error)" }
      stores.append(opened)
    }
  }

  /// What the stores that can be used say of the vault, with their names.
  var descriptors: [(place: String, descriptor: VaultDescriptor)] {
    stores.filter { $0.absence == nil }.compactMap { opened in
      opened.descriptor.map { (opened.store.name, $0) }
    }
  }

  /// Whether one that can be used lies in this directory, whatever its name.
  func include(_ directory: FilePath) throws(FileError) -> Bool {
    for opened in stores where opened.absence == nil {
      if try areOneFile(FilePath(opened.store.name), directory) { return true }
    }
    return false
  }

  /// Gives every store that can be used the descriptor that holds now.
  func bringUpToDate(
    _ descriptor: VaultDescriptor, _ protection: ContentProtection, notices: Notices
  ) {
    for opened in stores where opened.absence == nil {
      var renewed = descriptor
      renewed.tier = opened.tier
      if let own = opened.descriptor, !renewed.replaces(own, protection) { continue }
      renew(opened.store, opened.place, opened.descriptor, renewed, notices)
    }
  }

  /// Gives the directory that was opened, where it only tells of the stores, the descriptor that
  /// holds now.
  func bringUpToDate(
    _ directory: FilePath, telling own: VaultDescriptor, _ descriptor: VaultDescriptor,
    _ protection: ContentProtection, notices: Notices
  ) {
    let isStore = stores.contains { $0.store.name == directory.string }
    guard !isStore, own.tier == nil, protection.keys != nil,
      descriptor.withoutTier.replaces(own, protection)
    else { return }
    renew(DirectoryStore(directory), directory, own, descriptor.withoutTier, notices)
  }

  /// - Parameter known: what the store was seen to hold; nil for what is damaged or missing.
  private func renew(
    _ store: any Store, _ place: FilePath, _ known: VaultDescriptor?,
    _ descriptor: VaultDescriptor, _ notices: Notices
  ) {
    do {
      // Whoever changes it now knows more than this one, who looked before.
      guard let lock = try DirectoryLock(place) else { return }
      let isDone = try withExtendedLifetime(lock) {
        try store.putDescriptor(descriptor, inPlaceOf: known, notices: notices)
      }
      guard isDone else { return }
      notices.add("store \(store.name) has a new vault.json now, from another store")
    } catch { notices.add("vault.json in store \(store.name) is not repaired: \(error)") }
  }

  func tiers(
    of descriptor: VaultDescriptor, _ protection: ContentProtection, _ notices: Notices
  ) -> [Tier] {
    Tier.Name.allCases.compactMap { name in
      let own = stores.filter { $0.tier == name }
      guard !own.isEmpty else { return nil }
      let absent = own.filter { $0.absence != nil }
        .map { AbsentStore(name: $0.store.name, reason: $0.absence!) }
      for store in absent {
        notices.add(
          "store \(store.name) of the \(name.rawValue) tier cannot be used: \(store.reason)")
      }
      return Tier(
        name, stores: own.filter { $0.absence == nil }.map(\.store), absent: absent,
        rule: descriptor.redundancy.rule(for: name, of: own.count),
        protection: protection, notices: notices)
    }
  }
}
