/*
 * reader: the hand-over's other side, written from shim/wire/README.md alone. It takes a record by setting its bit in
 * the shared bitmap ("delivered"), and acknowledges after that.
 */
#include "soak.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <wire.h>

#define MAX_FILES 32u

struct file {
    int fd; /* -1 unused */
    pid_t pid;
    bool is_drained;
    char name[340];
    struct wire_header header;
    uint64_t acknowledged[WIRE_MAX_CHUNKS];
};

static struct file files[MAX_FILES];
static struct wire_chunk_line lines[WIRE_MAX_CHUNKS];
static _Alignas(8) uint8_t copy[WIRE_CHUNK_BYTES];

static void open_file(const char *name)
{
    struct file *file = NULL;
    for (uint32_t i = 0; i < MAX_FILES; i++) {
        if (files[i].fd >= 0 && !strcmp(files[i].name, name))
            return;
        if (files[i].fd < 0 && !file)
            file = &files[i];
    }
    int fd = file ? open(name, O_RDWR | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    ssize_t n = pread(fd, &file->header, sizeof file->header, 0);
    if (n != (ssize_t)sizeof file->header || file->header.magic != WIRE_MAGIC) {
        close(fd);
        return;
    }
    size_t bytes = file->header.acknowledged.count * 8u;
    if (pread(fd, file->acknowledged, bytes, (off_t)file->header.acknowledged.offset) != (ssize_t)bytes)
        abort();
    snprintf(file->name, sizeof file->name, "%s", name);
    file->pid = (pid_t)file->header.pid;
    file->fd = fd;
}

static void list_box(void)
{
    DIR *directory = opendir(soak_box);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        char name[330];
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
            continue;
        snprintf(name, sizeof name, "%s/%s", soak_box, entry->d_name);
        open_file(name);
    }
    if (directory)
        closedir(directory);
}

static void take_record(const struct soak_record *record)
{
    uint32_t n_words = (record->bytes - (uint32_t)sizeof *record) / 8;
    bool is_whole = record->bytes == soak_record_bytes(record->stream, record->number);
    uint64_t word = soak_word(record->stream, record->number);
    for (uint32_t i = 0; is_whole && i < n_words; i++)
        is_whole = record->body[i] == word + i;
    if (!is_whole) {
        soak->torn++;
        return;
    }
    if (record->stream >= soak->n_streams || record->number >= soak->bits_per_stream) {
        soak->unknown++;
        return;
    }
    uint64_t *at = &soak->bitmap[(record->stream * soak->bits_per_stream + record->number) / 64];
    uint64_t bit = 1ull << (record->number % 64);
    if (*at & bit)
        soak->duplicated++;
    __atomic_store_n(at, *at | bit, __ATOMIC_RELAXED);
}

/* Takes [from, to) of a chunk. The lengths are checked on the copy. */
static void take_part(const struct file *file, uint32_t chunk, uint32_t from, uint32_t to)
{
    off_t at = (off_t)(file->header.chunks.offset + (uint64_t)chunk * WIRE_CHUNK_BYTES + from);
    if (pread(file->fd, copy, to - from, at) != (ssize_t)(to - from))
        abort();
    for (uint32_t i = 0; i < to - from;) {
        struct wire_record record;
        memcpy(&record, copy + i, sizeof record);
        if (record.kind != SOAK_RECORD_KIND || record.bytes < sizeof(struct soak_record) ||
            record.bytes % 8 || record.bytes > to - from - i) {
            soak->torn++;
            return;
        }
        take_record((const struct soak_record *)(const void *)(copy + i));
        i += record.bytes;
    }
}

/* True when there was something new. */
static bool look_at_chunk(struct file *file, uint32_t chunk, uint64_t host)
{
    uint64_t word = host & WIRE_STATE_MASK, known = file->acknowledged[chunk];
    if (word == known)
        return false;
    uint64_t lease = word >> WIRE_SEQ_SHIFT, known_lease = known >> WIRE_SEQ_SHIFT;
    uint32_t to = (uint32_t)(word & WIRE_BYTES_MASK) * 8;
    uint32_t from = lease == known_lease ? (uint32_t)(known & WIRE_BYTES_MASK) * 8 : 0;
    bool follows =
        lease == known_lease || (lease == ((known_lease + 1) & WIRE_SEQ_MASK) && known & WIRE_CLOSED);
    if (!follows || to < from || to > WIRE_CHUNK_BYTES) {
        soak->corrupt++;
        return false;
    }
    take_part(file, chunk, from, to);
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* all reads of the chunk before the word that frees it */
    if (pwrite(file->fd, &word, 8, (off_t)(file->header.acknowledged.offset + chunk * 8ull)) != 8)
        abort();
    file->acknowledged[chunk] = word;
    return true;
}

static bool look_at_file(struct file *file)
{
    bool is_gone = kill(file->pid, 0) && errno == ESRCH; /* before the look: nothing comes after it */
    size_t bytes = file->header.chunk_lines.count * sizeof lines[0];
    if (pread(file->fd, lines, bytes, (off_t)file->header.chunk_lines.offset) != (ssize_t)bytes)
        abort();
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    bool has_news = false;
    for (uint32_t i = 0; i < file->header.chunks.count; i++)
        has_news |= look_at_chunk(file, i, lines[i].word);
    if (!is_gone || has_news)
        return has_news;
    struct wire_counters counters;
    if (pread(file->fd, &counters, sizeof counters, WIRE_COUNTERS_OFFSET) == (ssize_t)sizeof counters)
        for (uint32_t i = 0; i < WIRE_MAX_DROPS; i++)
            soak->dropped_in_headers += counters.dropped[i];
    (void)unlink(file->name);
    (void)close(file->fd);
    file->fd = -1;
    return true;
}

/* The exporter's lock of the box: the writers see that one lives, and need not start one. */
static void lock_box(void)
{
    char name[80];
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    snprintf(name, sizeof name, "%s/lock", soak_box);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    while (fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock))
        usleep(1000);
}

void soak_read(void *unused)
{
    (void)unused;
    lock_box();
    for (uint32_t i = 0; i < MAX_FILES; i++)
        files[i].fd = -1;
    for (;;) {
        bool has_news = false, must_stop = soak->stop_reader;
        list_box();
        uint32_t n_files = 0;
        for (uint32_t i = 0; i < MAX_FILES; i++) {
            if (files[i].fd < 0)
                continue;
            n_files++;
            has_news |= look_at_file(&files[i]);
        }
        if (must_stop && !n_files)
            return;
        if (!has_news)
            usleep(500);
    }
}
