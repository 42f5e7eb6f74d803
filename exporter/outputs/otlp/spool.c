/* spool: see spool.h. */
#include "outputs/otlp/spool_priv.h"

#include "base/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLAG_GZIP 1u

static const char magic[8] = "otspool1";

struct entry {
    uint64_t sequence, n_bytes;
    uint32_t n_spans;
};

struct spool {
    struct spool_directory directory;
    struct spool_checkpoint checkpoint;
    uint64_t max_bytes, next_sequence;
    struct entry *entries; /* [i_first, i_end), oldest first */
    size_t i_first, i_end, max_entries;
    struct spool_counts counts;
};

static void print_name(char *ret_name, size_t max_bytes, uint64_t sequence, uint32_t n_spans)
{
    snprintf(ret_name, max_bytes, "%016" PRIx64 ".%" PRIu32, sequence, n_spans);
}

/* Small files cost a block of the disk too; so their number is bounded as well. */
static uint64_t counted_bytes(uint64_t bytes)
{
    return (bytes + 4095) & ~(uint64_t)4095;
}

static void add_entry(struct spool *spool, struct entry entry)
{
    if (spool->i_end == spool->max_entries) {
        size_t n = spool->i_end - spool->i_first;
        if (spool->i_first > spool->max_entries / 2) {
            memmove(spool->entries, spool->entries + spool->i_first, n * sizeof(*spool->entries));
        } else {
            struct entry *entries = malloc((2 * n + 64) * sizeof(*entries));
            if (!entries)
                abort();
            if (n)
                memcpy(entries, spool->entries + spool->i_first, n * sizeof(*entries));
            free(spool->entries);
            spool->entries = entries;
            spool->max_entries = 2 * n + 64;
        }
        spool->i_first = 0;
        spool->i_end = n;
    }
    spool->entries[spool->i_end++] = entry;
    spool->counts.n_batches++;
    spool->counts.n_bytes += entry.n_bytes;
}

static void remove_entry(struct spool *spool, size_t i)
{
    struct entry entry = spool->entries[i];
    char name[64];
    print_name(name, sizeof(name), entry.sequence, entry.n_spans);
    unlinkat(spool->directory.fd, name, 0);
    memmove(spool->entries + spool->i_first + 1, spool->entries + spool->i_first,
            (i - spool->i_first) * sizeof(*spool->entries));
    spool->i_first++;
    spool->counts.n_batches--;
    spool->counts.n_bytes -= entry.n_bytes;
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

static void list_files(struct spool *spool)
{
    int copy = openat(spool->directory.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *files = copy < 0 ? NULL : fdopendir(copy);
    if (!files) {
        if (copy >= 0)
            close(copy);
        return;
    }
    for (struct dirent *file; (file = readdir(files));) { /* NOLINT(concurrency-mt-unsafe): our own stream */
        struct entry entry;
        struct stat status;
        if (spool_parse_name(file->d_name, &entry.sequence, &entry.n_spans)) {
            if (fstatat(copy, file->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
                continue;
            entry.n_bytes = counted_bytes((uint64_t)status.st_size);
            add_entry(spool, entry);
        } else if (file->d_name[0] == '.' && file->d_name[1] && file->d_name[1] != '.') {
            unlinkat(copy, file->d_name, 0); /* half-written by one who was killed */
        }
    }
    closedir(files);
    if (spool->i_end)
        qsort(spool->entries, spool->i_end, sizeof(*spool->entries), compare_entries);
    spool->next_sequence = spool->i_end ? spool->entries[spool->i_end - 1].sequence + 1 : 1;
}

static struct spool_header header_of(const struct body *body, uint32_t n_spans, uint32_t flags)
{
    struct spool_header header = {.n_spans = n_spans, .flags = flags, .body_bytes = body->n_bytes};
    memcpy(header.magic, magic, sizeof(magic));
    return header;
}

bool spool_is_header(const struct spool_header *header)
{
    return memcmp(header->magic, magic, sizeof(magic)) == 0;
}

/* The exporter before was killed: what it left becomes the newest batch. */
static void adopt_checkpoint(struct spool *spool)
{
    struct entry entry = {.sequence = spool->next_sequence};
    char name[64];
    uint64_t n_bytes;
    const char *there =
        spool_checkpoint_find(&spool->checkpoint, spool->directory.fd, &entry.n_spans, &n_bytes);
    if (!there)
        return;
    print_name(name, sizeof(name), entry.sequence, entry.n_spans);
    if (renameat(spool->directory.fd, there, spool->directory.fd, name) != 0)
        return;
    spool->next_sequence++;
    entry.n_bytes = counted_bytes(n_bytes);
    add_entry(spool, entry);
}

int spool_set_checkpoint(struct spool *spool, const struct body *body, uint32_t n_items)
{
    if (!body) {
        spool_checkpoint_remove(&spool->checkpoint, spool->directory.fd);
        return 0;
    }
    struct spool_header header = header_of(body, n_items, 0);
    return spool_checkpoint_write(&spool->checkpoint, spool->directory.fd, &header, body->bytes);
}

struct spool *spool_open(const char *directory, const struct delivery *delivery, uint64_t max_bytes,
                         struct problem *ret_problem)
{
    struct spool *spool = calloc(1, sizeof(*spool));
    if (!spool)
        abort();
    if (spool_directory_open(directory, delivery, &spool->directory, ret_problem) != 0) {
        free(spool);
        return NULL;
    }
    spool->checkpoint = (struct spool_checkpoint){.fds = {-1, -1}};
    spool->max_bytes = max_bytes;
    spool->next_sequence = 1;
    list_files(spool);
    adopt_checkpoint(spool);
    return spool;
}

void spool_close(struct spool *spool)
{
    if (!spool)
        return;
    spool_checkpoint_fini(&spool->checkpoint);
    spool_directory_close(&spool->directory);
    free(spool->entries);
    free(spool);
}

static bool evict_oldest(struct spool *spool, uint64_t keep_sequence)
{
    size_t i = spool->i_first;
    if (i < spool->i_end && spool->entries[i].sequence == keep_sequence)
        i++;
    if (i == spool->i_end)
        return false;
    spool->counts.n_lost_spans += spool->entries[i].n_spans;
    remove_entry(spool, i);
    return true;
}

int spool_append(struct spool *spool, const struct body *body, struct spool_batch *batch,
                 uint64_t keep_sequence)
{
    struct spool_header header = header_of(body, batch->n_spans, batch->is_gzip ? FLAG_GZIP : 0);
    struct entry entry = {
        .sequence = spool->next_sequence,
        .n_bytes = counted_bytes(sizeof(header) + body->n_bytes),
        .n_spans = batch->n_spans,
    };
    if (entry.n_bytes > spool->max_bytes)
        return -EFBIG;
    while (spool->counts.n_bytes + entry.n_bytes > spool->max_bytes)
        if (!evict_oldest(spool, keep_sequence))
            return -EFBIG;
    char name[64];
    print_name(name, sizeof(name), entry.sequence, entry.n_spans);
    struct file_part parts[] = {{&header, sizeof(header)}, {body->bytes, body->n_bytes}};
    int status = file_write_atomic(spool->directory.fd, name, parts, 2);
    if (status != 0)
        return status;
    spool->next_sequence++;
    add_entry(spool, entry);
    batch->sequence = entry.sequence;
    return 0;
}

static int read_batch(struct spool *spool, const struct entry *entry, struct body *ret_body,
                      struct spool_batch *ret_batch)
{
    char name[64];
    uint8_t *bytes;
    size_t n_bytes;
    struct spool_header header = {.n_spans = 0};
    print_name(name, sizeof(name), entry->sequence, entry->n_spans);
    int status = file_read(spool->directory.fd, name, SPOOL_MAX_FILE_BYTES, &bytes, &n_bytes);
    if (status != 0)
        return status;
    if (n_bytes >= sizeof(header))
        memcpy(&header, bytes, sizeof(header));
    if (n_bytes < sizeof(header) || !spool_is_header(&header) ||
        header.body_bytes > n_bytes - sizeof(header) || header.n_spans != entry->n_spans) {
        free(bytes);
        return -EBADMSG;
    }
    body_reserve(ret_body, header.body_bytes); /* less than the file has: it was a checkpoint */
    ret_body->n_bytes = header.body_bytes;
    memcpy(ret_body->bytes, bytes + sizeof(header), ret_body->n_bytes);
    free(bytes);
    *ret_batch = (struct spool_batch){entry->sequence, header.n_spans, (header.flags & FLAG_GZIP) != 0};
    return 0;
}

int spool_load(struct spool *spool, struct body *ret_body, struct spool_batch *ret_batch)
{
    while (spool->i_first < spool->i_end) {
        int status = read_batch(spool, &spool->entries[spool->i_first], ret_body, ret_batch);
        if (status == 0 || status == -EMFILE || status == -ENFILE || status == -ENOMEM)
            return status; /* the last three pass: the file is well */
        spool->counts.n_lost_spans += spool->entries[spool->i_first].n_spans;
        spool->counts.n_corrupt++;
        remove_entry(spool, spool->i_first);
    }
    return -ENOENT;
}

void spool_remove(struct spool *spool, uint64_t sequence)
{
    for (size_t i = spool->i_first; i < spool->i_end && spool->entries[i].sequence <= sequence; i++)
        if (spool->entries[i].sequence == sequence) {
            remove_entry(spool, i);
            return;
        }
}

struct spool_counts spool_get_counts(const struct spool *spool)
{
    struct spool_counts counts = spool->counts;
    counts.has_checkpoint = spool_checkpoint_is_there(&spool->checkpoint);
    return counts;
}
