/* elf_file: see elf_file.h. */
#include "elf_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SEGMENTS 256u
#define MAX_SECTIONS 4096u
#define MAX_DYNAMIC 4096u
#define MAX_STRINGS_BYTES (64u << 20)
#define MAX_SYMBOLS (4u << 20)
#define SYMBOLS_AT_ONCE 1024u

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE_IS_LITTLE true
#else
#define NATIVE_IS_LITTLE false
#endif
#if defined(__x86_64__)
#define NATIVE_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define NATIVE_MACHINE EM_AARCH64
#else
#define NATIVE_MACHINE EM_NONE
#endif

/* ---- reading ---- */

static int read_file(void *source, uint64_t offset, void *bytes, size_t n_bytes)
{
    ssize_t n;
    if (offset > INT64_MAX)
        return -EBADMSG;
    do
        n = pread(*(int *)source, bytes, n_bytes, (off_t)offset);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return (size_t)n == n_bytes ? 0 : -EBADMSG;
}

struct memory {
    const uint8_t *bytes;
    size_t n_bytes;
};

static int read_memory(void *source, uint64_t offset, void *bytes, size_t n_bytes)
{
    const struct memory *memory = source;
    if (offset > memory->n_bytes || n_bytes > memory->n_bytes - offset)
        return -EBADMSG;
    memcpy(bytes, memory->bytes + offset, n_bytes);
    return 0;
}

static int read_at(const struct elf_file *elf, uint64_t offset, void *bytes, size_t n_bytes)
{
    if (offset > elf->file_bytes || n_bytes > elf->file_bytes - offset)
        return -EBADMSG;
    return elf->read(elf->source, offset, bytes, n_bytes);
}

/* ---- segments ---- */

static uint64_t file_offset_of(const ElfW(Phdr) * segments, uint32_t n, uint64_t address)
{
    for (uint32_t i = 0; i < n; i++)
        if (segments[i].p_type == PT_LOAD && address >= segments[i].p_vaddr &&
            address - segments[i].p_vaddr < segments[i].p_filesz)
            return segments[i].p_offset + (address - segments[i].p_vaddr);
    return UINT64_MAX;
}

static int read_interpreter(struct elf_file *elf, const ElfW(Phdr) * segment)
{
    size_t n = segment->p_filesz;
    if (n == 0 || n > sizeof(elf->interpreter))
        return -EBADMSG;
    int error = read_at(elf, segment->p_offset, elf->interpreter, n);
    elf->interpreter[n - 1] = 0;
    return error;
}

/* A string of the dynamic section; NULL: it does not lie within. */
static const char *string_at(const struct elf_file *elf, uint64_t at)
{
    return at < elf->strings_bytes ? elf->strings + at : NULL;
}

static int read_strings(struct elf_file *elf, uint64_t offset, uint64_t n_bytes)
{
    if (n_bytes == 0 || n_bytes > MAX_STRINGS_BYTES || offset > elf->file_bytes ||
        n_bytes > elf->file_bytes - offset)
        return -EBADMSG;
    elf->strings = malloc(n_bytes + 1);
    if (!elf->strings)
        return -ENOMEM;
    int error = read_at(elf, offset, elf->strings, n_bytes);
    elf->strings[n_bytes] = 0;
    elf->strings_bytes = n_bytes;
    return error;
}

static void take_entry(struct elf_file *elf, const ElfW(Dyn) * entry)
{
    const char *text = string_at(elf, entry->d_un.d_val);
    if (entry->d_tag == DT_NEEDED && text && elf->n_needed < ELF_MAX_NEEDED)
        elf->needed[elf->n_needed++] = text;
    else if (entry->d_tag == DT_SONAME)
        elf->soname = text;
    else if (entry->d_tag == DT_RPATH)
        elf->rpath = text;
    else if (entry->d_tag == DT_RUNPATH)
        elf->runpath = text;
}

static int read_dynamic(struct elf_file *elf, const ElfW(Phdr) * segments, uint32_t n_segments,
                        const ElfW(Phdr) * dynamic)
{
    size_t n = dynamic->p_filesz / sizeof(ElfW(Dyn));
    uint64_t strings = UINT64_MAX, n_bytes = 0;
    n = n < MAX_DYNAMIC ? n : MAX_DYNAMIC;
    elf->has_dynamic = true;
    ElfW(Dyn) *entries = calloc(n + 1, sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    int error = read_at(elf, dynamic->p_offset, entries, n * sizeof(*entries));
    for (size_t i = 0; i < n && !error && entries[i].d_tag != DT_NULL; i++) {
        if (entries[i].d_tag == DT_STRTAB)
            strings = file_offset_of(segments, n_segments, entries[i].d_un.d_ptr);
        else if (entries[i].d_tag == DT_STRSZ)
            n_bytes = entries[i].d_un.d_val;
    }
    if (!error && strings != UINT64_MAX)
        error = read_strings(elf, strings, n_bytes);
    for (size_t i = 0; i < n && !error && entries[i].d_tag != DT_NULL; i++)
        take_entry(elf, &entries[i]);
    free(entries);
    return error;
}

static int read_segments(struct elf_file *elf, const ElfW(Ehdr) * header)
{
    ElfW(Phdr) segments[MAX_SEGMENTS];
    uint32_t n = header->e_phnum < MAX_SEGMENTS ? header->e_phnum : MAX_SEGMENTS;
    if (n && header->e_phentsize != sizeof(segments[0]))
        return -EBADMSG;
    int error = read_at(elf, header->e_phoff, segments, n * sizeof(segments[0]));
    for (uint32_t i = 0; i < n && !error; i++) {
        if (segments[i].p_type == PT_INTERP && !elf->interpreter[0])
            error = read_interpreter(elf, &segments[i]);
        else if (segments[i].p_type == PT_DYNAMIC && !elf->has_dynamic)
            error = read_dynamic(elf, segments, n, &segments[i]);
    }
    return error;
}

/* ---- sections: there is none in a file that was stripped of them; nothing is wrong with that ---- */

static bool read_section(const struct elf_file *elf, uint32_t i, ElfW(Shdr) * ret_section)
{
    return i < elf->n_sections && read_at(elf, elf->sections_offset + (uint64_t)i * sizeof(*ret_section),
                                          ret_section, sizeof(*ret_section)) == 0;
}

/* Go's linker names a section for its build information; its own runtime reads it from there. */
static void look_for_go(struct elf_file *elf, uint32_t names_index)
{
    static const char *const marks[] = {".go.buildinfo", ".gopclntab", ".note.go.buildid"};
    ElfW(Shdr) names, section;
    char name[20];
    if (!read_section(elf, names_index, &names))
        return;
    for (uint32_t i = 0; i < elf->n_sections && !elf->is_go; i++) {
        if (!read_section(elf, i, &section) || section.sh_name >= names.sh_size)
            continue;
        uint64_t left = names.sh_size - section.sh_name;
        size_t n = left < sizeof(name) ? (size_t)left : sizeof(name);
        if (names.sh_offset > UINT64_MAX - section.sh_name ||
            read_at(elf, names.sh_offset + section.sh_name, name, n) != 0)
            continue;
        name[n - 1] = 0;
        for (size_t k = 0; k < sizeof(marks) / sizeof(marks[0]); k++)
            elf->is_go |= strcmp(name, marks[k]) == 0;
    }
}

static void read_sections(struct elf_file *elf, const ElfW(Ehdr) * header)
{
    if (header->e_shentsize != sizeof(ElfW(Shdr)) || header->e_shoff == 0 ||
        header->e_shoff > elf->file_bytes)
        return;
    elf->sections_offset = header->e_shoff;
    elf->n_sections = header->e_shnum < MAX_SECTIONS ? header->e_shnum : MAX_SECTIONS;
    look_for_go(elf, header->e_shstrndx);
}

/* ---- opening ---- */

static int read_all(struct elf_file *elf)
{
    ElfW(Ehdr) header = {0};
    uint8_t begin[EI_NIDENT + 4] = {0};
    if (read_at(elf, 0, begin, sizeof(begin)) != 0 || memcmp(begin, ELFMAG, SELFMAG) != 0)
        return -ENOEXEC;
    elf->is_64 = begin[EI_CLASS] == ELFCLASS64;
    elf->is_little = begin[EI_DATA] == ELFDATA2LSB;
    elf->type =
        elf->is_little ? (uint16_t)(begin[16] | begin[17] << 8) : (uint16_t)(begin[17] | begin[16] << 8);
    elf->machine =
        elf->is_little ? (uint16_t)(begin[18] | begin[19] << 8) : (uint16_t)(begin[19] | begin[18] << 8);
    if (elf->is_64 != (sizeof(void *) == 8) || elf->is_little != NATIVE_IS_LITTLE)
        return 0;
    int error = read_at(elf, 0, &header, sizeof(header));
    if (!error)
        error = read_segments(elf, &header);
    if (!error)
        read_sections(elf, &header);
    return error;
}

int elf_file_open(struct elf_file *elf, const char *path)
{
    struct stat status;
    *elf = (struct elf_file){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (elf->fd < 0)
        return -errno;
    int error = fstat(elf->fd, &status) < 0 ? -errno : S_ISREG(status.st_mode) ? 0 : -ENOEXEC;
    elf->file_bytes = error ? 0 : (uint64_t)status.st_size;
    elf->read = read_file;
    elf->source = &elf->fd;
    if (!error)
        error = read_all(elf);
    if (error)
        elf_file_close(elf);
    return error;
}

int elf_file_open_bytes(struct elf_file *elf, const void *bytes, size_t n_bytes)
{
    struct memory *memory = malloc(sizeof(*memory));
    if (!memory)
        return -ENOMEM;
    *memory = (struct memory){.bytes = bytes, .n_bytes = n_bytes};
    *elf = (struct elf_file){.fd = -1, .read = read_memory, .source = memory, .file_bytes = n_bytes};
    int error = read_all(elf);
    if (error)
        elf_file_close(elf);
    return error;
}

void elf_file_close(struct elf_file *elf)
{
    if (elf->fd >= 0)
        close(elf->fd);
    else
        free(elf->source);
    free(elf->strings);
    *elf = (struct elf_file){.fd = -1};
}

bool elf_file_is_native(const struct elf_file *elf)
{
    return elf->is_64 == (sizeof(void *) == 8) && elf->is_little == NATIVE_IS_LITTLE &&
           (NATIVE_MACHINE == EM_NONE || elf->machine == NATIVE_MACHINE);
}

/* ---- symbols ---- */

static bool is_wanted(const ElfW(Sym) * symbol, enum elf_symbols kind)
{
    unsigned bind = symbol->st_info >> 4, type = symbol->st_info & 0xf;
    bool is_defined = symbol->st_shndx != SHN_UNDEF && symbol->st_value != 0;
    bool is_function =
        type == STT_FUNC || type == STT_GNU_IFUNC || (kind == ELF_IMPORTED && type == STT_NOTYPE);
    return symbol->st_name && is_function && (bind == STB_GLOBAL || bind == STB_WEAK) &&
           is_defined == (kind == ELF_DEFINED);
}

/* A symbol table, the names it refers to, and what is looked for. */
struct table {
    ElfW(Shdr) header;
    char *names;
    uint64_t names_bytes;
    enum elf_symbols kind;
    bool (*each)(void *context, const char *name);
    void *context;
};

static bool read_names(const struct elf_file *elf, struct table *table)
{
    ElfW(Shdr) names;
    if (!read_section(elf, table->header.sh_link, &names) || names.sh_type != SHT_STRTAB ||
        names.sh_size == 0 || names.sh_size > MAX_STRINGS_BYTES || names.sh_offset > elf->file_bytes ||
        names.sh_size > elf->file_bytes - names.sh_offset)
        return false;
    table->names = malloc(names.sh_size + 1);
    if (!table->names)
        return false;
    table->names[names.sh_size] = 0;
    table->names_bytes = names.sh_size;
    return read_at(elf, names.sh_offset, table->names, names.sh_size) == 0;
}

/* False: `each` has had enough. */
static bool walk(const struct elf_file *elf, const struct table *table)
{
    static ElfW(Sym) symbols[SYMBOLS_AT_ONCE]; /* commands have one thread */
    uint64_t n_all = table->header.sh_size / sizeof(symbols[0]), offset = table->header.sh_offset;
    n_all = n_all < MAX_SYMBOLS ? n_all : MAX_SYMBOLS;
    for (uint64_t at = 0; at < n_all; at += SYMBOLS_AT_ONCE) {
        size_t n = n_all - at < SYMBOLS_AT_ONCE ? (size_t)(n_all - at) : SYMBOLS_AT_ONCE;
        if (offset > elf->file_bytes ||
            read_at(elf, offset + at * sizeof(symbols[0]), symbols, n * sizeof(symbols[0])) != 0)
            return true;
        for (size_t i = 0; i < n; i++)
            if (is_wanted(&symbols[i], table->kind) && symbols[i].st_name < table->names_bytes &&
                !table->each(table->context, table->names + symbols[i].st_name))
                return false;
    }
    return true;
}

void elf_file_each_symbol(const struct elf_file *elf, enum elf_symbols kind, bool all,
                          bool (*each)(void *context, const char *name), void *context)
{
    bool goes_on = true;
    for (uint32_t i = 0; i < elf->n_sections && goes_on; i++) {
        struct table table = {.kind = kind, .each = each, .context = context};
        if (!read_section(elf, i, &table.header) ||
            !(table.header.sh_type == SHT_DYNSYM || (all && table.header.sh_type == SHT_SYMTAB)))
            continue;
        if (read_names(elf, &table))
            goes_on = walk(elf, &table);
        free(table.names);
    }
}
