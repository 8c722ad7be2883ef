internal import BlockDevices
internal import Bytes
internal import Encryption

/// Opens LUKS containers with whatever secrets there are.
extension LUKSHeader {
  /// What lies in the container, decrypted as it is read.
  ///
  /// Trying a secret on a slot takes what whoever made it wanted, usually seconds.
  ///
  /// - Throws: ``LUKSRefusal``, also where no secret opens it; what the device throws.
  func open(
    on device: any BlockDevice, with secrets: [Secret], _ keyring: VolumeKeyring = VolumeKeyring()
  ) throws -> any BlockDevice {
    var problems = problems
    var wereTried = false
    for slot in slots {
      guard let encryption = SectorEncryption(segment.encryption, keyByteCount: slot.keyByteCount)
      else {
        throw LUKSRefusal(
          "its cipher \(printable(segment.encryption)) with \(slot.keyByteCount * 8) bits is not "
            + "known here")
      }
      do {
        guard let key = try volumeKey(in: slot, on: device, openedBy: secrets, keyring) else {
          wereTried = true
          continue
        }
        keyring.remember(key, slot.check)
        return try DecryptedDevice(device, segment, encryption, key: key)
      } catch let refusal as LUKSRefusal {
        problems.append("key slot \(printable(slot.name)): \(refusal)")
      }
    }
    var reason = "it is encrypted"
    if slots.isEmpty && problems.isEmpty {
      reason += ", and no key slot of it is in use"
    } else if secrets.isEmpty {
      reason += ": its passphrase or key file opens it (--secret-file)"
    } else if wereTried {
      reason += ", and none of the secrets given opens it"
    }
    throw LUKSRefusal(([reason] + problems).joined(separator: "; "))
  }

  /// The volume's key, where it is known or its copy in `slot` was sealed with one of `secrets`.
  private func volumeKey(
    in slot: KeySlot, on device: any BlockDevice, openedBy secrets: [Secret],
    _ keyring: VolumeKeyring
  ) throws -> Secret? {
    if let key = keyring.key(slot.check), key.byteCount == slot.keyByteCount { return key }
    if let obstacle = slot.work.obstacle ?? slot.check.work.obstacle {
      throw LUKSRefusal(obstacle)
    }
    for secret in secrets {
      if let key = try volumeKey(in: slot, on: device, openedBy: secret) { return key }
    }
    return nil
  }

  /// The volume's key, where `secret` is what its copy in `slot` was sealed with.
  private func volumeKey(
    in slot: KeySlot, on device: any BlockDevice, openedBy secret: Secret
  ) throws -> Secret? {
    let areaKey = slot.work.key(
      for: secret, salt: slot.salt.span.bytes, byteCount: slot.areaEncryption.keyByteCount)
    guard let areaKey else {
      throw LUKSRefusal("its key cannot be made, perhaps for want of memory")
    }
    let sector = 512
    let count = slot.area.count
    var material = AlignedBuffer(capacity: (count + sector - 1) / sector * sector)
    var bytes = material.mutableBytes
    let readable = min(UInt64(bytes.byteCount), device.byteCount - slot.area.lowerBound)
    var read = material.mutableBytes(0..<Int(readable))
    try device.read(at: slot.area.lowerBound, into: &read)
    bytes = material.mutableBytes
    SectorCipher(slot.areaEncryption, key: areaKey, sectorByteCount: sector)
      .decrypt(&bytes, from: 0)
    let key = mergeStripes(
      material.bytes.extracting(0..<count), stripeCount: slot.stripeCount, slot.stripeDigest)
    let told = slot.check.work.key(
      for: key, salt: slot.check.salt.span.bytes, byteCount: slot.check.digest.count)
    guard let told else { throw LUKSRefusal("its key cannot be checked") }
    return told.isEqual(to: Secret(copying: slot.check.digest.span.bytes)) ? key : nil
  }
}
