#include "library.h"

#if __has_include(<intel-ipsec-mb.h>)

#include <dlfcn.h>
#include <pthread.h>

static struct {
  typeof(alloc_mb_mgr) *make;
  typeof(free_mb_mgr) *free;
  typeof(init_mb_mgr_auto) *prepare;
} library;
static int is_open;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void open_library(void) {
  void *handle = dlopen("libIPSec_MB.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!handle) return;
  typeof(imb_get_version) *version = dlsym(handle, "imb_get_version");
  library.make = dlsym(handle, "alloc_mb_mgr");
  library.free = dlsym(handle, "free_mb_mgr");
  library.prepare = dlsym(handle, "init_mb_mgr_auto");
  // The layout of a job is that of the header only where the first two numbers are the same.
  is_open = version && version() >> 8 == IMB_VERSION_NUM >> 8 && library.make && library.free &&
            library.prepare;
}

IMB_MGR *library_make_manager(void) {
  pthread_once(&once, open_library);
  IMB_MGR *manager = is_open ? library.make(0) : NULL;
  if (!manager) return NULL;
  library.prepare(manager, NULL);
  if (!manager->imb_errno) return manager;
  library.free(manager);
  return NULL;
}

void library_free_manager(IMB_MGR *manager) { library.free(manager); }

#endif
