/*
 * real: see real.h.
 *
 * Textbook dlsym(RTLD_NEXT) broke 15 of 48 real programs (facts "interpose" 0): it is NULL for callers opened with
 * RTLD_LOCAL and takes the wrong one of two libcurl flavours.
 */
#include "real.h"

#include "connection.h"
#include "hot.h"
#include "real_libc.h"
#include "real_scope.h"
#include <errno.h>
#include <stddef.h>

#define MAX_LIBRARIES 64u

struct library {
    struct real_library public; /* first: a real_library is one of these */
    struct elf_object object;
    bool is_startup;
};

/* Append-only. A place is claimed by counting, filled, and published in the first free cell: no lock, and two threads
 * (or a UNIX-signal handler) that find the same library at once end up with one entry. */
static struct {
    struct library places[MAX_LIBRARIES];
    uint32_t n_places;
    struct library *published[MAX_LIBRARIES];
} libraries;

#define FAILURE(name, value) \
    static long name(void)   \
    {                        \
        return value;        \
    }
FAILURE(return_nothing, 0)
FAILURE(return_minus_1, -1)
FAILURE(return_2, 2)
FAILURE(return_4, 4)

static void *stand_in(enum real_failure failure)
{
    switch (failure) {
    case REAL_RETURNS_MINUS_1:
        return (void *)return_minus_1;
    case REAL_RETURNS_2:
        return (void *)return_2;
    case REAL_RETURNS_4:
        return (void *)return_4;
    default:
        return (void *)return_nothing;
    }
}

/* PHP and Apache's graceful restart unload and reload modules with their libraries, while we keep pointers into them. */
static const void *pin(const struct elf_object *object)
{
    const struct libc_loader *loader = libc_loader_get();
    if (!loader->dlopen || !*object->name)
        return NULL;
    return loader->dlopen(object->name, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

static const struct library *known_library(const struct elf_object *object)
{
    for (uint32_t i = 0; i < MAX_LIBRARIES; i++) {
        const struct library *library = __atomic_load_n(&libraries.published[i], __ATOMIC_ACQUIRE);
        if (!library)
            return NULL;
        if (library->object.dynamic == object->dynamic)
            return library;
    }
    return NULL;
}

static const struct library *publish_library(struct library *mine)
{
    for (uint32_t i = 0; i < MAX_LIBRARIES; i++) {
        struct library *there = NULL;
        if (__atomic_compare_exchange_n(&libraries.published[i], &there, mine, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE))
            return mine;
        if (there->object.dynamic == mine->object.dynamic)
            return there;
    }
    return NULL;
}

HOT_WORD uintptr_t real_known_from = UINTPTR_MAX;
HOT_WORD uintptr_t real_known_to;

/* Only ever wider, whoever does it at once. */
static void widen_known(uintptr_t from, uintptr_t to)
{
    uintptr_t seen = __atomic_load_n(&real_known_from, __ATOMIC_RELAXED);
    while (from < seen && !__atomic_compare_exchange_n(&real_known_from, &seen, from, true, __ATOMIC_RELAXED,
                                                       __ATOMIC_RELAXED))
        ;
    seen = __atomic_load_n(&real_known_to, __ATOMIC_RELAXED);
    while (to > seen &&
           !__atomic_compare_exchange_n(&real_known_to, &seen, to, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

/* NULL when there are more libraries than anybody has: then nothing is known of it but the function. */
static const struct library *library_of(const struct elf_object *object)
{
    const struct library *library = known_library(object);
    if (library)
        return library;
    if (__atomic_load_n(&libraries.n_places, __ATOMIC_RELAXED) >= MAX_LIBRARIES)
        return NULL;
    uint32_t place = __atomic_fetch_add(&libraries.n_places, 1, __ATOMIC_RELAXED);
    if (place >= MAX_LIBRARIES)
        return NULL;
    struct library *mine = &libraries.places[place];
    mine->object = *object;
    mine->is_startup = scope_is_startup(object);
    mine->public = (struct real_library){
        .name = object->name,
        .base = object->base,
        .text_from = object->text_from,
        .text_to = object->text_to,
        .map = mine->is_startup ? NULL : pin(object),
    };
    uintptr_t from, to;
    scope_get_shim_text(&from, &to);
    widen_known(from, to);
    widen_known(object->text_from, object->text_to);
    return publish_library(mine);
}

/* Which of several definers RTLD_NEXT means; found.n when it knows none of them. */
static uint32_t ask_loader(const struct real_entry *entry, const struct scope_definers *found)
{
    const struct libc_loader *loader = libc_loader_get();
    if (!loader->dlsym || !loader->dlerror)
        return found->n;
    for (unsigned way = 0; way < 2; way++) {
        void *answer = NULL;
        if (way == 0)
            answer = loader->dlsym(RTLD_NEXT, entry->name);
        else if (*entry->version && loader->dlvsym)
            answer = loader->dlvsym(RTLD_NEXT, entry->name, entry->version);
        for (uint32_t i = 0; i < found->n; i++)
            if (answer == found->at[i].function)
                return i;
    }
    (void)loader->dlerror(); /* our miss is not the program's */
    return found->n;
}

static uint32_t ask_caller(const struct scope_definers *found, const void *call_site)
{
    for (uint32_t i = 0; i < found->n; i++)
        if (elf_has_text(&found->at[i].object, call_site))
            return i;
    for (uint32_t i = 0; i < found->n; i++)
        if (scope_is_dependency(&found->at[i].object, call_site))
            return i;
    return 0;
}

/* The library that made the handle is the right one whoever calls: a tail-called creator once mixed two libraries on
 * one handle (facts "interpose", trap 4). */
static uint32_t ask_handle(const struct scope_definers *found, const void *handle)
{
    const struct connection *connection = handle ? connection_find(handle) : NULL;
    const struct library *library = connection ? connection->library : NULL;
    for (uint32_t i = 0; library && i < found->n; i++)
        if (library->object.dynamic == found->at[i].object.dynamic)
            return i;
    return found->n;
}

/* Index of the definer. *ret_is_final: no later dlopen() can change it. */
static uint32_t choose(const struct real_entry *entry, const struct scope_definers *found,
                       const void *call_site, const void *handle, bool *ret_is_final)
{
    const struct library *first = library_of(&found->at[0].object);
    *ret_is_final = first && first->is_startup;
    if (*ret_is_final || found->n == 1)
        return 0;
    uint32_t i = found->n;
    if (__atomic_load_n(&entry->only_loads, __ATOMIC_RELAXED) !=
        found->loads) /* else it was asked and knew none */
        i = ask_loader(entry, found);
    *ret_is_final = i < found->n;
    if (i == found->n)
        i = ask_handle(found, handle);
    return i < found->n ? i : ask_caller(found, call_site);
}

static void *resolve(struct real_entry *entry, const void *call_site, const void *handle)
{
    struct scope_definers found;
    scope_find_definers(entry->name, ELF_AS_BOUND, real_version_of(entry), &found);
    if (!found.n)
        return stand_in((enum real_failure)entry->failure);

    bool is_final;
    uint32_t chosen = choose(entry, &found, call_site, handle, &is_final);
    for (uint32_t i = 0; i < found.n; i++)
        (void)library_of(&found.at[i].object); /* so that a call from any of them is known to be internal */
    const struct library *library = library_of(&found.at[chosen].object);
    __atomic_store_n(&entry->library, library ? &library->public : NULL, __ATOMIC_RELEASE);
    void *function = found.at[chosen].function;
    if (is_final) {
        __atomic_store_n(&entry->function, function, __ATOMIC_RELEASE);
    } else {
        __atomic_store_n(&entry->only, found.n == 1 ? function : NULL, __ATOMIC_RELAXED);
        __atomic_store_n(&entry->only_loads, found.loads, __ATOMIC_RELEASE);
    }
    return function;
}

static void *find_in_library(const struct library *library, const char *name, const char *version)
{
    struct elf_name hashed = elf_hash_name(name);
    return elf_find(&library->object, &hashed, ELF_AS_BOUND, version);
}

/* As ask_handle(), without walking all objects again. */
static void *find_by_handle(struct real_entry *entry, const void *handle)
{
    const struct connection *connection = handle ? connection_find(handle) : NULL;
    if (!connection || !connection->library)
        return NULL;
    void *function = find_in_library(connection->library, entry->name, real_version_of(entry));
    if (function)
        __atomic_store_n(&entry->library, connection->library, __ATOMIC_RELEASE);
    return function;
}

void *real_find_slowly(struct real_entry *entry, const void *call_site, const void *handle)
{
    void *function = NULL;
    int kept = errno;
    uint64_t loads = __atomic_load_n(&entry->only_loads, __ATOMIC_ACQUIRE);
    if (loads && loads == scope_count_loads()) {
        function = __atomic_load_n(&entry->only, __ATOMIC_RELAXED);
        if (!function)
            function = find_by_handle(entry, handle);
    }
    if (!function)
        function = resolve(entry, call_site, handle);
    errno = kept;
    return function;
}

void *real_sibling(const struct real_entry *entry, const char *name)
{
    const struct real_library *library = __atomic_load_n(&entry->library, __ATOMIC_ACQUIRE);
    void *function =
        library ? find_in_library((const struct library *)(const void *)library, name, real_version_of(entry))
                : NULL;
    if (function)
        return function;
    /* A second interposer wraps the entry point, but has no accessors. */
    struct scope_definers found;
    scope_find_definers(name, ELF_AS_BOUND, real_version_of(entry), &found);
    return found.n ? found.at[0].function : NULL;
}

void *real_libc(const char *name, const char *version)
{
    struct scope_definers found;
    scope_find_definers(name, version ? ELF_AS_BOUND : ELF_DEFAULT, version, &found);
    return found.n ? found.at[0].function : NULL;
}

void *real_wrapper_of(const struct real_entry *entry)
{
    struct elf_name name = elf_hash_name(entry->name);
    return elf_find(libc_get_self(), &name, ELF_AS_BOUND, real_version_of(entry));
}

HOT bool real_is_internal_there(const struct real_entry *entry, const void *address)
{
    uintptr_t at = (uintptr_t)address;
    if (real_is_in_library(entry, address) || scope_is_shim(address))
        return true;
    for (uint32_t i = 0; i < MAX_LIBRARIES; i++) {
        const struct library *library = __atomic_load_n(&libraries.published[i], __ATOMIC_ACQUIRE);
        if (!library)
            return false;
        if (at >= library->public.text_from && at < library->public.text_to)
            return &library->public == entry->library ||
                   find_in_library(library, entry->name, real_version_of(entry));
    }
    return false;
}
