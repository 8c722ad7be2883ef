/// What Intel's multi-buffer library (libipsec-mb) computes faster than libcrypto: SHA-256 of many
/// messages side by side, one in each lane of the processor's vector unit, and GMAC.
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

/// The lanes of one thread: two to three times as fast as one message after the other.
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

/// GMAC with AES-128 (NIST SP 800-38D) under one key, for one thread.
typedef struct multibuffer_gmac multibuffer_gmac;

/// @param key 16 bytes.
/// @return NULL where the library cannot be used.
multibuffer_gmac *multibuffer_gmac_make(const void *key);
void multibuffer_gmac_free(multibuffer_gmac *gmac);

/// Computes the tag of `count` bytes, at least one.
///
/// @param nonce 12 bytes.
/// @param tag where the 16 bytes of the tag go.
void multibuffer_gmac_tag(
    multibuffer_gmac *gmac, const void *nonce, const void *bytes, size_t count, void *tag);

#endif
