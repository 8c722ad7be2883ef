/// The multi-buffer library as it lies in this process.
#ifndef KLUIS_MULTIBUFFER_LIBRARY_H
#define KLUIS_MULTIBUFFER_LIBRARY_H

#if __has_include(<intel-ipsec-mb.h>)

#include <intel-ipsec-mb.h>

/// A manager, made for this processor, to be ended with ``library_free_manager``; NULL where the
/// library cannot be used.
IMB_MGR *library_make_manager(void);
void library_free_manager(IMB_MGR *manager);

#endif

#endif
