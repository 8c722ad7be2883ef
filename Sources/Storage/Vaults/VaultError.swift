/// A vault cannot be made, opened or asked.
package enum VaultError: Error, Sendable, CustomStringConvertible {
  case notAVault(String)
  case notADirectory(String)
  case newer(String, format: Int)
  case damaged(String, reason: String)
  case unsupported(String)
  case exists(String)
  case tierMissing(String)
  /// No store can be used; their names.
  case unreachable([String])
  case unknownMachine(String)
  case unknownPoint(String)
  case unknownDisk(String, point: String, known: [String])
  /// Somebody else has kept the stores for a long time.
  case beingChanged([String])
  /// Somebody else has changed what it is at the same time.
  case changedMeanwhile

  package var description: String {
    switch self {
    case .notAVault(let path):
      "\(path) is not a vault: it holds no vault.json (make one with `kluis init \(path)`)"
    case .notADirectory(let path): "\(path) is not a directory, which a vault is"
    case .newer(let path, let format):
      "the vault at \(path) has format \(format), and this kluis reads up to format "
        + "\(VaultDescriptor.currentFormat): use a newer kluis"
    case .damaged(let object, let reason): "\(object) is damaged: \(reason)"
    case .unsupported(let what): what
    case .exists(let path): "\(path) exists and is not empty: choose another place for the vault"
    case .tierMissing(let name): "this vault has no \(name) tier"
    case .unreachable(let stores):
      "no store of this vault can be used: \(stores.joined(separator: ", "))"
    case .unknownMachine(let name):
      "machine \(quoted(name)) has no recovery point in this vault (see `kluis points`)"
    case .unknownPoint(let name): "no recovery point \(quoted(name)) (see `kluis points`)"
    case .unknownDisk(let disk, let point, let known):
      "\(point) has no disk \(quoted(disk)); it has \(known.joined(separator: ", "))"
    case .beingChanged(let stores):
      "somebody else is changing the vault's keys or stores (\(stores.joined(separator: ", "))): "
        + "try again when that is done"
    case .changedMeanwhile:
      "somebody else has changed the vault's keys or stores at the same time: look at what they "
        + "are now, and run the command again"
    }
  }

  /// The same damage, with what to do about it.
  func advising(_ advice: String) -> VaultError {
    guard case .damaged(let object, let reason) = self else { return self }
    return .damaged(object, reason: "\(reason); \(advice)")
  }
}
