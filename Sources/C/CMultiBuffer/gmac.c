#include "library.h"
#include "multibuffer.h"

#if __has_include(<intel-ipsec-mb.h>)

#include <stdlib.h>
#include <string.h>

struct multibuffer_gmac {
  struct gcm_key_data key;
  struct gcm_context_data context;
  IMB_MGR *manager;
};

enum { nonce_count = 12, tag_count = 16 };

multibuffer_gmac *multibuffer_gmac_make(const void *key) {
  IMB_MGR *manager = library_make_manager();
  if (!manager) return NULL;
  multibuffer_gmac *gmac = aligned_alloc(_Alignof(multibuffer_gmac), sizeof *gmac);
  if (!gmac) {
    library_free_manager(manager);
    return NULL;
  }
  gmac->manager = manager;
  IMB_AES128_GCM_PRE(manager, key, &gmac->key);
  return gmac;
}

void multibuffer_gmac_free(multibuffer_gmac *gmac) {
  if (!gmac) return;
  library_free_manager(gmac->manager);
  explicit_bzero(gmac, sizeof *gmac);
  free(gmac);
}

void multibuffer_gmac_tag(
    multibuffer_gmac *gmac, const void *nonce, const void *bytes, size_t count, void *tag) {
  IMB_MGR *manager = gmac->manager;
  IMB_AES128_GMAC_INIT(manager, &gmac->key, &gmac->context, nonce, nonce_count);
  IMB_AES128_GMAC_UPDATE(manager, &gmac->key, &gmac->context, bytes, count);
  IMB_AES128_GMAC_FINALIZE(manager, &gmac->key, &gmac->context, tag, tag_count);
}

#else

multibuffer_gmac *multibuffer_gmac_make(const void *key) {
  (void)key;
  return NULL;
}

void multibuffer_gmac_free(multibuffer_gmac *gmac) { (void)gmac; }

void multibuffer_gmac_tag(
    multibuffer_gmac *gmac, const void *nonce, const void *bytes, size_t count, void *tag) {
  (void)gmac, (void)nonce, (void)bytes, (void)count, (void)tag;
}

#endif
