/// Argon2 (RFC 9106) by its reference library, libargon2, which opens the newer encrypted disks.
///
/// The library is not needed. It is opened when it is first asked for.
#ifndef KLUIS_ARGON2_LIBRARY_H
#define KLUIS_ARGON2_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

/// Whether the library is installed.
int argon2_library_is_there(void);

/// What RFC 9106 (section 3.1) takes, and where `count` bytes of key go.
typedef struct {
  /// Whether the first pass depends on the password as well: Argon2id, else Argon2i.
  int is_hybrid;
  uint32_t passes;
  uint32_t memory_kibibytes;
  uint32_t lanes;
  const void *password;
  size_t password_count;
  const void *salt;
  size_t salt_count;
  void *key;
  size_t key_count;
} argon2_library_work;

/// @return 0; -1 where the library is not there, has no memory, or refuses the numbers.
int argon2_library_derive(const argon2_library_work *work);

#endif
