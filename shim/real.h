/*
 * real: the real function behind an entry point: exactly the one ld.so would have bound without us.
 *
 * Resolver (facts "interpose" 1.1): our own hash walk over the objects behind us in load order, by ld.so's version
 * rule. One definer is the answer. Of several, the first if it was loaded with the program (that is what RTLD_NEXT
 * says: the global scope begins with those, a second interposer behind us included), else what RTLD_NEXT itself says,
 * else the library of the handle, the caller itself, the caller's dependencies, the first. A library that dlopen()
 * brought is pinned.
 *
 * Nothing found: a function that returns the entry point's failure, never NULL. ld.so would have ended the program
 * (127) or, behind a weak reference, given it NULL; but a program that gets this far runs well without the library,
 * so it is not ended, and is not told a success either.
 *
 * Context: real_find() is hot. Where the answer holds for ever (a library loaded with the program) it is one load;
 * for a library that dlopen() brought, dl_iterate_phdr()'s first entry besides (11 ns), because a second copy may
 * come any time. The first call of an entry point is cold. dlerror state of the host is touched only when a dlopen'ed
 * library is pinned, and when RTLD_NEXT had to be asked. Threads: any. errno kept.
 */
#ifndef OTELSHIM_REAL_H
#define OTELSHIM_REAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A library a real function was found in: text range for the internal-call rule. Never freed. */
struct real_library {
    const char *name;
    uintptr_t base;
    uintptr_t text_from, text_to;
    const void *map; /* link_map, pinned; NULL: loaded with the program, needs no pin */
};

#define REAL_NAME_BYTES 40u /* NUL included, as below */
#define REAL_VERSION_BYTES 16u

/* What a call returns when there is no real function. */
enum real_failure {
    REAL_RETURNS_NOTHING, /* 0, NULL */
    REAL_RETURNS_MINUS_1,
    REAL_RETURNS_2,
    REAL_RETURNS_4,
    N_REAL_FAILURES
};

/* One entry point of one flavour; lives in the instrumentation's table. */
struct real_entry {
    void *function;                     /* cached when the answer holds for ever; else NULL */
    const struct real_library *library; /* of the last answer */
    void *only; /* private: the only definer when `only_loads` objects had been loaded; NULL: several */
    uint64_t only_loads; /* private */
    /* No pointers from here on: the loader would relocate them, and so write the page, in every process that starts. */
    char name[REAL_NAME_BYTES];
    char version[REAL_VERSION_BYTES]; /* wanted symbol version; "": unversioned */
    uint8_t failure;                  /* enum real_failure */
};

/* NULL: unversioned. */
static inline const char *real_version_of(const struct real_entry *entry)
{
    return *entry->version ? entry->version : NULL;
}

/* Where the answer does not hold for ever, or is not known yet. */
void *real_find_slowly(struct real_entry *entry, const void *call_site, const void *handle);

/*
 * The real function, never NULL. `call_site` is the wrapper's return address, `handle` the library handle of the call (NULL none):
 * both only decide between several definers.
 */
static inline void *real_find(struct real_entry *entry, const void *call_site, const void *handle)
{
    void *function = __atomic_load_n(&entry->function, __ATOMIC_ACQUIRE);
    return __builtin_expect(function != NULL, 1) ? function : real_find_slowly(entry, call_site, handle);
}

/* Another function of the same library as `entry` (an accessor such as PQhost): NULL when it does not export it.
 * Cold; cache the result per library. */
void *real_sibling(const struct real_entry *entry, const char *name);

/* A function of libc by our own walk, the default version (NULL) or the given one; the one of a second interposer
 * behind us, where there is one. NULL on libcs that lack it. Cold. */
void *real_libc(const char *name, const char *version);

/*
 * The entry point that stands for `name` where `version` is wanted (NULL: none): of several flavours the one of that
 * version, else the base. NULL: not ours. loader.c has it, because it may see the instrumentations.
 */
struct real_entry *real_entry_of(const char *name, const char *version);

/* Our own function for the entry point: what the program calls. */
void *real_wrapper_of(const struct real_entry *entry);

/* From the lowest to the highest text address of the shim and of every library that a function was found in. */
extern __attribute__((visibility("hidden"))) uintptr_t real_known_from, real_known_to;
bool real_is_internal_there(const struct real_entry *entry, const void *address);

static inline bool real_is_known(const void *address)
{
    uintptr_t at = (uintptr_t)address;
    return at >= __atomic_load_n(&real_known_from, __ATOMIC_RELAXED) &&
           at < __atomic_load_n(&real_known_to, __ATOMIC_RELAXED);
}

/* The plain case of real_is_internal(): does `address` lie in the library of the last answer? */
static inline bool real_is_in_library(const struct real_entry *entry, const void *address)
{
    const struct real_library *library = __atomic_load_n(&entry->library, __ATOMIC_ACQUIRE);
    return library && (uintptr_t)address - library->text_from < library->text_to - library->text_from;
}

/* Does `address` lie in the shim, or in a library that defines the entry point itself? A few compares. Ask after
 * real_find(): before, the library is not known. */
static inline bool real_is_internal(const struct real_entry *entry, const void *address)
{
    return real_is_known(address) && real_is_internal_there(entry, address);
}

/* The same for entry points that libraries call themselves at every turn: the plain case at once. */
static inline bool real_is_often_internal(const struct real_entry *entry, const void *address)
{
    return real_is_known(address) &&
           (real_is_in_library(entry, address) || real_is_internal_there(entry, address));
}

#endif
