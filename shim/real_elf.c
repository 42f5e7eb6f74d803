/*
 * real_elf: see real_elf.h.
 *
 * Which pointers of a dynamic section are relocated differs: glibc on x86-64 and aarch64 relocates most but neither
 * VERDEF nor VERNEED, musl none, and the vDSO's never are. An offset is always smaller than the base it belongs to,
 * so resolve() tells them apart.
 */

#include "real_elf.h"

#include <stddef.h>

#define VERSION_HIDDEN 0x8000u
#define VERSION_INDEX 0x7fffu
/* glibc takes a symbol for an unversioned reference up to this index: 0 local, 1 base, 2 the first version. */
#define VERSION_FIRST 2u

static const void *pointer_to(uintptr_t address)
{
    return (const void *)address; /* NOLINT(performance-no-int-to-ptr): ELF knows addresses only as numbers */
}

static const void *resolve(const struct elf_object *object, ElfW(Addr) pointer)
{
    return pointer_to(pointer < object->base ? object->base + pointer : pointer);
}

static bool is_same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static bool begins_with(const char *text, const char *prefix)
{
    while (*prefix && *text == *prefix)
        text++, prefix++;
    return !*prefix;
}

static void read_entry(struct elf_object *object, const ElfW(Dyn) * entry, ElfW(Addr) * ret_soname)
{
    const void *at = resolve(object, entry->d_un.d_ptr);
    switch (entry->d_tag) {
    case DT_SONAME:
        *ret_soname = entry->d_un.d_val;
        break;
    case DT_STRTAB:
        object->strings = at;
        break;
    case DT_SYMTAB:
        object->symbols = at;
        break;
    case DT_GNU_HASH:
        object->gnu_hash = at;
        break;
    case DT_HASH:
        object->sysv_hash = at;
        break;
    case DT_VERSYM:
        object->versions = at;
        break;
    case DT_VERDEF:
        object->definitions = at;
        break;
    case DT_VERNEED:
        object->needs = at;
        break;
    default:
        break;
    }
}

bool elf_read_dynamic(struct elf_object *ret_object, const char *name, uintptr_t base,
                      const ElfW(Dyn) * dynamic)
{
    struct elf_object object = {.name = name ? name : "", .base = base, .dynamic = dynamic};
    ElfW(Addr) soname = 0;
    if (!dynamic || begins_with(object.name, "linux-vdso") || begins_with(object.name, "linux-gate"))
        return false;
    for (const ElfW(Dyn) *entry = dynamic; entry->d_tag != DT_NULL; entry++)
        read_entry(&object, entry, &soname);
    if (!object.strings || !object.symbols)
        return false;
    object.soname = soname ? object.strings + soname : NULL;
    *ret_object = object;
    return true;
}

bool elf_read(struct elf_object *ret_object, const struct dl_phdr_info *info)
{
    const ElfW(Dyn) *dynamic = NULL;
    uintptr_t text_from = 0, text_to = 0;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t from = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_DYNAMIC) {
            dynamic = pointer_to(from);
        } else if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X)) {
            if (!text_from || from < text_from)
                text_from = from;
            if (from + segment->p_memsz > text_to)
                text_to = from + segment->p_memsz;
        }
    }
    if (!elf_read_dynamic(ret_object, info->dlpi_name, info->dlpi_addr, dynamic))
        return false;
    ret_object->text_from = text_from;
    ret_object->text_to = text_to;
    return true;
}

struct elf_name elf_hash_name(const char *text)
{
    struct elf_name name = {.text = text, .gnu_hash = 5381};
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        name.gnu_hash = name.gnu_hash * 33 + *at;
        name.sysv_hash = (name.sysv_hash << 4) + *at;
        name.sysv_hash ^= (name.sysv_hash >> 24) & 0xf0;
    }
    name.sysv_hash &= 0x0fffffff;
    return name;
}

static const ElfW(Verdef) * next_definition(const ElfW(Verdef) * definition)
{
    const char *at = (const char *)definition;
    return definition->vd_next ? (const ElfW(Verdef) *)(const void *)(at + definition->vd_next) : NULL;
}

/* NULL: the object's base, which is named after itself. */
static const char *definition_name(const struct elf_object *object, const ElfW(Verdef) * definition)
{
    const char *at = (const char *)definition;
    if (definition->vd_flags & VER_FLG_BASE)
        return NULL;
    return object->strings + ((const ElfW(Verdaux) *)(const void *)(at + definition->vd_aux))->vda_name;
}

/* The name of version `index` of the object, or NULL: an index the object only needs, or its base. */
static const char *version_name(const struct elf_object *object, unsigned index)
{
    for (const ElfW(Verdef) *at = object->definitions; at; at = next_definition(at))
        if (at->vd_ndx == index)
            return definition_name(object, at);
    return NULL;
}

static const ElfW(Verneed) * next_need(const ElfW(Verneed) * need)
{
    return need->vn_next ? (const ElfW(Verneed) *)(const void *)((const char *)need + need->vn_next) : NULL;
}

bool elf_next_needed_version(const struct elf_object *object, struct elf_needed_version *iterator)
{
    if (!iterator->need) {
        iterator->need = object->needs;
        iterator->aux = NULL;
    }
    while (iterator->need) {
        const ElfW(Verneed) *need = iterator->need;
        const char *from = iterator->aux ? (const char *)iterator->aux : (const char *)need;
        uint32_t step = iterator->aux ? iterator->aux->vna_next : need->vn_aux;
        if (step) {
            iterator->aux = (const ElfW(Vernaux) *)(const void *)(from + step);
            iterator->file = object->strings + need->vn_file;
            iterator->version = object->strings + iterator->aux->vna_name;
            iterator->index = iterator->aux->vna_other & VERSION_INDEX;
            return true;
        }
        iterator->need = next_need(need);
        iterator->aux = NULL;
    }
    return false;
}

const char *elf_reference_version(const struct elf_object *object, uint32_t symbol)
{
    struct elf_needed_version needed = {0};
    unsigned index = object->versions ? object->versions[symbol] & VERSION_INDEX : 0;
    while (index > 1 && elf_next_needed_version(object, &needed))
        if (needed.index == index)
            return needed.version;
    return NULL;
}

bool elf_defines_version(const struct elf_object *object, const char *version)
{
    for (const ElfW(Verdef) *at = object->definitions; at; at = next_definition(at)) {
        const char *own = definition_name(object, at);
        if (own && is_same(own, version))
            return true;
    }
    return false;
}

/* The rule of check_match() in glibc's dl-lookup.c. `version` is not NULL for ELF_AS_BOUND. */
static bool version_fits(const struct elf_object *object, uint32_t symbol, enum elf_match match,
                         const char *version)
{
    if (!object->versions)
        return true;
    unsigned entry = object->versions[symbol];
    unsigned index = entry & VERSION_INDEX;
    bool is_hidden = entry & VERSION_HIDDEN;
    if (match == ELF_OLDEST)
        return index <= VERSION_FIRST;
    if (match == ELF_DEFAULT || match == ELF_DATA)
        return !is_hidden;
    const char *own = version_name(object, index);
    return own ? is_same(own, version) : !is_hidden;
}

static bool is_wanted(const struct elf_object *object, uint32_t symbol, const struct elf_name *name,
                      enum elf_match match, const char *version)
{
    const ElfW(Sym) *entry = &object->symbols[symbol];
    unsigned type = entry->st_info & 0xf;
    bool is_kind = match == ELF_DATA ? type == STT_OBJECT : type == STT_FUNC || type == STT_NOTYPE;
    if (entry->st_shndx == SHN_UNDEF || !entry->st_value || !is_kind)
        return false;
    return is_same(object->strings + entry->st_name, name->text) &&
           version_fits(object, symbol, match, version);
}

/* Header: n_buckets, first symbol, bloom words, bloom shift; then the bloom filter, the buckets, the chains. */
static uint32_t find_by_gnu_hash(const struct elf_object *object, const struct elf_name *name,
                                 enum elf_match match, const char *version)
{
    const uint32_t *header = object->gnu_hash;
    uint32_t n_buckets = header[0], first = header[1], n_words = header[2], shift = header[3];
    const ElfW(Addr) *bloom = (const ElfW(Addr) *)(const void *)&header[4];
    const uint32_t *buckets = (const uint32_t *)(const void *)&bloom[n_words];
    const uint32_t *chains = &buckets[n_buckets];
    const uint32_t bits = 8 * sizeof(ElfW(Addr));
    uint32_t hash = name->gnu_hash;
    if (!n_buckets || !n_words)
        return 0;
    ElfW(Addr) word = bloom[(hash / bits) & (n_words - 1)];
    if (!((word >> (hash % bits)) & (word >> ((hash >> shift) % bits)) & 1))
        return 0;
    uint32_t symbol = buckets[hash % n_buckets];
    if (symbol < first)
        return 0;
    for (;; symbol++) {
        uint32_t chain = chains[symbol - first];
        if ((chain | 1) == (hash | 1) && is_wanted(object, symbol, name, match, version))
            return symbol;
        if (chain & 1)
            return 0;
    }
}

/* Header: n_buckets, n_chains; then the buckets, the chains. */
static uint32_t find_by_sysv_hash(const struct elf_object *object, const struct elf_name *name,
                                  enum elf_match match, const char *version)
{
    uint32_t n_buckets = object->sysv_hash[0], n_chains = object->sysv_hash[1];
    const uint32_t *buckets = &object->sysv_hash[2], *chains = &buckets[n_buckets];
    if (!n_buckets)
        return 0;
    for (uint32_t symbol = buckets[name->sysv_hash % n_buckets]; symbol && symbol < n_chains;
         symbol = chains[symbol])
        if (is_wanted(object, symbol, name, match, version))
            return symbol;
    return 0;
}

static uint32_t find_symbol(const struct elf_object *object, const struct elf_name *name,
                            enum elf_match match, const char *version)
{
    if (object->gnu_hash)
        return find_by_gnu_hash(object, name, match, version);
    return object->sysv_hash ? find_by_sysv_hash(object, name, match, version) : 0;
}

void *elf_find(const struct elf_object *object, const struct elf_name *name, enum elf_match match,
               const char *version)
{
    uint32_t symbol = 0;
    if (match == ELF_AS_BOUND && !version) {
        symbol = find_symbol(object, name, ELF_OLDEST, NULL);
        match = ELF_DEFAULT;
    }
    if (!symbol)
        symbol = find_symbol(object, name, match, version);
    return symbol ? (void *)(object->base + object->symbols[symbol].st_value) : NULL; /* NOLINT: as above */
}

const char *elf_find_version(const struct elf_object *object, const struct elf_name *name,
                             const void *address)
{
    for (const ElfW(Verdef) *at = object->definitions; at; at = next_definition(at)) {
        const char *version = definition_name(object, at);
        if (version && elf_find(object, name, ELF_AS_BOUND, version) == address)
            return version;
    }
    return NULL;
}

uint32_t elf_hash_library(const char *name)
{
    const char *last = name;
    for (const char *at = name; *at; at++)
        if (*at == '/')
            last = at + 1;
    return elf_hash_name(last).gnu_hash;
}

bool elf_has_text(const struct elf_object *object, const void *address)
{
    return (uintptr_t)address >= object->text_from && (uintptr_t)address < object->text_to;
}
