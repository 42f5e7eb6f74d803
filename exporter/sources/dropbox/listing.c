/*
 * listing: what is in a drop box: names that clients made, files that are new or were given up, boxes to adopt.
 *
 * Everything but files named <pid>-<start ticks>-<n> and private boxes is somebody else's and not looked at.
 */
#include "sources/dropbox/dropbox_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
