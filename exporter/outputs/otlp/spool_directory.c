/* spool_directory: which directory is this destination's. See spool.h. */
#include "outputs/otlp/spool_priv.h"

#include "base/file.h"
#include "base/sha256.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DIRECTORIES 16u
#define HASH_DIGITS 16u
#define SALT_BYTES 16u

struct owner_mark {
    uint8_t salt[SALT_BYTES];
    uint8_t digest[32];
};

bool spool_parse_name(const char *name, uint64_t *ret_sequence, uint32_t *ret_n_spans)
{
    char *end;
    if (strspn(name, "0123456789abcdef") != 16 || name[16] != '.' || name[17] < '0' || name[17] > '9')
        return false;
    uint64_t sequence = strtoull(name, NULL, 16);
    unsigned long n_spans = strtoul(name + 17, &end, 10);
    if (*end || n_spans > UINT32_MAX || !sequence)
        return false;
    *ret_sequence = sequence;
    *ret_n_spans = (uint32_t)n_spans;
    return true;
}

/* Batches, or a checkpoint, which whoever opens the spool makes one of. */
static bool has_batches(int fd)
{
    bool is_found = false;
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    if (!entries) {
        if (copy >= 0)
            close(copy);
        return true; /* leave it alone */
    }
    uint64_t sequence;
    uint32_t n_spans;
    for (struct dirent *entry;
         !is_found && (entry = readdir(entries));) /* NOLINT(concurrency-mt-unsafe): our own */
        is_found = spool_parse_name(entry->d_name, &sequence, &n_spans) || spool_is_checkpoint(entry->d_name);
    closedir(entries);
    return is_found;
}

static void hash_headers(const struct delivery *delivery, const uint8_t *salt, uint8_t *ret_digest)
{
    size_t bytes = SALT_BYTES;
    for (uint32_t i = 0; i < delivery->n_headers; i++)
        bytes += strlen(delivery->headers[i].name) + strlen(delivery->headers[i].value) + 2;
    char *text = malloc(bytes);
    if (!text)
        abort();
    memcpy(text, salt, SALT_BYTES);
    char *end = text + SALT_BYTES;
    for (uint32_t i = 0; i < delivery->n_headers; i++) {
        end = stpcpy(end, delivery->headers[i].name) + 1;
        end = stpcpy(end, delivery->headers[i].value) + 1;
    }
    sha256(text, bytes, ret_digest);
    free(text);
}

static bool is_marked_for(int fd, const struct delivery *delivery)
{
    uint8_t *bytes = NULL, digest[32];
    size_t n_bytes = 0;
    struct owner_mark mark;
    if (file_read(fd, "for", sizeof(mark), &bytes, &n_bytes) != 0)
        return false;
    bool is_whole = n_bytes == sizeof(mark);
    if (is_whole)
        memcpy(&mark, bytes, sizeof(mark));
    free(bytes);
    if (!is_whole)
        return false;
    hash_headers(delivery, mark.salt, digest);
    return memcmp(digest, mark.digest, sizeof(digest)) == 0;
}

static int mark_for(int fd, const struct delivery *delivery)
{
    struct owner_mark mark;
    if (getrandom(mark.salt, sizeof(mark.salt), 0) != (ssize_t)sizeof(mark.salt))
        return -EIO;
    hash_headers(delivery, mark.salt, mark.digest);
    struct file_part part = {&mark, sizeof(mark)};
    return file_write_atomic(fd, "for", &part, 1);
}

/* -EAGAIN: another exporter, or another destination of this one, has it. */
static int lock_directory(const char *path, struct spool_directory *ret_directory)
{
    struct spool_directory directory;
    struct stat status;
    directory.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (directory.fd < 0)
        return -errno;
    directory.lock_fd = fstat(directory.fd, &status) == 0 && status.st_uid == geteuid()
                            ? openat(directory.fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600)
                            : (errno = EPERM, -1);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (directory.lock_fd < 0 || fcntl(directory.lock_fd, F_OFD_SETLK, &lock) != 0) {
        int status_of_lock = errno == EACCES && directory.lock_fd >= 0 ? -EAGAIN : -errno;
        spool_directory_close(&directory);
        return status_of_lock;
    }
    *ret_directory = directory;
    return 0;
}

void spool_directory_close(struct spool_directory *directory)
{
    if (directory->lock_fd >= 0)
        close(directory->lock_fd);
    close(directory->fd);
}

static void print_directory(char *ret_path, size_t max_bytes, const char *path, const char *hash,
                            unsigned number)
{
    if (number)
        snprintf(ret_path, max_bytes, "%s/%s-%u", path, hash, number);
    else
        snprintf(ret_path, max_bytes, "%s/%s", path, hash);
}

int spool_directory_open(const char *path, const struct delivery *delivery,
                         struct spool_directory *ret_directory, struct problem *ret_problem)
{
    char hash[HASH_DIGITS + 1], name[4096];
    int status = file_make_directories(path);
    sha256_print(delivery->url, strlen(delivery->url), hash, HASH_DIGITS);
    /* what an earlier exporter left for the same destination */
    for (unsigned i = 0; status == 0 && i < MAX_DIRECTORIES; i++) {
        print_directory(name, sizeof(name), path, hash, i);
        if (lock_directory(name, ret_directory) != 0)
            continue;
        if (is_marked_for(ret_directory->fd, delivery))
            return 0;
        spool_directory_close(ret_directory);
    }
    /* or the first that holds nothing of anybody */
    for (unsigned i = 0; status == 0 && i < MAX_DIRECTORIES; i++) {
        print_directory(name, sizeof(name), path, hash, i);
        status = mkdir(name, 0700) != 0 && errno != EEXIST ? -errno : 0;
        if (status != 0 || lock_directory(name, ret_directory) != 0)
            continue;
        if (!has_batches(ret_directory->fd)) {
            status = mark_for(ret_directory->fd, delivery);
            if (status == 0)
                return 0;
        }
        spool_directory_close(ret_directory);
    }
    snprintf(ret_problem->text, sizeof(ret_problem->text), "spool %.120s: %s", path,
             status ? strerrordesc_np(-status) : "every directory of this destination is in use");
    return status ? status : -EBUSY;
}
