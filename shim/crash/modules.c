/*
 * modules: what is loaded where, from the loader's list, without its locks (crash.h). Build ids come from the notes that are loaded
 * with an object. The list, names and headers are read as memory that may be gone or ruined: every step is copied, every loop ends.
 */
#include "entry_priv.h"
#include "real_libc.h"

#include <elf.h>

#define MAX_OBJECTS 4096u
#define MAX_HEADERS 32u
#define MAX_PATH_BYTES 512u
#define NOTE_BYTES 512u

/* Who captures holds the only claim to it (entry_capture.c): a small alternate stack has no room for it. */
static struct {
    struct link_map object;
    ElfW(Ehdr) header;
    ElfW(Phdr) headers[MAX_HEADERS];
    uint8_t note[NOTE_BYTES];
    char path[MAX_PATH_BYTES];
} work;

static bool read_headers(uint64_t at, uint64_t n, uint32_t *ret_n)
{
    n = n < MAX_HEADERS ? n : MAX_HEADERS;
    *ret_n = (uint32_t)n;
    return n && memory_copy(work.headers, at, n * sizeof work.headers[0]) == n * sizeof work.headers[0];
}

/* The program's headers are known; another object begins with its own. */
static bool find_headers(bool is_program, uint64_t bias, uint32_t *ret_n)
{
    if (is_program && crash_setup.program_headers)
        return read_headers(crash_setup.program_headers, crash_setup.n_program_headers, ret_n);
    const ElfW(Ehdr) *header = &work.header;
    if (memory_copy(&work.header, bias, sizeof work.header) != sizeof work.header ||
        header->e_ident[0] != 0x7f || header->e_ident[1] != 'E' || header->e_ident[2] != 'L' ||
        header->e_ident[3] != 'F' || header->e_phentsize != sizeof(ElfW(Phdr)))
        return false;
    return read_headers(bias + header->e_phoff, header->e_phnum, ret_n);
}

/* The notes at [at, at + bytes). */
static void find_build_id(struct wire_module *module, uint64_t at, uint64_t bytes)
{
    size_t n = memory_copy(work.note, at, bytes < NOTE_BYTES ? (size_t)bytes : NOTE_BYTES), i = 0;
    while (n - i >= sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)(const void *)&work.note[i];
        uint64_t name = ((uint64_t)note->n_namesz + 3) & ~3ull, text = ((uint64_t)note->n_descsz + 3) & ~3ull;
        if (name + text > n - i - sizeof *note)
            return;
        const uint8_t *is = &work.note[i + sizeof *note];
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && is[0] == 'G' && is[1] == 'N' &&
            is[2] == 'U') {
            uint32_t id = note->n_descsz < sizeof module->build_id ? note->n_descsz : sizeof module->build_id;
            crash_copy(module->build_id, is + name, id);
            module->build_id_bytes = (uint8_t)id;
            return;
        }
        i += sizeof *note + (size_t)(name + text);
    }
}

/* Where it lies: from its segments; where they cannot be read, its dynamic section alone. */
static void find_segments(struct wire_module *module, bool is_program)
{
    uint32_t n = 0;
    module->low = ~0ull;
    if (!find_headers(is_program, module->bias, &n))
        n = 0;
    for (uint32_t i = 0; i < n; i++) {
        const ElfW(Phdr) *segment = &work.headers[i];
        uint64_t from = module->bias + segment->p_vaddr, to = from + segment->p_memsz;
        if (segment->p_type == PT_NOTE && !module->build_id_bytes)
            find_build_id(module, from, segment->p_memsz);
        if (segment->p_type != PT_LOAD)
            continue;
        module->low = from < module->low ? from : module->low;
        module->high = to > module->high ? to : module->high;
    }
    if (module->low > module->high) {
        module->low = (uint64_t)(uintptr_t)work.object.l_ld;
        module->high = module->low;
    }
}

/* As the loader has it; none for the program and the vDSO, whose names are no paths. */
static uint16_t read_path(const struct wire_module *module, bool is_program)
{
    uint16_t n = 0;
    if (is_program || module->bias == crash_setup.vdso)
        return 0;
    size_t bytes = memory_copy(work.path, (uint64_t)(uintptr_t)work.object.l_name, sizeof work.path);
    while (n < bytes && work.path[n])
        n++;
    return n;
}

/* What `work.object` says, at `to`; 0: no room. */
static uint32_t write_module(uint8_t *to, uint32_t room, bool is_program)
{
    struct wire_module *module = (struct wire_module *)(void *)to;
    if (room < sizeof *module)
        return 0;
    crash_zero(module, sizeof *module);
    module->bias = work.object.l_addr;
    find_segments(module, is_program);
    uint16_t path = read_path(module, is_program);
    uint32_t bytes = ((uint32_t)sizeof *module + path + 7) & ~7u;
    if (bytes > room)
        return 0;
    module->bytes = bytes;
    module->path_bytes = path;
    crash_zero(to + bytes - 8, path ? 8 : 0);
    crash_copy(module + 1, work.path, path);
    return bytes;
}

uint32_t modules_write(uint8_t *to, uint32_t max_bytes, uint32_t *ret_n, bool *ret_is_cut)
{
    uint32_t at = 0, n = 0;
    const uint64_t first_object = (uint64_t)(uintptr_t)libc_first_object();
    uint64_t object = first_object;
    *ret_is_cut = false;
    while (object && memory_copy(&work.object, object, sizeof work.object) == sizeof work.object) {
        uint32_t bytes = n < MAX_OBJECTS ? write_module(to + at, max_bytes - at, object == first_object) : 0;
        if (!bytes) {
            *ret_is_cut = true;
            break;
        }
        at += bytes;
        n++;
        object = (uint64_t)(uintptr_t)work.object.l_next;
    }
    *ret_n = n;
    return at;
}
