/*
 * spool_checkpoint: one batch that is written anew all the time, so never by way of a new file.
 *
 * A new file under an old name costs a millisecond or three on ext4, which puts the new one's blocks on the disk at once; what is
 * written over in place is 10 us [100,000 records a second waited 40 ms for their acknowledgement, in 40 chunks of the
 * program's memory]. So there are two files, written in turn: a batch, then a seal over all of it. Whatever is cut off half-way
 * has no seal that fits, and the other one holds. What an earlier, longer one left behind the seal does not matter.
 */
#include "outputs/otlp/spool_priv.h"

#include "base/file.h"
#include "base/hash.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *const names[2] = {"checkpoint.0", "checkpoint.1"};

struct seal {
    uint64_t serial; /* the greater one is the newer one */
    uint64_t hash;   /* of the header, the body and the serial; for accidents, not against anybody */
};

bool spool_is_checkpoint(const char *name)
{
    return strcmp(name, names[0]) == 0 || strcmp(name, names[1]) == 0;
}

static uint64_t hash_all(const struct spool_header *header, const void *body, uint64_t serial)
{
    uint64_t hash = hash_bytes(hash_bytes(0, header, sizeof(*header)), body, header->body_bytes);
    return hash_word(hash, serial);
}

/* ---- reading: what an exporter before us left ---- */

/* 0: none, or not whole. */
static uint64_t read_serial(int directory_fd, const char *name, uint32_t *ret_n_items, uint64_t *ret_bytes)
{
    uint8_t *bytes;
    size_t n_bytes;
    struct spool_header header;
    struct seal seal = {.serial = 0};
    if (file_read(directory_fd, name, SPOOL_MAX_FILE_BYTES, &bytes, &n_bytes) != 0)
        return 0;
    bool is_whole = n_bytes >= sizeof(header) + sizeof(seal);
    if (is_whole) {
        memcpy(&header, bytes, sizeof(header));
        is_whole = spool_is_header(&header) && header.body_bytes <= n_bytes - sizeof(header) - sizeof(seal);
    }
    if (is_whole) {
        memcpy(&seal, bytes + sizeof(header) + header.body_bytes, sizeof(seal));
        is_whole = seal.hash == hash_all(&header, bytes + sizeof(header), seal.serial);
        *ret_n_items = header.n_spans;
        *ret_bytes = n_bytes;
    }
    free(bytes);
    return is_whole ? seal.serial : 0;
}

const char *spool_checkpoint_find(struct spool_checkpoint *checkpoint, int directory_fd,
                                  uint32_t *ret_n_items, uint64_t *ret_bytes)
{
    uint32_t n_items[2] = {0, 0};
    uint64_t bytes[2] = {0, 0}, serials[2];
    for (unsigned i = 0; i < 2; i++)
        serials[i] = read_serial(directory_fd, names[i], &n_items[i], &bytes[i]);
    unsigned newer = serials[1] > serials[0];
    unlinkat(directory_fd, names[!newer], 0);
    if (!serials[newer]) {
        unlinkat(directory_fd, names[newer], 0);
        return NULL;
    }
    checkpoint->serial = serials[newer];
    *ret_n_items = n_items[newer];
    *ret_bytes = bytes[newer];
    return names[newer];
}

/* ---- writing ---- */

/* The file, made anew where somebody has removed it. */
static int open_file(struct spool_checkpoint *checkpoint, int directory_fd, unsigned i)
{
    struct stat status;
    if (checkpoint->fds[i] >= 0 && (fstat(checkpoint->fds[i], &status) != 0 || !status.st_nlink)) {
        close(checkpoint->fds[i]);
        checkpoint->fds[i] = -1;
    }
    if (checkpoint->fds[i] < 0)
        checkpoint->fds[i] =
            openat(directory_fd, names[i], O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return checkpoint->fds[i] < 0 ? -errno : 0;
}

int spool_checkpoint_write(struct spool_checkpoint *checkpoint, int directory_fd,
                           const struct spool_header *header, const void *body)
{
    uint64_t serial = checkpoint->serial + 1;
    unsigned i = serial % 2;
    struct seal seal = {.serial = serial, .hash = hash_all(header, body, serial)};
    struct iovec parts[] = {{(void *)(uintptr_t)header, sizeof(*header)},
                            {(void *)(uintptr_t)body, header->body_bytes},
                            {&seal, sizeof(seal)}};
    ssize_t n_all = (ssize_t)(sizeof(*header) + header->body_bytes + sizeof(seal)), n;
    int status = open_file(checkpoint, directory_fd, i);
    if (status != 0)
        return status;
    do
        n = pwritev(checkpoint->fds[i], parts, 3, 0);
    while (n < 0 && errno == EINTR);
    if (n != n_all)
        return n < 0 ? -errno
                     : -ENOSPC; /* that one is spoilt; the other one is as it was, and stays until the next */
    checkpoint->serial = serial;
    return 0;
}

bool spool_checkpoint_is_there(const struct spool_checkpoint *checkpoint)
{
    return checkpoint->fds[0] >= 0 || checkpoint->fds[1] >= 0;
}

/* The older one first: a kill in between leaves what there was. */
void spool_checkpoint_remove(struct spool_checkpoint *checkpoint, int directory_fd)
{
    spool_checkpoint_fini(checkpoint);
    unlinkat(directory_fd, names[(checkpoint->serial + 1) % 2], 0);
    unlinkat(directory_fd, names[checkpoint->serial % 2], 0);
}

void spool_checkpoint_fini(struct spool_checkpoint *checkpoint)
{
    for (unsigned i = 0; i < 2; i++) {
        if (checkpoint->fds[i] >= 0)
            close(checkpoint->fds[i]);
        checkpoint->fds[i] = -1;
    }
}
