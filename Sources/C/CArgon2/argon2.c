#include "argon2_library.h"

#include <dlfcn.h>
#include <pthread.h>

// As <argon2.h> declares it, which need not be installed.
typedef int derive_function(
    uint32_t passes, uint32_t memory, uint32_t lanes, const void *password, size_t password_count,
    const void *salt, size_t salt_count, void *key, size_t key_count, char *text, size_t text_count,
    int type, uint32_t version);

enum { type_i = 1, type_id = 2, version_13 = 0x13 };

static derive_function *derive;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void open_library(void) {
  void *handle = dlopen("libargon2.so.1", RTLD_NOW | RTLD_LOCAL);
  if (handle) derive = dlsym(handle, "argon2_hash");
}

int argon2_library_is_there(void) {
  pthread_once(&once, open_library);
  return derive != NULL;
}

int argon2_library_derive(const argon2_library_work *work) {
  if (!argon2_library_is_there()) return -1;
  int status = derive(
      work->passes, work->memory_kibibytes, work->lanes, work->password, work->password_count,
      work->salt, work->salt_count, work->key, work->key_count, NULL, 0,
      work->is_hybrid ? type_id : type_i, version_13);
  return status == 0 ? 0 : -1;
}
