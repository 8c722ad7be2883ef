internal import Bytes
internal import Hashing
internal import Packs
internal import Stores
internal import Synchronization

/// Heals a pack in the store that gave wrong bytes of it, from a whole copy that another gives.
///
/// Shared by all readers of a tier; one pack is healed at a time and once, whatever comes of it.
final class ReadRepair: Sendable {
  private let donors: [any Store]
  let isActive: Bool
  private let notices: Notices
  private let pool = PackWriter.makeBufferPool()
  private let state = Mutex(State())

  private struct Patient: Hashable {
    let pack: PackID
    let store: ObjectIdentifier
  }

  private struct State {
    var seen: Set<Patient> = []
    /// Stores that refused to be written to.
    var readOnly: Set<ObjectIdentifier> = []
  }

  /// - Parameters:
  ///   - donors: stores that may have good copies, the nearest first.
  ///   - isActive: false to note what is damaged and leave it as it is.
  init(donors: [any Store], isActive: Bool, notices: Notices) {
    self.donors = donors
    self.isActive = isActive
    self.notices = notices
  }

  /// - Parameter problem: what the store gave instead of good bytes.
  func heal(_ pack: PackID, in store: any Store, after problem: String) {
    let patient = Patient(pack: pack, store: ObjectIdentifier(store))
    state.withLock { state in
      guard state.seen.insert(patient).inserted else { return }
      let what = "pack \(pack) in store \(store.name): \(problem)"
      let damaged = "damaged packs in store \(store.name)"
      guard isActive, !state.readOnly.contains(patient.store) else {
        return notices.add(what, of: damaged)
      }
      guard let (good, donor) = wholeCopy(of: pack, besides: store) else {
        return notices.add(
          "\(what); `kluis scrub --repair` may be able to repair it", of: damaged)
      }
      do throws(StoreError) {
        try good.withBytes { bytes throws(StoreError) in try store.put(bytes, at: .pack(pack)) }
        notices.add(
          "\(what); repaired from store \(donor.name)",
          of: "packs of store \(store.name), repaired as well")
      } catch {
        state.readOnly.insert(patient.store)
        notices.add("\(what); not repaired: \(error)")
      }
    }
  }

  private func wholeCopy(
    of pack: PackID, besides damaged: any Store
  ) -> (pack: SealedPack, donor: any Store)? {
    var digester = Digester()
    for donor in donors where donor !== damaged {
      do throws(PackError) {
        return (
          try SealedPack.load(pack, from: donor, pool: pool, digester: &digester), donor
        )
      } catch { continue }
    }
    return nil
  }
}
