/* elf_notes: see elf_notes.h. */
#include "elf_notes.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define MAX_SEGMENTS 128u
#define MAX_NOTE_BYTES 8192u /* of a segment */
#define PACKAGE_NOTE 0xcafe1a7eu

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NATIVE_DATA ELFDATA2LSB
#else
#define NATIVE_DATA ELFDATA2MSB
#endif
#define NATIVE_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)

/* A file, or bytes where there are some. */
struct source {
    int fd;
    const uint8_t *bytes;
    size_t n_bytes;
};

static int read_at(const struct source *source, uint64_t offset, void *bytes, size_t n_bytes)
{
    ssize_t n;
    if (source->bytes) {
        if (offset > source->n_bytes || n_bytes > source->n_bytes - offset)
            return -EBADMSG;
        memcpy(bytes, source->bytes + offset, n_bytes);
        return 0;
    }
    if (offset > INT64_MAX)
        return -EBADMSG;
    do
        n = pread(source->fd, bytes, n_bytes, (off_t)offset);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : (size_t)n == n_bytes ? 0 : -EBADMSG;
}

/* Some linkers were told to write zeroes, so that builds are alike: that tells nobody from anybody. */
static void take_build_id(const uint8_t *id, size_t n_bytes, struct elf_notes *notes)
{
    bool is_any = false;
    if (n_bytes > ELF_BUILD_ID_MAX_BYTES || notes->build_id[0])
        return;
    for (size_t i = 0; i < n_bytes; i++)
        is_any |= id[i] != 0;
    for (size_t i = 0; i < n_bytes && is_any; i++) {
        notes->build_id[2 * i] = "0123456789abcdef"[id[i] >> 4];
        notes->build_id[2 * i + 1] = "0123456789abcdef"[id[i] & 0xf];
    }
}

static void take_note(const ElfW(Nhdr) * note, const uint8_t *name, const uint8_t *text,
                      struct elf_notes *notes)
{
    if (note->n_namesz != 4)
        return;
    if (note->n_type == NT_GNU_BUILD_ID && memcmp(name, "GNU", 4) == 0)
        take_build_id(text, note->n_descsz, notes);
    else if (note->n_type == PACKAGE_NOTE && memcmp(name, "FDO", 4) == 0 &&
             note->n_descsz <= ELF_PACKAGE_MAX_BYTES && !notes->package[0])
        memcpy(notes->package, text, note->n_descsz); /* the rest is zeroed */
}

static void take_notes(const uint8_t *bytes, size_t n_bytes, size_t align, struct elf_notes *notes)
{
    ElfW(Nhdr) note;
    for (size_t at = 0; n_bytes - at >= sizeof(note);) {
        memcpy(&note, bytes + at, sizeof(note));
        size_t name_at = at + sizeof(note);
        if (note.n_namesz > n_bytes - name_at)
            return;
        size_t text_at = (name_at + note.n_namesz + align - 1) & ~(align - 1);
        if (text_at > n_bytes || note.n_descsz > n_bytes - text_at)
            return;
        take_note(&note, bytes + name_at, bytes + text_at, notes);
        size_t next = (text_at + note.n_descsz + align - 1) & ~(align - 1);
        if (next > n_bytes)
            return;
        at = next;
    }
}

static int read_segment(const struct source *source, const ElfW(Phdr) * segment, struct elf_notes *notes)
{
    uint8_t bytes[MAX_NOTE_BYTES];
    if (segment->p_type != PT_NOTE || segment->p_filesz > sizeof(bytes))
        return 0;
    int error = read_at(source, segment->p_offset, bytes, segment->p_filesz);
    if (!error)
        take_notes(bytes, segment->p_filesz, segment->p_align == 8 ? 8 : 4, notes);
    return error;
}

static int read_all(const struct source *source, struct elf_notes *notes)
{
    ElfW(Ehdr) header;
    ElfW(Phdr) segment;
    if (read_at(source, 0, &header, sizeof(header)) != 0 || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != NATIVE_CLASS || header.e_ident[EI_DATA] != NATIVE_DATA)
        return -ENOEXEC;
    if (header.e_phnum && header.e_phentsize != sizeof(segment))
        return -EBADMSG;
    int error = 0;
    for (uint32_t i = 0; i < header.e_phnum && i < MAX_SEGMENTS && !error; i++) {
        error = header.e_phoff > INT64_MAX
                    ? -EBADMSG
                    : read_at(source, header.e_phoff + i * sizeof(segment), &segment, sizeof(segment));
        if (!error)
            error = read_segment(source, &segment, notes);
    }
    return error;
}

static int read_source(const struct source *source, struct elf_notes *ret_notes)
{
    struct elf_notes notes = {0};
    int error = read_all(source, &notes);
    *ret_notes = error ? (struct elf_notes){0} : notes;
    return error;
}

int elf_notes_read(int fd, struct elf_notes *ret_notes)
{
    const struct source source = {.fd = fd};
    return read_source(&source, ret_notes);
}

int elf_notes_read_bytes(const void *bytes, size_t n_bytes, struct elf_notes *ret_notes)
{
    const struct source source = {.fd = -1, .bytes = bytes ? bytes : "", .n_bytes = n_bytes};
    return read_source(&source, ret_notes);
}
