import Backups
import Machines
import Vaults

/// Says which of a point's disks need a secret of the hypervisor that the point does not keep.
///
/// Kluis cannot ask for it, and may not guess which file it is in; a machine whose owner keeps it
/// elsewhere is backed up as well as any other.
func encryptionNotes(of machine: ProtectedMachine, _ point: RecoveryPoint) throws -> [String] {
  let kept = Set((point.secrets ?? []).map(\.name))
  return try machine.encryptedDisks.compactMap { disk in
    guard point.disks.contains(where: { $0.name == disk.name }) else { return nil }
    let missing = disk.secrets.first { isName($0) ? !kept.contains($0) : kept.isEmpty }
    guard let missing = missing ?? (disk.secrets.isEmpty && kept.isEmpty ? "" : nil) else {
      return nil
    }
    return "disk \(disk.name) is encrypted by the hypervisor: to start the machine elsewhere its "
      + "secret \(missing.isEmpty ? "" : "\(missing) ")is needed, which the point does not keep; "
      + "add it with --secret \(isName(missing) ? missing : "NAME")=FILE"
  }
}

/// Whether a secret of a point can be called so. One that cannot has a name that is not known here.
private func isName(_ text: String) -> Bool {
  do throws(NameError) { try checkName(text, of: "secret") } catch { return false }
  return true
}
