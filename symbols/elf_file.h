/*
 * elf_file: what an ELF file says of itself: class, machine, interpreter, needed libraries, symbols.
 *
 * The file is hostile input: every offset, size and index is checked against what was really read; tables are bounded, and what
 * is beyond is left out. Context: commands. Ownership: the struct's, until elf_file_close(). Errors: negative errno, with
 * nothing to close.
 */
#ifndef OTELSHIM_ELF_FILE_H
#define OTELSHIM_ELF_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ELF_MAX_NEEDED 256u

struct elf_file {
    int (*read)(void *source, uint64_t offset, void *bytes,
                size_t n_bytes); /* exactly n_bytes: 0, else -errno */
    void *source;
    uint64_t file_bytes;
    int fd; /* -1: not a file of ours */
    bool is_64, is_little;
    uint16_t machine, type;
    char interpreter[256]; /* "" none */
    bool has_dynamic;
    bool is_go;    /* has a section that only Go's linker makes */
    char *strings; /* of the dynamic section */
    size_t strings_bytes;
    const char *needed[ELF_MAX_NEEDED]; /* in strings */
    uint32_t n_needed;
    const char *soname, *rpath, *runpath; /* NULL none */
    uint64_t sections_offset;
    uint32_t n_sections;
};

/* -ENOEXEC: not ELF. -EBADMSG: ELF that contradicts itself. Of another class or byte order than ours only the first fields. */
int elf_file_open(struct elf_file *elf, const char *path);
/* The same from memory, which must outlive it. */
int elf_file_open_bytes(struct elf_file *elf, const void *bytes, size_t n_bytes);
void elf_file_close(struct elf_file *elf);

/* Is it what this machine's native programs are? */
bool elf_file_is_native(const struct elf_file *elf);

enum elf_symbols { ELF_DEFINED, ELF_IMPORTED };
/*
 * Calls `each` with the name of every global function symbol of that kind, from .dynsym, and with `all` also from .symtab
 * (where static libraries are seen, unless the file was stripped). False from `each` ends it.
 */
void elf_file_each_symbol(const struct elf_file *elf, enum elf_symbols kind, bool all,
                          bool (*each)(void *context, const char *name), void *context);

#endif
