/*
 * modules: mappings → the files they came from, checked by build id, and what dwfl is told of them.
 *
 * A file is only believed when it is the one that ran: a package upgrade replaces libraries under a living process
 * (facts/crash.md, case 93). Its build id is compared with the one that memory or the loader's list gave; a deleted file whose
 * build id nobody knows is not believed at all.
 */
#include "symbols_priv.h"

#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <libelf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#define DELETED " (deleted)"
#define MAX_PHDRS 128u
#define NOTES_MAX_BYTES 4096u

/* ---- looking up ---- */

const struct symbols_module *modules_find(const struct symbols *symbols, uint64_t address)
{
    uint32_t low = 0, high = symbols->n_modules;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (symbols->modules[middle].low <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low && address < symbols->modules[low - 1].high ? &symbols->modules[low - 1] : NULL;
}

struct object *objects_find(const struct symbols *symbols, uint64_t address)
{
    for (uint32_t i = 0; i < symbols->n_objects; i++) {
        struct object *object = &symbols->objects[i];
        if (address >= object->low && address < object->high)
            return object;
    }
    return NULL;
}

/* ---- build ids ---- */

void object_set_build_id(struct symbols *symbols, struct object *object, const void *bytes, size_t n_bytes)
{
    if (!n_bytes || n_bytes > BUILD_ID_MAX)
        return;
    char *text = pool_alloc(&symbols->pool, 2 * n_bytes + 1);
    memcpy(object->build_id, bytes, n_bytes);
    object->n_build_id = (uint32_t)n_bytes;
    for (size_t i = 0; text && i < n_bytes; i++)
        snprintf(text + 2 * i, 3, "%02x", ((const uint8_t *)bytes)[i]);
    object->build_id_text = text;
}

static bool find_in_notes(const uint8_t *notes, size_t bytes, const uint8_t **ret_id, size_t *ret_bytes)
{
    for (size_t at = 0; bytes - at >= sizeof(Elf64_Nhdr);) {
        Elf64_Nhdr note;
        memcpy(&note, notes + at, sizeof(note));
        at += sizeof(note);
        size_t name_bytes = ((size_t)note.n_namesz + 3) & ~(size_t)3;
        size_t desc_bytes = ((size_t)note.n_descsz + 3) & ~(size_t)3;
        if (name_bytes > bytes - at || desc_bytes > bytes - at - name_bytes)
            return false;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(notes + at, "GNU", 4) == 0) {
            *ret_id = notes + at + name_bytes;
            *ret_bytes = note.n_descsz;
            return true;
        }
        at += name_bytes + desc_bytes;
    }
    return false;
}

/* From the ELF header and notes as they are in captured memory: most often they are not. */
static void read_build_id(struct symbols *symbols, struct object *object)
{
    const struct symbols_input *input = symbols->input;
    uint8_t notes[NOTES_MAX_BYTES];
    const uint8_t *id;
    size_t n_id;
    Elf64_Ehdr header;
    if (!input->read || !input->read(input->context, object->low, &header, sizeof(header)) ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64)
        return;
    for (unsigned i = 0; i < header.e_phnum && i < MAX_PHDRS; i++) {
        Elf64_Phdr segment;
        if (!input->read(input->context, object->low + header.e_phoff + i * sizeof(segment), &segment,
                         sizeof(segment)))
            return;
        /* the first page holds offset 0, so offsets of the file are offsets of memory as far as that segment reaches */
        if (segment.p_type == PT_NOTE && segment.p_filesz <= sizeof(notes) &&
            input->read(input->context, object->low + segment.p_offset, notes, segment.p_filesz) &&
            find_in_notes(notes, segment.p_filesz, &id, &n_id)) {
            object_set_build_id(symbols, object, id, n_id);
            return;
        }
    }
}

/* ---- files ---- */

/* Bias of a mapped file: of the mapping that runs, by the segment it is of. */
static void find_bias(struct symbols *symbols, struct object *object, Elf *elf)
{
    size_t n = 0;
    if (elf_getphdrnum(elf, &n) != 0)
        return;
    for (uint32_t i = 0; i < symbols->n_modules && object->bias == UNKNOWN; i++) {
        const struct symbols_module *module = &symbols->modules[i];
        if (module->low < object->low || module->high > object->high)
            continue;
        for (size_t j = 0; j < n && j < MAX_PHDRS; j++) {
            GElf_Phdr segment;
            if (!gelf_getphdr(elf, (int)j, &segment) || segment.p_type != PT_LOAD ||
                !!(segment.p_flags & PF_X) != module->is_executable)
                continue;
            uint64_t align = segment.p_align > 1 ? segment.p_align : 4096;
            if (module->file_offset < (segment.p_offset & ~(align - 1)) ||
                module->file_offset >= segment.p_offset + segment.p_filesz)
                continue;
            object->bias = module->low - module->file_offset + segment.p_offset - segment.p_vaddr;
            break;
        }
    }
}

/* Is this the file that ran? Notes what is learned. */
static bool is_the_file(struct symbols *symbols, struct object *object, Elf *elf)
{
    const void *id = NULL;
    GElf_Ehdr header;
    ssize_t n_id;
    if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header) ||
        header.e_machine != symbols->input->machine || header.e_ident[EI_CLASS] != ELFCLASS64)
        return false;
    n_id = dwelf_elf_gnu_build_id(elf, &id);
    if (object->n_build_id) {
        object->is_mismatched =
            n_id != (ssize_t)object->n_build_id || memcmp(id, object->build_id, object->n_build_id) != 0;
    } else {
        object->is_mismatched = object->is_deleted;
        if (n_id > 0 && !object->is_mismatched)
            object_set_build_id(symbols, object, id, (size_t)n_id);
    }
    return !object->is_mismatched;
}

static void set_userdata(struct symbols *symbols, Dwfl_Module *module)
{
    void **userdata;
    dwfl_module_info(module, &userdata, NULL, NULL, NULL, NULL, NULL, NULL);
    *userdata = symbols;
}

static bool report_file(struct symbols *symbols, struct object *object, Dwfl *dwfl, char *file)
{
    int fd = file ? open_file(file) : -ENOENT;
    if (fd < 0)
        return false;
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    bool is_it = elf && is_the_file(symbols, object, elf);
    if (is_it)
        find_bias(symbols, object, elf);
    elf_end(elf);
    if (is_it && object->bias != UNKNOWN)
        object->dwfl = dwfl_report_elf(dwfl, object->path, file, fd, object->bias, true);
    if (!object->dwfl) {
        close(fd);
        return false;
    }
    object->file = file;
    set_userdata(symbols, object->dwfl);
    return true;
}

/*
 * Below the root; or, when the build id proves it, as it is: the kernel tells paths of a process that is merely in a chroot from
 * the reader's root.
 */
bool object_report(struct symbols *symbols, struct object *object, Dwfl *dwfl)
{
    const char *root = symbols->input->root;
    if (report_file(symbols, object, dwfl, path_below(symbols, object->path)))
        return true;
    bool was_mismatched = object->is_mismatched;
    if (!root || !root[0] || !object->n_build_id)
        return false;
    if (report_file(symbols, object, dwfl, pool_copy(&symbols->pool, object->path, strlen(object->path))))
        return true;
    object->is_mismatched |= was_mismatched;
    return false;
}

/* ---- vDSO ---- */

/* Ours, if it is of that machine and size; its section headers are the last of it. */
static const uint8_t *own_vdso(uint16_t machine, uint64_t size)
{
    const Elf64_Ehdr *own = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), bytes;
    if (!own || own->e_machine != machine)
        return NULL;
    bytes = own->e_shoff + (uint64_t)own->e_shnum * own->e_shentsize;
    return (bytes + page - 1) / page * page == size ? (const uint8_t *)own : NULL;
}

/*
 * Its image: out of captured memory, else our own, as the kernel that runs us is the one that ran it. Its code calls nothing, but
 * on aarch64 every return from a UNIX signal's handler goes through it.
 */
static void read_vdso(struct symbols *symbols, struct object *object)
{
    const struct symbols_input *input = symbols->input;
    uint64_t size = object->high - object->low;
    if (size > VDSO_MAX_BYTES || !(symbols->vdso = pool_alloc(&symbols->pool, VDSO_MAX_BYTES)))
        return;
    if (input->read && input->read(input->context, object->low, symbols->vdso, size))
        return;
    const uint8_t *own = own_vdso(input->machine, size);
    if (own)
        memcpy(symbols->vdso, own, size);
    else
        symbols->vdso = NULL;
}

static int find_elf(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base, char **ret_path,
                    Elf **ret_elf)
{
    struct symbols *symbols = *userdata;
    struct object *object = symbols ? objects_find(symbols, base) : NULL;
    (void)module, (void)name;
    if (object && object->is_vdso && symbols->vdso) {
        *ret_elf = elf_memory((char *)symbols->vdso, object->high - object->low);
        *ret_path = NULL;
    }
    return -1;
}

static void report_vdso(struct symbols *symbols, struct object *object)
{
    read_vdso(symbols, object);
    if (!symbols->vdso)
        return;
    object->bias = object->low; /* it is linked at 0 */
    object->dwfl = dwfl_report_module(symbols->dwfl, "[vdso]", object->low, object->high);
    if (!object->dwfl)
        return;
    set_userdata(symbols, object->dwfl);
}

/* ---- all of them ---- */

static int compare_modules(const void *a, const void *b)
{
    const struct symbols_module *left = a, *right = b;
    return left->low < right->low ? -1 : left->low > right->low;
}

static bool belongs_to(const struct object *object, const struct symbols_module *module, size_t path_bytes)
{
    return strlen(object->path) == path_bytes && memcmp(object->path, module->path, path_bytes) == 0 &&
           module->file_offset != 0;
}

static struct object *add_object(struct symbols *symbols, const struct symbols_module *module)
{
    size_t path_bytes = strlen(module->path), tail = sizeof(DELETED) - 1;
    bool is_deleted = path_bytes > tail && strcmp(module->path + path_bytes - tail, DELETED) == 0;
    path_bytes -= is_deleted ? tail : 0;
    struct object *object = NULL;
    if (symbols->n_objects)
        object = &symbols->objects[symbols->n_objects - 1];
    if (!object || !belongs_to(object, module, path_bytes)) {
        const char *path = pool_copy(&symbols->pool, module->path, path_bytes);
        if (!path)
            return NULL;
        object = &symbols->objects[symbols->n_objects++];
        object->path = path;
        object->low = module->low;
        object->bias = module->bias;
        object->is_deleted = is_deleted;
        object->is_vdso = strcmp(path, "[vdso]") == 0;
        object_set_build_id(symbols, object, module->build_id, module->n_build_id);
    }
    object->high = module->high;
    object->is_executable |= module->is_executable;
    return object;
}

int objects_open(struct symbols *symbols)
{
    const struct symbols_input *input = symbols->input;
    uint32_t n = input->n_modules < SYMBOLS_MAX_MODULES ? input->n_modules : SYMBOLS_MAX_MODULES;
    symbols->modules = pool_alloc(&symbols->pool, (n + 1) * sizeof(*symbols->modules));
    symbols->objects = pool_alloc(&symbols->pool, (n + 1) * sizeof(*symbols->objects));
    if (!symbols->modules || !symbols->objects)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++)
        if (input->modules[i].low < input->modules[i].high)
            symbols->modules[symbols->n_modules++] = input->modules[i];
    qsort(symbols->modules, symbols->n_modules, sizeof(*symbols->modules), compare_modules);
    for (uint32_t i = 0; i < symbols->n_modules; i++) {
        const char *path = symbols->modules[i].path;
        if ((path[0] == '/' || strcmp(path, "[vdso]") == 0) && !add_object(symbols, &symbols->modules[i]))
            return -ENOMEM;
    }
    symbols->callbacks.find_elf = find_elf;
    symbols->callbacks.find_debuginfo = debuginfo_find;
    symbols->dwfl = dwfl_begin(&symbols->callbacks);
    if (!symbols->dwfl)
        return -ENOMEM;
    dwfl_report_begin(symbols->dwfl);
    for (uint32_t i = 0; i < symbols->n_objects; i++) {
        struct object *object = &symbols->objects[i];
        if (!object->n_build_id && object->is_executable)
            read_build_id(symbols, object);
        if (object->is_vdso)
            report_vdso(symbols, object);
        else if (object->is_executable)
            object_report(symbols, object, symbols->dwfl);
    }
    dwfl_report_end(symbols->dwfl, NULL, NULL);
    return 0;
}
