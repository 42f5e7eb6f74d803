/*
 * real_scope: which loaded objects define a name, which were there from the start, and who depends on whom.
 *
 * Context: cold; dl_iterate_phdr() alone, so no dlerror state and no lock that dlopen() holds while constructors run.
 * Threads: any.
 */
#ifndef OTELSHIM_REAL_SCOPE_H
#define OTELSHIM_REAL_SCOPE_H

#include "real_elf.h"

#define SCOPE_MAX_DEFINERS 8u

struct scope_definer {
    struct elf_object object;
    void *function;
};

struct scope_definers {
    uint32_t n;
    uint64_t loads; /* scope_count_loads() at that time */
    struct scope_definer at[SCOPE_MAX_DEFINERS];
};

/* The objects behind the shim, in load order, that define `name`: what RTLD_NEXT would search, and the objects opened
 * with RTLD_LOCAL besides. */
void scope_find_definers(const char *name, enum elf_match match, const char *version,
                         struct scope_definers *ret_definers);

/* Was the object loaded with the program, as a dependency or a preload: is it in the global scope for ever, in front
 * of all that was opened later? False in doubt. */
bool scope_is_startup(const struct elf_object *object);

/* Is `object` among the dependencies of the object whose text contains `address`? */
bool scope_is_dependency(const struct elf_object *object, const void *address);

/* Does the address lie in the shim's own text? Hot: two compares; false before the first search. */
bool scope_is_shim(const void *address);

/* The shim's own text range, as the last search saw it. */
void scope_get_shim_text(uintptr_t *ret_from, uintptr_t *ret_to);

/* How many objects were ever loaded: unchanged means that no new definer can have come. */
uint64_t scope_count_loads(void);

#endif
