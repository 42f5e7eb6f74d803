/*
 * real_scope: see real_scope.h.
 *
 * Dependencies are followed by the names in DT_NEEDED, as hashes: one pass over the objects in load order finds nearly
 * all of them, because the dynamic linker loads breadth first; passes are repeated until none is new.
 */
#include "real_scope.h"

#include "hot.h"
#include <stddef.h>
#include <string.h>

#define MAX_NAMES 320u    /* different DT_NEEDED names that are followed; beyond: in doubt */
#define MAX_OBJECTS 1024u /* objects that are looked at */
#define MAX_PASSES 16u

struct search {
    struct elf_name name;
    enum elf_match match;
    const char *version;
    bool is_behind_us;
    struct scope_definers *definers;
};

/* Where we are ourselves: the same values at every search. */
static struct {
    uintptr_t from, to;
} shim_text;

/* In glibc link-map order: the program, preloads, dependencies breadth first, then what dlopen() brought. */
static bool is_shim(const struct elf_object *object)
{
    return elf_has_text(object, (const void *)scope_find_definers);
}

static int search_object(struct dl_phdr_info *info, size_t size, void *of)
{
    struct search *search = of;
    struct elf_object object;
    (void)size;
    search->definers->loads = info->dlpi_adds;
    if (!elf_read(&object, info))
        return 0;
    if (is_shim(&object)) {
        search->is_behind_us = true;
        __atomic_store_n(&shim_text.from, object.text_from, __ATOMIC_RELAXED);
        __atomic_store_n(&shim_text.to, object.text_to, __ATOMIC_RELAXED);
        return 0;
    }
    void *function =
        search->is_behind_us ? elf_find(&object, &search->name, search->match, search->version) : NULL;
    if (function && search->definers->n < SCOPE_MAX_DEFINERS)
        search->definers->at[search->definers->n++] = (struct scope_definer){object, function};
    return 0;
}

void scope_find_definers(const char *name, enum elf_match match, const char *version,
                         struct scope_definers *ret_definers)
{
    struct search search = {elf_hash_name(name), match, version, false, ret_definers};
    ret_definers->n = 0;
    ret_definers->loads = 0;
    (void)dl_iterate_phdr(search_object, &search);
}

void scope_get_shim_text(uintptr_t *ret_from, uintptr_t *ret_to)
{
    *ret_from = __atomic_load_n(&shim_text.from, __ATOMIC_RELAXED);
    *ret_to = __atomic_load_n(&shim_text.to, __ATOMIC_RELAXED);
}

HOT bool scope_is_shim(const void *address)
{
    return (uintptr_t)address >= __atomic_load_n(&shim_text.from, __ATOMIC_RELAXED) &&
           (uintptr_t)address < __atomic_load_n(&shim_text.to, __ATOMIC_RELAXED);
}

static int read_loads(struct dl_phdr_info *info, size_t size, void *of)
{
    uint64_t *ret_loads = of;
    (void)size;
    *ret_loads = info->dlpi_adds;
    return 1;
}

uint64_t scope_count_loads(void)
{
    uint64_t loads = 0;
    (void)dl_iterate_phdr(read_loads, &loads);
    return loads;
}

/* The objects that can be reached from some first ones. */
struct closure {
    const void *from; /* an address in the first one; NULL: the program and all preloads */
    uintptr_t target; /* base of the object that is looked for */
    bool is_found;
    bool is_changed;     /* this pass reached another object */
    bool has_dependency; /* one was met: what comes behind it is no preload */
    uint32_t index;      /* of the object in this pass */
    uint32_t n_names;
    uint64_t reached[MAX_OBJECTS / 64];
    uint32_t names[MAX_NAMES];
};

static bool has_name(const struct closure *closure, uint32_t name)
{
    for (uint32_t i = 0; i < closure->n_names; i++)
        if (closure->names[i] == name)
            return true;
    return false;
}

static void add_needed(struct closure *closure, const struct elf_object *object)
{
    for (const ElfW(Dyn) *entry = object->dynamic; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag != DT_NEEDED)
            continue;
        uint32_t name = elf_hash_library(object->strings + entry->d_un.d_val);
        if (!has_name(closure, name) && closure->n_names < MAX_NAMES)
            closure->names[closure->n_names++] = name;
    }
}

static bool is_reached(struct closure *closure, const struct elf_object *object)
{
    if ((object->soname && has_name(closure, elf_hash_library(object->soname))) ||
        (*object->name && has_name(closure, elf_hash_library(object->name)))) {
        closure->has_dependency = true;
        return true;
    }
    if (closure->from)
        return elf_has_text(object, closure->from);
    return !closure->has_dependency; /* the program and the preloads */
}

static int reach_object(struct dl_phdr_info *info, size_t size, void *of)
{
    struct closure *closure = of;
    struct elf_object object;
    uint32_t index = closure->index++;
    (void)size;
    if (index >= MAX_OBJECTS || (closure->reached[index / 64] >> (index % 64)) & 1 ||
        !elf_read(&object, info))
        return 0;
    if (!is_reached(closure, &object))
        return 0;
    closure->is_changed = true;
    closure->reached[index / 64] |= 1ull << (index % 64);
    closure->is_found |= object.base == closure->target;
    add_needed(closure, &object);
    return closure->is_found;
}

static bool reaches(const struct elf_object *object, const void *from)
{
    struct closure closure;
    memset(&closure, 0, sizeof(closure));
    closure.from = from;
    closure.target = object->base;
    for (unsigned pass = 0; pass < MAX_PASSES; pass++) {
        closure.index = 0;
        closure.is_changed = false;
        (void)dl_iterate_phdr(reach_object, &closure);
        if (closure.is_found || !closure.is_changed)
            break;
    }
    return closure.is_found;
}

bool scope_is_startup(const struct elf_object *object)
{
    return reaches(object, NULL);
}

bool scope_is_dependency(const struct elf_object *object, const void *address)
{
    return reaches(object, address);
}
