/*
 * box: one drop box directory: opened and checked, locked, its doorbell made; closed and removed. listing.c has its files.
 */
#include "sources/dropbox/dropbox_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define DOORBELL_BYTES 4096

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
