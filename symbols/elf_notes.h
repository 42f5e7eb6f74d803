/*
 * elf_notes: who an executable is, by its own notes: build id and package metadata.
 *
 *     NT_GNU_BUILD_ID of "GNU"       what the linker made of its contents
 *     0xcafe1a7e of "FDO"            JSON of whoever packaged it (systemd.io, "Package Metadata for Executable Files")
 *
 * Reads the header, the program headers and the note segments: a few hundred bytes at the beginning of the file. The file is hostile
 * input: every offset and size is checked, segments and their sizes are bounded, and what is beyond is left out. Context: loop,
 * commands. Threads: any. Errors: negative errno, with nothing known.
 */
#ifndef OTELSHIM_ELF_NOTES_H
#define OTELSHIM_ELF_NOTES_H

#include <stddef.h>
#include <stdint.h>

#define ELF_BUILD_ID_MAX_BYTES 64u
#define ELF_PACKAGE_MAX_BYTES 4096u

struct elf_notes {
    char build_id[2 * ELF_BUILD_ID_MAX_BYTES + 1]; /* hexadecimal, lower case; "" none */
    char package[ELF_PACKAGE_MAX_BYTES + 1];       /* as it stands in the file, unchecked; "" none */
};

/* -ENOEXEC: not ELF of this machine's class and byte order. -EBADMSG: ELF that contradicts itself. `fd` stays the caller's. */
int elf_notes_read(int fd, struct elf_notes *ret_notes);
/* The same from memory. */
int elf_notes_read_bytes(const void *bytes, size_t n_bytes, struct elf_notes *ret_notes);

#endif
