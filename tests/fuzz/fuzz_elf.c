/* Any bytes as an ELF file, its notes, and as an ld.so.cache: read to the end, without leaving them. */
#include "elf_file.h"
#include "elf_notes.h"
#include "libraries.h"
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool count(void *context, const char *name)
{
    *(size_t *)context += strlen(name);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct elf_file elf;
    size_t n = 0;
    char path[PATH_MAX];
    if (elf_file_open_bytes(&elf, data, size) == 0) {
        n += elf_file_is_native(&elf) + strlen(elf.interpreter);
        for (uint32_t i = 0; i < elf.n_needed; i++)
            n += strlen(elf.needed[i]);
        n += (elf.soname ? strlen(elf.soname) : 0) + (elf.runpath ? strlen(elf.runpath) : 0);
        elf_file_each_symbol(&elf, ELF_DEFINED, true, count, &n);
        elf_file_each_symbol(&elf, ELF_IMPORTED, true, count, &n);
        elf_file_close(&elf);
    }
    struct elf_notes notes;
    if (elf_notes_read_bytes(data, size, &notes) == 0)
        n += strlen(notes.build_id) + strlen(notes.package);
    (void)libraries_look_up(data, size, "libc.so.6", path);
    return 0;
}
