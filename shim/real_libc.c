/* real_libc: see real_libc.h. Own loops and no struct copies: the compiler must not make calls of them. */
#include "real_libc.h"
#include "hot.h"

#include <stddef.h>
#include <sys/auxv.h>

extern const ElfW(Dyn) own_dynamic[] __asm__("_DYNAMIC") __attribute__((visibility("hidden")));
extern const char own_beginning[] __asm__("__ehdr_start") __attribute__((visibility("hidden")));

static bool begins_with(const char *text, const char *prefix)
{
    while (*prefix && *text == *prefix)
        text++, prefix++;
    return !*prefix;
}

static bool is_libc(const struct elf_object *object)
{
    const char *name = object->soname ? object->soname : object->name;
    return begins_with(name, "libc.") || begins_with(name, "libdl.") || begins_with(name, "ld-");
}

/* The dynamic section of the program. NULL: it has none, and nobody has loaded us. */
static const ElfW(Dyn) * program_dynamic(void)
{
    uintptr_t table = getauxval(AT_PHDR), base = 0;
    size_t n = getauxval(AT_PHNUM);
    const ElfW(Phdr) *segments = (const ElfW(Phdr) *)table; /* NOLINT(performance-no-int-to-ptr) */
    for (size_t i = 0; segments && i < n; i++)
        if (segments[i].p_type == PT_PHDR)
            base = table - segments[i].p_vaddr;
    for (size_t i = 0; segments && i < n; i++)
        if (segments[i].p_type == PT_DYNAMIC)
            return (const ElfW(Dyn) *)(base + segments[i].p_vaddr); /* NOLINT(performance-no-int-to-ptr) */
    return NULL;
}

const struct link_map *libc_first_object(void)
{
    const ElfW(Dyn) *entry = program_dynamic();
    for (; entry && entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == DT_DEBUG && entry->d_un.d_ptr)
            return ((const struct r_debug *)entry->d_un.d_ptr)->r_map; /* NOLINT(performance-no-int-to-ptr) */
    return NULL;
}

enum where { IN_LIBC, BEHIND_US, ANYWHERE };
struct search {
    struct elf_name name;
    enum where where;
    enum elf_match match;
    bool is_behind_us;
    void *found;
};

static void search_object(struct search *search, const char *name, uintptr_t base, const ElfW(Dyn) * dynamic)
{
    struct elf_object object;
    if (dynamic == own_dynamic) {
        search->is_behind_us = true;
        return;
    }
    if (search->found || !elf_read_dynamic(&object, name, base, dynamic))
        return;
    if (search->where == ANYWHERE || (search->where == IN_LIBC ? is_libc(&object) : search->is_behind_us))
        search->found = elf_find(&object, &search->name, search->match, NULL);
}

/* A program without DT_DEBUG: nobody's, but then by the ordinary way. */
static int search_ordinarily(struct dl_phdr_info *info, size_t size, void *search)
{
    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
            search_object(
                search, info->dlpi_name, info->dlpi_addr,
                (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr)); /* NOLINT: as above */
    return 0;
}

static void *find(const char *name, enum where where, enum elf_match match)
{
    struct search search = {.name = elf_hash_name(name), .where = where, .match = match};
    const struct link_map *object = libc_first_object();
    if (!object)
        (void)dl_iterate_phdr(search_ordinarily, &search);
    for (; object && !search.found; object = object->l_next)
        search_object(&search, object->l_name, object->l_addr, object->l_ld);
    return search.found;
}

/* Set once, each to the same value whoever is first. */
const struct libc_loader *libc_loader_get(void)
{
    static struct libc_loader loader;
    static uint32_t is_known;
    if (!__atomic_load_n(&is_known, __ATOMIC_ACQUIRE)) {
        loader.dlsym = (__typeof__(&dlsym))find("dlsym", IN_LIBC, ELF_DEFAULT);
        loader.dlvsym = (__typeof__(&dlvsym))find("dlvsym", IN_LIBC, ELF_DEFAULT);
        loader.dlopen = (__typeof__(&dlopen))find("dlopen", IN_LIBC, ELF_DEFAULT);
        loader.dlclose = (__typeof__(&dlclose))find("dlclose", IN_LIBC, ELF_DEFAULT);
        loader.dlerror = (__typeof__(&dlerror))find("dlerror", IN_LIBC, ELF_DEFAULT);
        __atomic_store_n(&is_known, 1, __ATOMIC_RELEASE);
    }
    return &loader;
}

void *libc_find_behind_us(const char *name)
{
    return find(name, BEHIND_US, ELF_DEFAULT);
}

void *libc_find_own(const char *name)
{
    return find(name, IN_LIBC, ELF_DEFAULT);
}

void *libc_find_anywhere(const char *name)
{
    return find(name, ANYWHERE, ELF_DEFAULT);
}

void *libc_find_once(void **known, const char *name)
{
    void *found = __atomic_load_n(known, __ATOMIC_RELAXED);
    if (!found) {
        found = libc_find_behind_us(name);
        __atomic_store_n(known, found, __ATOMIC_RELAXED);
    }
    return found;
}

static void find_all(const char *const *names, unsigned n_names, enum where where, void **ret_functions)
{
    struct elf_name hashed[LIBC_MAX_NAMES];
    bool is_searched = where == ANYWHERE;
    for (unsigned i = 0; i < n_names; i++) {
        hashed[i] = elf_hash_name(names[i]);
        ret_functions[i] = NULL;
    }
    for (const struct link_map *at = libc_first_object(); at; at = at->l_next) {
        struct elf_object object;
        is_searched |= at->l_ld == own_dynamic;
        if (at->l_ld == own_dynamic || !is_searched ||
            !elf_read_dynamic(&object, at->l_name, at->l_addr, at->l_ld))
            continue;
        for (unsigned i = 0; i < n_names; i++)
            if (!ret_functions[i])
                ret_functions[i] = elf_find(&object, &hashed[i], ELF_DEFAULT, NULL);
    }
}

void libc_find_all_behind_us(const char *const *names, unsigned n_names, void **ret_functions)
{
    find_all(names, n_names, BEHIND_US, ret_functions);
}

uint32_t libc_find_names(const char *const *names, unsigned n_names)
{
    void *functions[LIBC_MAX_NAMES];
    uint32_t found = 0;
    find_all(names, n_names, ANYWHERE, functions);
    for (unsigned i = 0; i < n_names; i++)
        found |= functions[i] ? 1u << i : 0;
    return found;
}

void *libc_find_data_anywhere(const char *name)
{
    return find(name, ANYWHERE, ELF_DATA);
}

void *libc_find_data(const char *name)
{
    return find(name, IN_LIBC, ELF_DATA);
}

const struct elf_object *libc_get_self(void)
{
    static struct elf_object self HOT_DATA;
    static uint32_t is_known HOT_DATA;
    if (__builtin_expect(!__atomic_load_n(&is_known, __ATOMIC_ACQUIRE), 0)) {
        (void)elf_read_dynamic(&self, "", (uintptr_t)own_beginning, own_dynamic);
        __atomic_store_n(&is_known, 1, __ATOMIC_RELEASE);
    }
    return &self;
}
