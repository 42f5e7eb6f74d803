/* outbox: see outbox.h. */
#include "outputs/alerts/outbox.h"

#include "base/file.h"
#include "outputs/alerts/message.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_DIRECTORIES 8u
#define SEQUENCE_DIGITS 16

struct outbox {
    char path[PATH_MAX];
    int fd, told_fd, lock_fd; /* -1: there is no directory */
};

static void close_if_open(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int open_directory(int at_fd, const char *path)
{
    int fd = openat(at_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;
    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) == 0 && status.st_uid == geteuid())
        return fd;
    close(fd);
    return -EPERM;
}

/* -EAGAIN: another exporter has it. */
static int lock(int directory_fd)
{
    int fd = openat(directory_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fd < 0)
        return -errno;
    if (fcntl(fd, F_OFD_SETLK, &all) == 0)
        return fd;
    close(fd);
    return -EAGAIN;
}

static int open_and_lock(struct outbox *outbox, const char *directory, unsigned number)
{
    int n = number ? snprintf(outbox->path, sizeof(outbox->path), "%s/alerts-%u", directory, number)
                   : snprintf(outbox->path, sizeof(outbox->path), "%s/alerts", directory);
    if (n < 0 || (size_t)n >= sizeof(outbox->path))
        return -ENAMETOOLONG;
    int status = mkdir(outbox->path, 0700) != 0 && errno != EEXIST ? -errno : 0;
    if (status == 0)
        status = outbox->fd = open_directory(AT_FDCWD, outbox->path);
    if (status >= 0)
        status = outbox->lock_fd = lock(outbox->fd);
    if (status < 0)
        close_if_open(&outbox->fd);
    return status < 0 ? status : 0;
}

/* "0000000000000001-crash.json" */
static void print_name(const struct stored *stored, bool is_sending, char ret_name[64])
{
    snprintf(ret_name, 64, "%016" PRIx64 "-%s.%s", stored->sequence, alert_class_name(stored->class),
             is_sending ? "sending" : "json");
}

static bool parse_name(const char *name, struct stored *ret_stored)
{
    char class[16] = "", digits[SEQUENCE_DIGITS + 1] = "", *end;
    size_t n = strspn(name, "0123456789abcdef");
    const char *dot = strchr(name, '.');
    if (n != SEQUENCE_DIGITS || name[n] != '-' || !dot || (size_t)(dot - name) - n - 1 >= sizeof(class))
        return false;
    memcpy(digits, name, n);
    memcpy(class, name + n + 1, (size_t)(dot - name) - n - 1);
    *ret_stored = (struct stored){.sequence = strtoull(digits, &end, 16),
                                  .class = alert_class_find(class),
                                  .is_sending = strcmp(dot, ".sending") == 0};
    return ret_stored->class < N_ALERT_CLASSES && (ret_stored->is_sending || strcmp(dot, ".json") == 0);
}

static void each_file(int directory_fd, void (*found)(void *context, const char *name), void *context)
{
    int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (!directory) {
        close_if_open(&fd);
        return;
    }
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.')
            found(context, entry->d_name);
    closedir(directory);
}

/* ---- what an exporter beside us left behind when it ended ---- */

struct adoption {
    int from_fd, to_fd;
};

static void adopt_file(void *context, const char *name)
{
    const struct adoption *adoption = context;
    struct stored stored;
    if (parse_name(name, &stored))
        (void)renameat(adoption->from_fd, name, adoption->to_fd,
                       name); /* sequences are times: none is there twice */
}

static void adopt_others(struct outbox *outbox, const char *directory)
{
    for (unsigned i = 1; i < MAX_DIRECTORIES; i++) {
        struct outbox other = {.fd = -1, .told_fd = -1, .lock_fd = -1};
        struct stat status;
        char path[PATH_MAX];
        int n = snprintf(path, sizeof(path), "%s/alerts-%u", directory, i);
        if (n < 0 || (size_t)n >= sizeof(path) || stat(path, &status) != 0)
            continue;
        if (open_and_lock(&other, directory, i) == 0) {
            struct adoption adoption = {.from_fd = other.fd, .to_fd = outbox->fd};
            each_file(other.fd, adopt_file, &adoption);
        }
        close_if_open(&other.lock_fd);
        close_if_open(&other.fd);
    }
}

/* ---- life ---- */

int outbox_open(struct outbox **ret_outbox, const char *directory)
{
    struct outbox *outbox = calloc(1, sizeof(*outbox));
    if (!outbox)
        abort();
    outbox->fd = outbox->told_fd = outbox->lock_fd = -1;
    *ret_outbox = outbox;
    int status = directory ? file_make_directories(directory) : -ENOENT;
    unsigned number = 0;
    if (status == 0)
        do
            status = open_and_lock(outbox, directory, number);
        while (status == -EAGAIN && ++number < MAX_DIRECTORIES);
    if (status != 0) {
        outbox->path[0] = 0;
        return status;
    }
    if (mkdirat(outbox->fd, "told", 0700) == 0 || errno == EEXIST)
        outbox->told_fd = open_directory(outbox->fd, "told");
    if (number == 0)
        adopt_others(outbox, directory);
    return 0;
}

void outbox_close(struct outbox *outbox)
{
    if (!outbox)
        return;
    close_if_open(&outbox->told_fd);
    close_if_open(&outbox->fd);
    close_if_open(&outbox->lock_fd);
    free(outbox);
}

const char *outbox_path(const struct outbox *outbox)
{
    return outbox->path;
}

/* ---- messages ---- */

struct search {
    struct outbox *outbox;
    void (*found)(void *context, const struct stored *stored);
    void *context;
};

static void found_file(void *context, const char *name)
{
    const struct search *search = context;
    struct stored stored;
    struct stat status;
    if (!parse_name(name, &stored) || fstatat(search->outbox->fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return;
    stored.bytes = (uint64_t)status.st_size;
    search->found(search->context, &stored);
}

void outbox_each(struct outbox *outbox, void (*found)(void *context, const struct stored *stored),
                 void *context)
{
    struct search search = {.outbox = outbox, .found = found, .context = context};
    if (outbox->fd >= 0)
        each_file(outbox->fd, found_file, &search);
}

static int sync_file(int directory_fd, const char *name)
{
    int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int status = fd < 0 || fsync(fd) != 0 ? -errno : 0;
    close_if_open(&fd);
    return status;
}

int outbox_put(struct outbox *outbox, const struct stored *stored, const char *bytes, size_t n_bytes)
{
    char name[64];
    struct file_part part = {.bytes = bytes, .n_bytes = n_bytes};
    if (outbox->fd < 0)
        return -EROFS;
    print_name(stored, stored->is_sending, name);
    int status = file_write_atomic(outbox->fd, name, &part, 1);
    return status == 0 ? sync_file(outbox->fd, name) : status;
}

int outbox_sync(struct outbox *outbox)
{
    if (outbox->fd < 0)
        return -EROFS;
    return fsync(outbox->fd) == 0 ? 0 : -errno;
}

int outbox_mark(struct outbox *outbox, const struct stored *stored, bool is_sending)
{
    char from[64], to[64];
    if (outbox->fd < 0)
        return -EROFS;
    print_name(stored, stored->is_sending, from);
    print_name(stored, is_sending, to);
    return renameat(outbox->fd, from, outbox->fd, to) == 0 ? 0 : -errno;
}

static int read_text(int fd, const char *name, size_t max_bytes, char **ret_bytes, size_t *ret_n_bytes)
{
    uint8_t *bytes = NULL;
    int status = fd < 0 ? -ENOENT : file_read(fd, name, max_bytes, &bytes, ret_n_bytes);
    if (status == 0)
        *ret_bytes = (char *)bytes;
    return status;
}

int outbox_read(struct outbox *outbox, const struct stored *stored, char **ret_bytes, size_t *ret_n_bytes)
{
    char name[64];
    print_name(stored, stored->is_sending, name);
    return read_text(outbox->fd, name, MESSAGE_MAX_BYTES, ret_bytes, ret_n_bytes);
}

void outbox_remove(struct outbox *outbox, const struct stored *stored)
{
    char name[64];
    print_name(stored, stored->is_sending, name);
    if (outbox->fd >= 0)
        unlinkat(outbox->fd, name, 0);
}

/* ---- documents ---- */

/* The directory that it is in, and its name there. */
static int place(const struct outbox *outbox, const char **name)
{
    static const char told[] = "told/";
    if (strncmp(*name, told, sizeof(told) - 1) != 0)
        return outbox->fd;
    *name += sizeof(told) - 1;
    return outbox->told_fd;
}

int outbox_write_document(struct outbox *outbox, const char *name, const char *bytes, size_t n_bytes)
{
    struct file_part part = {.bytes = bytes, .n_bytes = n_bytes};
    int fd = place(outbox, &name);
    return fd < 0 ? -EROFS : file_write_atomic(fd, name, &part, 1);
}

int outbox_read_document(struct outbox *outbox, const char *name, size_t max_bytes, char **ret_bytes,
                         size_t *ret_n_bytes)
{
    int fd = place(outbox, &name);
    return read_text(fd, name, max_bytes, ret_bytes, ret_n_bytes);
}

void outbox_remove_document(struct outbox *outbox, const char *name)
{
    int fd = place(outbox, &name);
    if (fd >= 0)
        unlinkat(fd, name, 0);
}

int outbox_append_document(struct outbox *outbox, const char *name, const char *bytes, size_t n_bytes)
{
    int directory = place(outbox, &name);
    int fd = directory < 0
                 ? -1
                 : openat(directory, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return directory < 0 ? -EROFS : -errno;
    int status = write(fd, bytes, n_bytes) == (ssize_t)n_bytes ? 0 : -EIO;
    close(fd);
    return status;
}

void outbox_each_told(struct outbox *outbox, void (*found)(void *context, const char *name), void *context)
{
    if (outbox->told_fd >= 0)
        each_file(outbox->told_fd, found, context);
}
