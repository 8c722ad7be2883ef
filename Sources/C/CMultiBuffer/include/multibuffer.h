/// SHA-256 of many messages side by side, one in each lane of the processor's vector unit, by
/// Intel's multi-buffer library (libipsec-mb): two to three times as fast as one after the other.
///
/// The library is not needed. It is opened when it is first asked for, and where it is not there,
/// is another version, or was not there when this was compiled, nothing is made.
#ifndef KLUIS_MULTIBUFFER_H
#define KLUIS_MULTIBUFFER_H

#include <stddef.h>

/// A message, and where its 32 bytes of digest go.
typedef struct {
  const void *bytes;
  size_t count;
  void *digest;
} multibuffer_message;

/// No message may be longer.
enum { multibuffer_longest_message = 1 << 20 };

/// The lanes of one thread.
typedef struct multibuffer multibuffer;

/// Lanes that compute SHA-256, or HMAC-SHA-256 (RFC 2104) under a key of at most 64 bytes.
///
/// @param key NULL for SHA-256.
/// @return NULL where the library cannot be used.
multibuffer *multibuffer_make(const void *key, size_t key_count);
void multibuffer_free(multibuffer *lanes);

/// Computes the digest of each message.
/// @return 0; -1 where the library failed, and no digest may be used.
int multibuffer_digest(multibuffer *lanes, const multibuffer_message *messages, size_t count);

#endif
