/*
 * box: one drop box directory: opened and checked, locked, its doorbell made, its files listed.
 *
 * Everything in it but lock, doorbell and files named <pid>-<start ticks>-<n> is somebody else's and not looked at.
 */
#include "sources/dropbox/dropbox_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define DOORBELL_BYTES 4096
#define LIST_EVERY_NS (1000 * MS_NS) /* where inotify tells nothing */
#define RETRY_NS (5 * MS_NS)
#define ABANDONED_S 2
#define PRIVATE_BOX "run-"

static bool parse_number(const char **at, char end, uint64_t max, uint64_t *ret_number)
{
    uint64_t number = 0;
    const char *c = *at;
    if (*c < '0' || *c > '9' || (*c == '0' && c[1] >= '0' && c[1] <= '9'))
        return false;
    for (; *c >= '0' && *c <= '9'; c++) {
        uint64_t digit = (uint64_t)(*c - '0');
        if (number > (max - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    if (*c != end)
        return false;
    *at = c + 1;
    *ret_number = number;
    return true;
}

bool box_parse_name(const char *name, uint32_t *ret_pid, uint64_t *ret_start_ticks, uint32_t *ret_number)
{
    uint64_t pid, start_ticks, number;
    if (!parse_number(&name, '-', INT32_MAX, &pid) || !parse_number(&name, '-', UINT64_MAX, &start_ticks) ||
        !parse_number(&name, 0, UINT32_MAX, &number) || !pid)
        return false;
    *ret_pid = (uint32_t)pid;
    *ret_start_ticks = start_ticks;
    *ret_number = (uint32_t)number;
    return true;
}

/* ---- opening ---- */

/* A file of our own in the box. A service makes it the box owner's: its owner's exporter may come after us. */
static int open_own_file(const struct box *box, const char *name, int more_flags)
{
    int fd =
        openat(box->fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | more_flags, 0600);
    if (fd < 0)
        return -errno;
    struct stat status;
    int error = fstat(fd, &status) < 0 ? -errno : 0;
    if (!error && status.st_uid != box->uid && status.st_uid == geteuid() &&
        fchown(fd, box->uid, (gid_t)-1) == 0)
        status.st_uid = box->uid;
    if (!error && (!S_ISREG(status.st_mode) || status.st_uid != box->uid || status.st_nlink != 1))
        error = -EPERM;
    if (error) {
        close(fd);
        return error;
    }
    return fd;
}

static int set_lock(int fd, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return 0;
    return errno == EAGAIN || errno == EACCES ? -EBUSY : -errno;
}

/* The lock counts only while the name leads to it. */
static bool is_named(const struct box *box, int fd, const char *name)
{
    struct stat held, named;
    return fstat(fd, &held) == 0 && fstatat(box->fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

int box_lock(struct box *box)
{
    int fd = open_own_file(box, "lock", O_CREAT);
    if (fd < 0)
        return fd;
    int error = set_lock(fd, F_WRLCK);
    if (!error && !is_named(box, fd, "lock"))
        error = -EBUSY;
    if (error) {
        close(fd);
        return error;
    }
    box->lock_fd = fd;
    return 0;
}

void box_unlock(struct box *box)
{
    if (box->lock_fd >= 0) {
        set_lock(box->lock_fd, F_UNLCK);
        close(box->lock_fd);
    }
    box->lock_fd = -1;
}

/* Without a doorbell the box is served all the same: a host's commit is then seen within a second. */
static void make_doorbell(struct box *box)
{
    box->doorbell_fd = open_own_file(box, "doorbell", O_CREAT);
    if (box->doorbell_fd < 0)
        return;
    if (ftruncate(box->doorbell_fd, DOORBELL_BYTES) == 0)
        (void)posix_fallocate(box->doorbell_fd, 0, DOORBELL_BYTES);
    void *page = mmap(NULL, DOORBELL_BYTES, PROT_READ, MAP_SHARED, box->doorbell_fd, 0);
    box->doorbell = page == MAP_FAILED ? NULL : page;
}

static int open_directory(struct box *box, bool may_make)
{
    if (may_make && mkdir(box->path, 0700) == 0 && geteuid() != box->uid &&
        chown(box->path, box->uid, (gid_t)-1) < 0)
        return -errno;
    box->fd = open(box->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (box->fd < 0)
        return errno == ELOOP || errno == ENOTDIR ? -EPERM : -errno;
    struct stat status;
    if (fstat(box->fd, &status) < 0)
        return -errno;
    if (status.st_uid != box->uid || (status.st_mode & 022))
        return -EPERM;
    box->device = status.st_dev;
    box->inode = status.st_ino;
    return 0;
}

static bool is_open(const struct dropbox *dropbox, const struct box *box)
{
    for (const struct box *other = dropbox->boxes; other; other = other->next)
        if (other->device == box->device && other->inode == box->inode)
            return true;
    return false;
}

static void close_descriptors(struct box *box)
{
    box_unlock(box);
    if (box->doorbell)
        munmap(box->doorbell, DOORBELL_BYTES);
    if (box->doorbell_fd >= 0)
        close(box->doorbell_fd);
    if (box->fd >= 0)
        close(box->fd);
}

int box_open(struct dropbox *dropbox, const char *path, uint32_t uid, bool may_make, bool is_adopted)
{
    struct box *box = calloc(1, sizeof(*box));
    if (!box)
        return -ENOMEM;
    box->fd = box->lock_fd = box->doorbell_fd = box->watch = -1;
    box->uid = uid;
    box->is_adopted = is_adopted;
    int error =
        snprintf(box->path, sizeof(box->path), "%s", path) < (int)sizeof(box->path) ? 0 : -ENAMETOOLONG;
    if (!error)
        error = open_directory(box, may_make);
    if (!error && is_open(dropbox, box))
        error = -EALREADY;
    if (!error)
        error = box_lock(box);
    if (error) {
        close_descriptors(box);
        free(box);
        return error;
    }
    make_doorbell(box);
    if (dropbox->inotify_fd >= 0)
        box->watch = inotify_add_watch(dropbox->inotify_fd, path,
                                       IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_ONLYDIR);
    box->must_list = true;
    struct box **last = &dropbox->boxes;
    while (*last)
        last = &(*last)->next;
    *last = box;
    return 0;
}

void box_close(struct dropbox *dropbox, struct box *box)
{
    struct box **at = &dropbox->boxes;
    while (*at && *at != box)
        at = &(*at)->next;
    if (*at)
        *at = box->next;
    if (box->watch >= 0)
        inotify_rm_watch(dropbox->inotify_fd, box->watch);
    for (uint32_t i = 0; i < BOX_BUCKETS; i++)
        while (box->files[i])
            box_forget(box, box->files[i]);
    close_descriptors(box);
    free(box);
}

void box_remove(struct box *box)
{
    if (box_has_files(box))
        return;
    unlinkat(box->fd, "control", 0);
    unlinkat(box->fd, "doorbell", 0);
    unlinkat(box->fd, "lock", 0); /* whoever opened it before sees that the name is gone */
    struct stat status;
    if (lstat(box->path, &status) == 0 && status.st_ino == box->inode && status.st_dev == box->device)
        rmdir(box->path);
}

/* ---- listing ---- */

static DIR *open_listing(const struct box *box)
{
    int fd = openat(box->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    if (!listing && fd >= 0)
        close(fd);
    return listing;
}

static struct box_file *find_file(const struct box *box, uint64_t inode)
{
    struct box_file *file = box->files[inode % BOX_BUCKETS];
    while (file && file->inode != inode)
        file = file->next;
    return file;
}

bool box_has_files(const struct box *box)
{
    DIR *listing = open_listing(box);
    bool has = false;
    struct dirent *entry;
    while (listing && !has && (entry = readdir(listing))) {
        uint32_t pid, number;
        uint64_t start_ticks, inode = entry->d_ino;
        const struct box_file *file = find_file(box, inode);
        has = box_parse_name(entry->d_name, &pid, &start_ticks, &number) && (!file || file->client);
    }
    if (listing)
        closedir(listing);
    return has;
}

void box_forget(struct box *box, struct box_file *file)
{
    struct box_file **at = &box->files[file->inode % BOX_BUCKETS];
    while (*at && *at != file)
        at = &(*at)->next;
    if (*at)
        *at = file->next;
    box->n_files--;
    free(file);
}

static struct box_file *remember(struct box *box, uint64_t inode, const char *name)
{
    struct box_file *file = calloc(1, sizeof(*file));
    if (!file)
        return NULL;
    file->inode = inode;
    file->was_listed = true;
    memcpy(file->name, name, strnlen(name, sizeof(file->name) - 1)); /* three numbers: 42 bytes at most */
    file->next = box->files[inode % BOX_BUCKETS];
    box->files[inode % BOX_BUCKETS] = file;
    box->n_files++;
    return file;
}

/* A file without magic whose maker is gone is nobody's: its maker had it open or mapped for writing till the end. */
static void remove_if_abandoned(const struct box *box, const char *name)
{
    struct stat status, named;
    int fd = openat(box->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    bool is_old = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                  now.tv_sec - status.st_ctim.tv_sec >= ABANDONED_S;
    fcntl(fd, F_SETSIG, SIGURG); /* a lease that is broken just now must not kill us with SIGIO */
    if (is_old && fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
        fcntl(fd, F_SETLEASE, F_UNLCK);
        if (fstatat(box->fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && named.st_ino == status.st_ino)
            unlinkat(box->fd, name, 0);
    }
    close(fd);
}

static void see_file(struct dropbox *dropbox, struct box *box, uint64_t inode, const char *name)
{
    struct box_file *file = find_file(box, inode);
    if (file && !file->client && strcmp(file->name, name) != 0) { /* the number was used again */
        box_forget(box, file);
        file = NULL;
    }
    if (file) {
        file->was_listed = true;
        return;
    }
    if (box->n_files >= CLIENTS_PER_BOX) {
        if (!box->was_full)
            note(dropbox, "%s: more than %u files: the others wait", box->path, CLIENTS_PER_BOX);
        box->was_full = true;
        return;
    }
    const char *reason = "";
    file = remember(box, inode, name);
    int error = file ? client_open(dropbox, box, file, &reason) : -ENOMEM;
    if (!error)
        return;
    bool is_later =
        error == -EAGAIN || error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -ENOENT;
    if (!is_later) {
        note(dropbox, "%s/%s: ignored: %s", box->path, name, *reason ? reason : error_text(error));
        return;
    }
    if (error == -EAGAIN) {
        uint32_t pid, number;
        uint64_t start_ticks;
        remove_if_abandoned(box, name);
        if (box_parse_name(name, &pid, &start_ticks, &number)) /* it may be dead before the file is whole */
            liveness_expect(dropbox, pid, start_ticks);
    }
    if (file)
        box_forget(box, file);
    if (error != -ENOENT) {
        uint64_t soon = dropbox->now_ns + RETRY_NS;
        box->next_list_ns = soon < box->next_list_ns ? soon : box->next_list_ns;
        box->is_awaited = true;
    }
}

/*
 * A private box below this one (`otelshim run --console`) whose exporter left: its lock is free, or it was removed and a
 * program that was left running made it anew.
 */
static void adopt(struct dropbox *dropbox, const struct box *box, const char *name)
{
    struct stat status;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (fstatat(box->fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(status.st_mode) ||
        now.tv_sec - status.st_ctim.tv_sec < ABANDONED_S)
        return;
    char path[BOX_PATH_BYTES];
    if (snprintf(path, sizeof(path), "%s/%s", box->path, name) < (int)sizeof(path))
        box_open(dropbox, path, box->uid, false, true);
}

static void forget_unlisted(struct box *box)
{
    for (uint32_t i = 0; i < BOX_BUCKETS; i++)
        for (struct box_file *file = box->files[i], *next; file; file = next) {
            next = file->next;
            if (!file->was_listed && !file->client)
                box_forget(box, file);
        }
}

void box_list(struct dropbox *dropbox, struct box *box)
{
    DIR *listing = open_listing(box);
    if (!listing)
        return;
    box->must_list = box->is_awaited = false;
    box->next_list_ns = dropbox->now_ns + LIST_EVERY_NS;
    for (uint32_t i = 0; i < BOX_BUCKETS; i++)
        for (struct box_file *file = box->files[i]; file; file = file->next)
            file->was_listed = false;
    struct dirent *entry;
    while ((entry = readdir(listing))) {
        uint32_t pid, number;
        uint64_t start_ticks;
        if (box_parse_name(entry->d_name, &pid, &start_ticks, &number))
            see_file(dropbox, box, entry->d_ino, entry->d_name);
        else if (entry->d_type == DT_DIR && strncmp(entry->d_name, PRIVATE_BOX, strlen(PRIVATE_BOX)) == 0 &&
                 !box->is_adopted)
            adopt(dropbox, box, entry->d_name);
    }
    closedir(listing);
    forget_unlisted(box);
}
