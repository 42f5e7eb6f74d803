/*
 * loader: see loader.h.
 *
 *   dlsym    gives our wrapper for a name of ours, if the wrapper would call exactly what the program asked for: the one
 *            of the target's own version, and not where several copies leave that in doubt
 *   dlopen   with RTLD_DEEPBIND and a path: opened from here, then patched (real_patch.h)
 *   traps    RTLD_NEXT, RUNPATH and namespaces go by the caller: all else is tail-jumped to with the caller's return address
 *            (a C wrapper broke a plugin that opened libz9.so by its own RUNPATH). Targets in another namespace (dlmopen)
 *            stay raw, because nothing of ours would find them. RTLD_DEFAULT finds our export even where no library is
 *            loaded: the program must be told so
 *   not here dlvsym: nobody was met who uses it for these
 */
#include "loader.h"

#include "hot.h"
#include "instrument/instrument.h"
#include "real_libc.h"
#include "real_patch.h"
#include "real_scope.h"
#include <string.h>

/* Objects that were opened without our having seen them yet. */
enum pending { PENDING_NOTHING, PENDING_OPENED, PENDING_DEEPBIND };
static struct {
    void *dlsym,
        *dlopen; /* what a program would reach without us; set once each, the same value whoever is first */
    uint32_t pending; /* enum pending */
    uint32_t n_seen;  /* how many objects there were at the last look */
    uint64_t n_left;  /* and how many had been unloaded by then */
} state HOT_DATA;

/* From which object on there may be new ones: all, if any has left the list since. */
static uint32_t begin_look(void)
{
    struct patch_count now = patch_count_objects();
    uint32_t n_seen = __atomic_exchange_n(&state.n_seen, now.n, __ATOMIC_RELAXED);
    uint64_t n_left = __atomic_exchange_n(&state.n_left, now.n_left, __ATOMIC_RELAXED);
    return n_left == now.n_left && n_seen <= now.n ? n_seen : 0;
}

static __attribute__((noinline)) void look_at_opened(void)
{
    int kept = errno;
    uint32_t pending = __atomic_exchange_n(&state.pending, PENDING_NOTHING, __ATOMIC_RELAXED);
    if (pending != PENDING_NOTHING && lifecycle_is_active())
        patch_objects(begin_look(), pending == PENDING_OPENED, NULL);
    errno = kept;
}

void loader_start(void)
{
    patch_objects(begin_look(), true, NULL);
}

struct real_entry *real_entry_of(const char *name, const char *version)
{
    struct real_entry *base = NULL;
    for (unsigned i = 0; i < N_INSTRUMENTS; i++) {
        const struct instrumentation *instrumentation = instrument_table[i];
        for (uint32_t k = 0; k < instrumentation->n_entry_points; k++) {
            struct real_entry *entry = &instrumentation->entry_points[k];
            if (strcmp(entry->name, name) != 0)
                continue;
            if (version && !strcmp(entry->version, version))
                return entry;
            if (!*entry->version)
                base = entry;
        }
    }
    return base;
}

/* ---- dlsym ---- */
static void *real_dlsym(void)
{
    void *real = __atomic_load_n(&state.dlsym, __ATOMIC_RELAXED);
    if (__builtin_expect(!real, 0)) {
        real = libc_find_behind_us("dlsym");
        __atomic_store_n(&state.dlsym, real, __ATOMIC_RELAXED);
    }
    return real;
}

struct found_object {
    const void *address;
    bool is_there;
    struct elf_object object;
};

static int find_object(struct dl_phdr_info *info, size_t size, void *of)
{
    struct found_object *found = of;
    (void)size;
    found->is_there = elf_read(&found->object, info) && elf_has_text(&found->object, found->address);
    return found->is_there;
}

/* The object of our own namespace whose text has the address. */
static bool object_of(struct elf_object *ret_object, const void *address)
{
    struct found_object found = {.address = address};
    (void)dl_iterate_phdr(find_object, &found);
    if (found.is_there)
        *ret_object = found.object;
    return found.is_there;
}

static bool is_shim(const void *address)
{
    struct elf_object object;
    return object_of(&object, address) && object.dynamic == libc_get_self()->dynamic;
}

/* The entry point whose real function the target is: of several flavours the one of the target's own version. */
static struct real_entry *entry_of_target(const char *name, void *target)
{
    struct elf_object object;
    struct elf_name hashed = elf_hash_name(name);
    if (!object_of(&object, target))
        return NULL;
    const char *version = elf_find_version(&object, &hashed, target);
    struct real_entry *entry = version ? real_entry_of(name, version) : NULL;
    if (entry && *entry->version)
        return entry;
    struct real_entry *base = real_entry_of(name, NULL);
    return base && elf_find(&object, &hashed, ELF_AS_BOUND, real_version_of(base)) == target ? base : NULL;
}

/* The global scope's answer is we ourselves: what would it have been? */
static void *find_behind_us(void *handle, const char *name, const void *caller)
{
    void *next = libc_loader_get()->dlsym(RTLD_NEXT, name);
    if (next || handle != RTLD_DEFAULT)
        return next;
    struct scope_definers found; /* RTLD_DEFAULT also means the caller's own dependencies */
    scope_find_definers(name, ELF_DEFAULT, NULL, &found);
    for (uint32_t i = 0; i < found.n; i++)
        if (elf_has_text(&found.at[i].object, caller) || scope_is_dependency(&found.at[i].object, caller)) {
            (void)libc_loader_get()->dlerror();
            return found.at[i].function;
        }
    return NULL;
}

static bool defines(const void *caller, const char *name)
{
    struct elf_object object;
    struct elf_name hashed = elf_hash_name(name);
    return object_of(&object, caller) && elf_find(&object, &hashed, ELF_DEFAULT, NULL);
}

/* Asks twice: the answer must not depend on who calls, because the pointer may go anywhere. */
static void *wrap(const char *name, void *target, const void *caller)
{
    struct real_entry *entry = defines(caller, name) ? NULL : entry_of_target(name, target);
    if (!entry || real_find(entry, NULL, NULL) != target || real_find(entry, caller, NULL) != target)
        return target;
    void *wrapper = real_wrapper_of(entry);
    (void)libc_loader_get()->dlerror(); /* ours, if any: this look-up succeeds */
    return wrapper ? wrapper : target;
}

static __attribute__((noinline)) struct loader_choice choose_ours(void *handle, const char *name,
                                                                  const void *caller)
{
    struct loader_choice choice = {.real = real_dlsym()};
    __typeof__(&dlsym) real = (__typeof__(&dlsym))choice.real;
    int kept = errno;
    if (!real || !libc_loader_get()->dlsym || !libc_loader_get()->dlerror || !real_entry_of(name, NULL) ||
        !lifecycle_is_active())
        return choice;
    void *target = real(handle, name);
    bool is_ours = target && is_shim(target);
    if (is_ours)
        target = find_behind_us(handle, name, caller);
    if (target)
        choice = (struct loader_choice){.answer = wrap(name, target, caller)};
    else if (is_ours)
        choice = (struct loader_choice){.answer = NULL}; /* dlerror() says why */
    errno = kept;
    return choice;
}

struct loader_choice loader_choose_dlsym(void *handle, const char *name, const void *caller)
{
    if (__builtin_expect(__atomic_load_n(&state.pending, __ATOMIC_RELAXED), 0))
        look_at_opened();
    struct elf_name hashed = name ? elf_hash_name(name) : (struct elf_name){0};
    if (!name || handle == RTLD_NEXT || !elf_find(libc_get_self(), &hashed, ELF_AS_BOUND, NULL))
        return (struct loader_choice){.real = real_dlsym()};
    return choose_ours(handle, name, caller);
}

/* ---- dlopen ---- */
static void *real_dlopen(void)
{
    void *real = __atomic_load_n(&state.dlopen, __ATOMIC_RELAXED);
    if (!real) {
        real = libc_find_behind_us("dlopen");
        __atomic_store_n(&state.dlopen, real, __ATOMIC_RELAXED);
    }
    return real;
}

/* A path says all; a bare name is looked for by the caller's RUNPATH, and `$ORIGIN` is the caller's. */
static bool depends_on_caller(const char *file)
{
    bool has_slash = false;
    for (; *file; file++) {
        has_slash |= *file == '/';
        if (*file == '$')
            return true;
    }
    return !has_slash;
}

static void *open_deeply(const char *file, int mode)
{
    __typeof__(&dlopen) real = (__typeof__(&dlopen))real_dlopen();
    uint32_t n_before = patch_count_objects().n;
    void *handle = real(file, mode);
    if (handle) {
        int kept = errno;
        patch_objects(n_before, false, handle);
        errno = kept;
    }
    return handle;
}

struct loader_choice loader_choose_dlopen(const char *file, int mode, const void *caller)
{
    void *real = real_dlopen();
    (void)caller;
    if (!real || !file || mode & RTLD_NOLOAD || !lifecycle_is_active())
        return (struct loader_choice){.real = real};
    if (mode & RTLD_DEEPBIND && !depends_on_caller(file))
        return (struct loader_choice){.answer = open_deeply(file, mode)};
    uint32_t pending = mode & RTLD_DEEPBIND ? PENDING_DEEPBIND : PENDING_OPENED;
    uint32_t before = __atomic_load_n(&state.pending, __ATOMIC_RELAXED);
    while (before < pending && !__atomic_compare_exchange_n(&state.pending, &before, pending, false,
                                                            __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
    return (struct loader_choice){.real = real};
}
