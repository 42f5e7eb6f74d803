/*
 * real: the real function behind an entry point: exactly the one ld.so would have bound without us.
 *
 * Resolver: facts "interpose" 1.1: RTLD_NEXT where its version fits, else our own GNU-hash walk over the loaded
 * objects, several definers decided by version, then handle registry, then caller. Nothing found: NULL, and the
 * wrapper behaves as the dynamic linker would have. A resolved library is pinned.
 *
 * Context: real_find() hot after the first call of an entry point (one load); the first is cold and uses no dlerror
 * state of the host. Threads: any. errno kept.
 */
#ifndef OTELSHIM_REAL_H
#define OTELSHIM_REAL_H

#include <stdbool.h>
#include <stdint.h>

/* A library a real function was found in: text range for the internal-call rule. Never freed. */
struct real_library {
    const char *name;
    uintptr_t base;
    uintptr_t text_from, text_to;
    const void *map; /* link_map, pinned */
};

/* One entry point of one flavour; lives in the instrumentation's table. */
struct real_entry {
    const char *name;
    const char *version; /* wanted symbol version; NULL: unversioned */
    void *function;      /* cached; NULL until found */
    const struct real_library *library;
};

/*
 * The real function. `call_site` is the wrapper's return address, `handle` the library handle of the call (NULL none):
 * both only decide between several definers.
 */
void *real_find(struct real_entry *entry, const void *call_site, const void *handle);

/* Another function of the same library as `entry` (an accessor such as PQhost): NULL when it does not export it.
 * Cold; cache the result per library. */
void *real_sibling(const struct real_entry *entry, const char *name);

/* A function of libc by our own walk, any version or the given one. NULL on libcs that lack it. Cold. */
void *real_libc(const char *name, const char *version);

/* Does `address` lie in the library the entry was resolved to, or in the shim? Two compares each; false before the
 * entry was resolved. */
bool real_is_internal(const struct real_entry *entry, const void *address);

#endif
