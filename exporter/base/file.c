/* file: see file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_VECTORS 64u

int file_make_directories(const char *path)
{
    char copy[PATH_MAX];
    size_t bytes = strlen(path);
    if (!bytes || bytes >= sizeof(copy))
        return bytes ? -ENAMETOOLONG : -EINVAL;
    memcpy(copy, path, bytes + 1);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(copy, 0700) != 0 && errno != EEXIST && errno != EROFS && errno != EACCES)
            return -errno; /* EROFS and EACCES come before EEXIST for some directories that are there */
        *slash = '/';
    }
    if (mkdir(copy, 0700) != 0 && errno != EEXIST)
        return -errno;
    struct stat status;
    if (stat(copy, &status) != 0)
        return -errno;
    return S_ISDIR(status.st_mode) ? 0 : -ENOTDIR;
}

static int write_vectors(int fd, struct iovec *at, int n)
{
    while (n > 0) {
        ssize_t done = writev(fd, at, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        for (; n > 0 && (size_t)done >= at->iov_len; at++, n--)
            done -= (ssize_t)at->iov_len;
        if (n > 0) {
            at->iov_base = (uint8_t *)at->iov_base + done;
            at->iov_len -= (size_t)done;
        }
    }
    return 0;
}

/* Many at once: a crash's file has thirty, and the dying process waits for it. */
int file_write_parts(int fd, const struct file_part *parts, uint32_t n_parts)
{
    struct iovec vectors[MAX_VECTORS];
    int status = 0;
    for (uint32_t from = 0; from < n_parts && status == 0; from += MAX_VECTORS) {
        uint32_t n = n_parts - from < MAX_VECTORS ? n_parts - from : MAX_VECTORS;
        for (uint32_t i = 0; i < n; i++)
            vectors[i] = (struct iovec){.iov_base = (void *)(uintptr_t)parts[from + i].bytes,
                                        .iov_len = parts[from + i].n_bytes};
        status = write_vectors(fd, vectors, (int)n);
    }
    return status;
}

int file_write_atomic(int directory_fd, const char *name, const struct file_part *parts, uint32_t n_parts)
{
    char other[NAME_MAX + 1];
    int bytes = snprintf(other, sizeof(other), ".%s.%d", name, (int)getpid());
    if (bytes < 0 || (size_t)bytes >= sizeof(other))
        return -ENAMETOOLONG;
    int fd = openat(directory_fd, other, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int status = file_write_parts(fd, parts, n_parts);
    if (close(fd) != 0 && status == 0)
        status = -errno; /* NFS and quotas may say so only now */
    if (status == 0 && renameat(directory_fd, other, directory_fd, name) != 0)
        status = -errno;
    if (status != 0)
        unlinkat(directory_fd, other, 0);
    return status;
}

static int read_all(int fd, size_t max_bytes, uint8_t **ret_bytes, size_t *ret_n_bytes)
{
    struct stat file;
    if (fstat(fd, &file) != 0)
        return -errno;
    if (!S_ISREG(file.st_mode))
        return -EINVAL;
    if ((uint64_t)file.st_size > max_bytes)
        return -EFBIG;
    size_t size = (size_t)file.st_size, n = 0;
    uint8_t *bytes = malloc(size + 1);
    if (!bytes)
        return -ENOMEM;
    while (n < size) {
        ssize_t got = read(fd, bytes + n, size - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            free(bytes);
            return -errno;
        }
        if (got == 0) /* it became shorter */
            break;
        n += (size_t)got;
    }
    bytes[n] = 0;
    *ret_bytes = bytes;
    *ret_n_bytes = n;
    return 0;
}

int file_read(int directory_fd, const char *name, size_t max_bytes, uint8_t **ret_bytes, size_t *ret_n_bytes)
{
    int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    int status = read_all(fd, max_bytes, ret_bytes, ret_n_bytes);
    close(fd);
    return status;
}

static int may_be_read(int fd, struct stat *status, uint32_t owner_uid, size_t max_bytes)
{
    if (fstat(fd, status) < 0)
        return -errno;
    if (!S_ISREG(status->st_mode))
        return -EINVAL;
    if (owner_uid != geteuid() && status->st_uid != owner_uid)
        return -EPERM;
    return (size_t)status->st_size > max_bytes ? -EFBIG : 0;
}

char *file_read_text(struct arena *arena, const char *path, uint32_t owner_uid, size_t max_bytes,
                     bool *ret_is_open, int *ret_error)
{
    struct stat status = {0};
    size_t bytes = 0;
    char *text = NULL;
    ssize_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    *ret_error = fd < 0 ? -errno : may_be_read(fd, &status, owner_uid, max_bytes);
    if (*ret_error == 0) {
        size_t max = (size_t)status.st_size;
        if (ret_is_open)
            *ret_is_open = status.st_mode & S_IROTH;
        text = arena_alloc(arena, max + 1);
        while (bytes < max && (n = read(fd, text + bytes, max - bytes)) > 0)
            bytes += (size_t)n;
        text[bytes] = 0;
        *ret_error = n < 0 ? -EIO : 0;
    }
    if (fd >= 0)
        close(fd);
    return *ret_error == 0 ? text : NULL;
}
