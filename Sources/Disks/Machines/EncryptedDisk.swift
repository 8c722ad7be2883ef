/// A disk that the hypervisor encrypts: its bytes are kept as they are, and are of use only with a
/// secret that lies with the hypervisor.
package struct EncryptedDisk: Sendable, Equatable {
  package let name: String
  /// What the hypervisor calls its secrets: their uuids, or what they are for.
  package let secrets: [String]

  package init(name: String, secrets: [String]) {
    self.name = name
    self.secrets = secrets
  }
}

extension LibvirtDomain {
  /// The disks that a domain encrypts (libvirt, "Storage volume encryption XML format"), whose
  /// element stands in the disk or, since libvirt 3.9, in its source.
  package var encryptedDisks: [EncryptedDisk] {
    diskElements.compactMap { disk in
      guard let encryption = disk.child("source", "encryption") ?? disk.child("encryption") else {
        return nil
      }
      let secrets = encryption.children("secret").compactMap { secret in
        secret[attribute: "uuid"] ?? secret[attribute: "usage"]
      }
      return EncryptedDisk(name: name(of: disk), secrets: secrets)
    }
  }
}
