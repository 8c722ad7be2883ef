internal import Encryption
internal import Synchronization

/// The keys of encrypted volumes that were opened: the same volume in another recovery point then
/// opens without the seconds that a passphrase takes.
package final class VolumeKeyring: Sendable {
  private let known = Mutex<[LUKSHeader.KeyCheck: Secret]>([:])

  package init() {}

  /// The key that a header tells from others so, where it is known.
  func key(_ check: LUKSHeader.KeyCheck) -> Secret? { known.withLock { $0[check] } }

  func remember(_ key: Secret, _ check: LUKSHeader.KeyCheck) {
    known.withLock { $0[check] = key }
  }
}
