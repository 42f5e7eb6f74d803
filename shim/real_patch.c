/* real_patch: see real_patch.h. */
#include "real_patch.h"

#include "hot.h"
#include "real_libc.h"
#include "real_scope.h"
#include "sys.h"
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#if defined(__x86_64__)
#define R_SLOT R_X86_64_JUMP_SLOT
#define R_GLOBAL R_X86_64_GLOB_DAT
#else
#define R_SLOT R_AARCH64_JUMP_SLOT
#define R_GLOBAL R_AARCH64_GLOB_DAT
#endif

#define LIBRARY_WITH_FLAVOURS "libcurl"

/* Who patches has `state`; a fork child does not inherit that. HOT_DATA: the constructor writes it. */
static struct {
    uint32_t pid; /* of the process one of whose threads patches; 0 nobody */
    uint32_t
        waiting_from; /* lowest object that somebody who came meanwhile left to the holder, + 1; 0 none */
} patching HOT_DATA;
/* Set once, by the constructor, before anything is patched. */
static struct {
    const struct patch_hook *at;
    uint32_t n;
} hooks HOT_DATA;
static struct {
    struct patch_slots slots;
    void *wrappers[PATCH_MAX_SLOTS]; /* of each of them; NULL: it stays as it is */
} state;

/* ---- reading an object ---- */
struct relocations {
    const ElfW(Rela) * at;
    size_t bytes;
};

static struct relocations find_relocations(const struct elf_object *object, ElfW(Sxword) table,
                                           ElfW(Sxword) bytes)
{
    struct relocations found = {0};
    for (const ElfW(Dyn) *entry = object->dynamic; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == table) {
            uintptr_t at = entry->d_un.d_ptr;
            at += at < object->base ? object->base : 0; /* as real_elf.c: musl relocates none of them */
            found.at = (const ElfW(Rela) *)at;          /* NOLINT(performance-no-int-to-ptr) */
        } else if (entry->d_tag == bytes) {
            found.bytes = entry->d_un.d_val;
        }
    }
    return found;
}

void patch_set_hooks(const struct patch_hook *wanted, uint32_t n)
{
    hooks.at = wanted;
    hooks.n = n;
}

static const struct patch_hook *find_hook(const char *name)
{
    for (uint32_t i = 0; i < hooks.n; i++)
        if (!strcmp(hooks.at[i].name, name))
            return &hooks.at[i];
    return NULL;
}

static bool is_exported(const struct elf_object *exporter, const char *text)
{
    if (!exporter)
        return false;
    struct elf_name name = elf_hash_name(text);
    return elf_find(exporter, &name, ELF_AS_BOUND, NULL) != NULL;
}

static void collect_from(struct patch_slots *slots, const struct elf_object *object,
                         struct relocations relocations, const struct elf_object *exporter)
{
    for (size_t i = 0; relocations.at && i < relocations.bytes / sizeof(*relocations.at); i++) {
        const ElfW(Rela) *relocation = &relocations.at[i];
        uint32_t type = (uint32_t)ELF64_R_TYPE(relocation->r_info);
        uint32_t symbol = (uint32_t)ELF64_R_SYM(relocation->r_info);
        if ((type != R_SLOT && type != R_GLOBAL) || object->symbols[symbol].st_shndx != SHN_UNDEF)
            continue;
        const char *name = object->strings + object->symbols[symbol].st_name;
        const struct patch_hook *hook = find_hook(name);
        if (slots->n == PATCH_MAX_SLOTS || (!hook && !is_exported(exporter, name)))
            continue;
        uintptr_t at = object->base + relocation->r_offset;
        slots->at[slots->n++] = (struct patch_slot){
            .at = (void **)at, /* NOLINT(performance-no-int-to-ptr) */
            .name = name,
            .version = elf_reference_version(object, symbol),
            .is_relro = at >= slots->relro_from && at < slots->relro_to,
            .hook = hook,
        };
    }
}

static void find_relro(const struct dl_phdr_info *info, uintptr_t *ret_from, uintptr_t *ret_to)
{
    uintptr_t in_page = getauxval(AT_PAGESZ) - 1;
    *ret_from = *ret_to = 0;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_GNU_RELRO)
            continue;
        uintptr_t from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        *ret_from = from & ~in_page; /* as ld.so protects it */
        *ret_to = (from + info->dlpi_phdr[i].p_memsz) & ~in_page;
    }
}

void patch_collect(struct patch_slots *ret_slots, const struct elf_object *object,
                   const struct dl_phdr_info *info, const struct elf_object *exporter)
{
    ret_slots->n = 0;
    find_relro(info, &ret_slots->relro_from, &ret_slots->relro_to);
    collect_from(ret_slots, object, find_relocations(object, DT_JMPREL, DT_PLTRELSZ), exporter);
    collect_from(ret_slots, object, find_relocations(object, DT_RELA, DT_RELASZ), exporter);
}

bool patch_wants_unknown_version(const struct elf_object *object, const struct elf_object *exporter)
{
    struct elf_needed_version needed = {0};
    while (elf_next_needed_version(object, &needed))
        if (!strncmp(needed.file, LIBRARY_WITH_FLAVOURS, sizeof(LIBRARY_WITH_FLAVOURS) - 1) &&
            !elf_defines_version(exporter, needed.version))
            return true;
    return false;
}

static int count_object(struct dl_phdr_info *info, size_t size, void *ret_count)
{
    struct patch_count *count = ret_count;
    (void)size;
    count->n++;
    count->n_left = info->dlpi_subs;
    return 0;
}

struct patch_count patch_count_objects(void)
{
    struct patch_count count = {0};
    (void)dl_iterate_phdr(count_object, &count);
    return count;
}

/* ---- what a slot holds, or will hold ---- */
static void *find_target(const struct patch_slot *slot, const struct elf_object *object, void *handle)
{
    void *held = __atomic_load_n(slot->at, __ATOMIC_RELAXED);
    if (!elf_has_text(object, held))
        return held;
    /* Not bound yet: it leads back into the object's own PLT. */
    const struct libc_loader *loader = libc_loader_get();
    if (handle && loader->dlsym && loader->dlvsym)
        return slot->version ? loader->dlvsym(handle, slot->name, slot->version)
                             : loader->dlsym(handle, slot->name);
    struct scope_definers found;
    scope_find_definers(slot->name, ELF_AS_BOUND, slot->version, &found);
    return found.n == 1 ? found.at[0].function : NULL;
}

/* One that was bound to somebody else's function of that name stays with it. */
static bool may_hook(const struct patch_slot *slot, const struct elf_object *object)
{
    void *held = __atomic_load_n(slot->at, __ATOMIC_RELAXED);
    bool is_bound = !elf_has_text(object, held);
    return slot->hook->real && (is_bound ? held == slot->hook->real : slot->hook->is_first);
}

/* The wrapper for a slot; NULL: it stays as it is. */
static void *choose_wrapper(const struct patch_slot *slot, const struct elf_object *object, void *handle)
{
    const void *call_site = (const char *)object->text_from; /* NOLINT(performance-no-int-to-ptr) */
    if (slot->hook)
        return may_hook(slot, object) ? slot->hook->hook : NULL;
    struct real_entry *entry = real_entry_of(slot->name, slot->version);
    void *target = entry ? find_target(slot, object, handle) : NULL;
    if (!target || scope_is_shim(target) || real_find(entry, call_site, NULL) != target)
        return NULL;
    return real_wrapper_of(entry);
}

static bool allow_writing(uintptr_t from, uintptr_t to)
{
    return !sys_is_error(sys_call3(__NR_mprotect, (long)from, (long)(to - from), PROT_READ | PROT_WRITE));
}

static void forbid_writing(uintptr_t from, uintptr_t to)
{
    (void)sys_call3(__NR_mprotect, (long)from, (long)(to - from), PROT_READ);
}

static void write_slots(const struct patch_slots *slots, const struct elf_object *object, void *handle)
{
    void **wrappers = state.wrappers;
    bool needs_relro = false, may_write_relro = true;
    for (uint32_t i = 0; i < slots->n; i++) {
        wrappers[i] = choose_wrapper(&slots->at[i], object, handle);
        needs_relro |= wrappers[i] && slots->at[i].is_relro;
    }
    if (needs_relro)
        may_write_relro = allow_writing(slots->relro_from, slots->relro_to);
    for (uint32_t i = 0; i < slots->n; i++)
        if (wrappers[i] && (may_write_relro || !slots->at[i].is_relro))
            __atomic_store_n(slots->at[i].at, wrappers[i], __ATOMIC_RELEASE);
    if (needs_relro && may_write_relro)
        forbid_writing(slots->relro_from, slots->relro_to);
}

/* ---- tables of functions ---- */
struct tables {
    void *function;
    uintptr_t from, to;
};

static int find_tables(struct dl_phdr_info *info, size_t size, void *of)
{
    struct tables *tables = of;
    struct elf_object object;
    (void)size;
    if (!elf_read(&object, info) || !elf_has_text(&object, tables->function))
        return 0;
    find_relro(info, &tables->from, &tables->to);
    return 1;
}

static void **next_place(void **at, const struct tables *tables)
{
    while ((uintptr_t)at < tables->to && *at != tables->function)
        at++;
    return (uintptr_t)at < tables->to ? at : NULL;
}

uint32_t patch_tables(void *from, void *to)
{
    struct tables tables = {.function = from};
    uint32_t n = 0;
    (void)dl_iterate_phdr(find_tables, &tables);
    void **at = (void **)tables.from; /* NOLINT(performance-no-int-to-ptr) */
    at = next_place(at, &tables);
    if (!at || !allow_writing(tables.from, tables.to))
        return 0;
    for (; at; at = next_place(at + 1, &tables), n++)
        __atomic_store_n(at, to, __ATOMIC_RELEASE);
    forbid_writing(tables.from, tables.to);
    return n;
}

/* ---- all objects ---- */
struct visit {
    uint32_t from; /* the first object that is looked at */
    uint32_t at;   /* number of the object that was found */
    bool unknown_only;
    bool is_found;
    struct elf_object object;
};

/* Under the loader's lock: the object cannot go. Stops at the first that has slots. */
static int collect_object(struct dl_phdr_info *info, size_t size, void *of)
{
    struct visit *visit = of;
    const struct elf_object *self = libc_get_self();
    (void)size;
    if (visit->at++ < visit->from || !elf_read(&visit->object, info) ||
        visit->object.dynamic == self->dynamic)
        return 0;
    bool is_wrapped = !visit->unknown_only || patch_wants_unknown_version(&visit->object, self);
    if (!is_wrapped && !hooks.n)
        return 0;
    patch_collect(&state.slots, &visit->object, info, is_wrapped ? self : NULL);
    visit->is_found = state.slots.n > 0;
    return visit->is_found;
}

/* A reference keeps the object while it is being written to; the program itself needs none, and musl's dlclose() unloads nothing.
 * False: it is gone. */
static bool hold_object(const struct elf_object *object, void **ret_reference)
{
    const struct libc_loader *loader = libc_loader_get();
    *ret_reference = NULL;
    if (!*object->name || !loader->dlopen || !loader->dlclose)
        return true;
    *ret_reference = loader->dlopen(object->name, RTLD_LAZY | RTLD_NOLOAD);
    return *ret_reference != NULL;
}

static void patch_all(uint32_t from, bool unknown_only, void *handle)
{
    for (;;) {
        struct visit visit = {.from = from, .unknown_only = unknown_only};
        void *reference;
        (void)dl_iterate_phdr(collect_object, &visit);
        if (!visit.is_found)
            return;
        from = visit.at;
        if (!hold_object(&visit.object, &reference))
            continue;
        write_slots(&state.slots, &visit.object, handle);
        if (reference)
            (void)libc_loader_get()->dlclose(reference);
    }
}

static bool take_patching(void)
{
    uint32_t pid = sys_getpid(), holder = __atomic_load_n(&patching.pid, __ATOMIC_RELAXED);
    return holder != pid && __atomic_compare_exchange_n(&patching.pid, &holder, pid, false, __ATOMIC_SEQ_CST,
                                                        __ATOMIC_RELAXED);
}

static void give_patching(void)
{
    __atomic_store_n(&patching.pid, 0, __ATOMIC_SEQ_CST);
}

static void leave_to_holder(uint32_t from)
{
    uint32_t before = __atomic_load_n(&patching.waiting_from, __ATOMIC_RELAXED);
    while ((!before || from + 1 < before) &&
           !__atomic_compare_exchange_n(&patching.waiting_from, &before, from + 1, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED))
        ;
}

void patch_objects(uint32_t from, bool unknown_only, void *handle)
{
    if (take_patching()) {
        patch_all(from, unknown_only, handle);
        give_patching();
    } else {
        leave_to_holder(from);
    }
    while (__atomic_load_n(&patching.waiting_from, __ATOMIC_SEQ_CST) && take_patching()) {
        uint32_t waiting = __atomic_exchange_n(&patching.waiting_from, 0, __ATOMIC_SEQ_CST);
        if (waiting)
            patch_all(waiting - 1, false, NULL);
        give_patching();
    }
}
