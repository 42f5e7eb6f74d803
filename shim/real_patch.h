/*
 * real_patch: our wrappers into the global offset tables of objects that the loader bound past us.
 *
 * Two kinds (facts "interpose" 1.2, 1.3): objects opened with RTLD_DEEPBIND (PHP's modules, FreeRADIUS'), and objects that
 * want a version of libcurl's which shim/versions.map does not name. A slot is written only where the wrapper would call
 * exactly what the slot holds, or would come to hold: nothing is bound to another library than without us.
 *
 * And functions of libc that are seen only where a setting asks for it: an export would bind every program to us (stdio.c).
 *
 * Context: cold. It calls the loader (NOLOAD only) and may clear dlerror state; errno is the caller's to keep.
 * Threads: any; nobody waits: who comes while another is patching leaves the work to it.
 */
#ifndef OTELSHIM_REAL_PATCH_H
#define OTELSHIM_REAL_PATCH_H

#include "real.h"
#include "real_elf.h"

/* A slot of an object that holds, or will hold, the address of a function we wrap. */
struct patch_slot {
    void **at;
    const char *name;
    const char *version;           /* that the object wants; NULL none */
    bool is_relro;                 /* read-only by now */
    const struct patch_hook *hook; /* NULL: a function that we export a wrapper for */
};

/* A function of libc, seen without being exported by us. */
struct patch_hook {
    const char *name;
    void *real; /* the slots that hold it, or will, get `hook`; NULL: none does */
    void *hook;
    bool
        is_first; /* nobody in front of us defines that name: what is not bound yet will be bound to `real` */
};

/* What is found in one object: pointers into it. */
#define PATCH_MAX_SLOTS 128u
struct patch_slots {
    uint32_t n;
    uintptr_t relro_from, relro_to; /* whole pages */
    struct patch_slot at[PATCH_MAX_SLOTS];
};

/* Slots of undefined references to names that `exporter` defines (NULL: none), or that are hooked: JUMP_SLOT and GLOB_DAT, in
 * the order of the tables. Only reads. The object's own references to functions that it defines are not among them. */
void patch_collect(struct patch_slots *ret_slots, const struct elf_object *object,
                   const struct dl_phdr_info *info, const struct elf_object *exporter);

/* Does it want a version of a libcurl that `exporter` does not define? */
bool patch_wants_unknown_version(const struct elf_object *object, const struct elf_object *exporter);

/* How many objects are loaded, and how many ever left. */
struct patch_count {
    uint32_t n;
    uint64_t n_left;
};
struct patch_count patch_count_objects(void);

/* From the next patch_objects() on. Once; they stay the caller's. */
void patch_set_hooks(const struct patch_hook *hooks, uint32_t n);

/*
 * Replaces the function `from` by `to` wherever the object that defines it keeps the address in what is read-only after
 * relocation: tables of functions. Returns how many there were.
 */
uint32_t patch_tables(void *from, void *to);

/*
 * Patches the objects from number `from` on, in load order: all of them, or (`unknown_only`) those of the second kind.
 * `handle` is what dlopen() returned, NULL where that is not known: a slot that is not bound yet is then written only
 * where one library defines the function.
 */
void patch_objects(uint32_t from, bool unknown_only, void *handle);

#endif
