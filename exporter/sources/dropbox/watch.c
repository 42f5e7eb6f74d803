/*
 * watch: which directories are drop boxes, and what changed in them.
 *
 * The environment of the programs decides where they write; so the exporter of a user serves every place the shim
 * may have chosen: below the runtime directory, in /dev/shm, and there also the names it falls back to when somebody
 * else squats the first one. A service serves what exists of all users.
 */
#include "sources/dropbox/dropbox_priv.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define WATCH_EVERY_NS (1000 * MS_NS)
#define SHM_FALLBACKS 8u

/* What came of trying all places. */
struct attempt {
    struct dropbox *dropbox;
    bool is_busy;
    int error; /* the last other one */
    char path[BOX_PATH_BYTES];
};

static int try_box(struct attempt *attempt, const char *path, uint32_t uid, bool may_make)
{
    int error = box_open(attempt->dropbox, path, uid, may_make, false);
    if (error == -EALREADY)
        return 0;
    if (error == -EBUSY)
        attempt->is_busy = true;
    else if (error && error != -ENOENT) {
        attempt->error = error;
        snprintf(attempt->path, sizeof(attempt->path), "%s", path);
    }
    return error;
}

/* Below a directory that belongs to the user; that one is never made here. */
static void try_below(struct attempt *attempt, const char *parent, uint32_t uid, bool may_make)
{
    struct stat status;
    char path[BOX_PATH_BYTES];
    if (stat(parent, &status) < 0 || !S_ISDIR(status.st_mode) || status.st_uid != uid)
        return;
    if (snprintf(path, sizeof(path), "%s/otelshim", parent) < (int)sizeof(path))
        try_box(attempt, path, uid, may_make);
}

/* The first name that is, or can be made, the user's; and every other one that is there. */
static void try_shm(struct attempt *attempt, uint32_t uid, bool may_make)
{
    char path[BOX_PATH_BYTES];
    bool is_settled = false;
    for (unsigned i = 0; i <= SHM_FALLBACKS; i++) {
        snprintf(path, sizeof(path), i ? "/dev/shm/otelshim-%u-%u" : "/dev/shm/otelshim-%u", uid, i);
        int error = try_box(attempt, path, uid, may_make && !is_settled);
        is_settled |= error == 0 || error == -EBUSY;
    }
}

static void try_own(struct attempt *attempt)
{
    struct dropbox *dropbox = attempt->dropbox;
    if (dropbox->extra_dir[0])
        try_box(attempt, dropbox->extra_dir, dropbox->uid, true);
    if (dropbox->only_extra)
        return;
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    char path[64];
    if (runtime && runtime[0] == '/')
        try_below(attempt, runtime, dropbox->uid, true);
    snprintf(path, sizeof(path), "/run/user/%u", dropbox->uid);
    try_below(attempt, path, dropbox->uid, true);
    try_shm(attempt, dropbox->uid, true);
}

/* A service makes nothing in other people's name: the shim makes the box, and here it is found. */
static void try_others(struct attempt *attempt)
{
    struct dirent *entry;
    DIR *users = opendir("/run/user");
    while (users && (entry = readdir(users))) {
        char path[300], *end;
        unsigned long uid = strtoul(entry->d_name, &end, 10);
        snprintf(path, sizeof(path), "/run/user/%s", entry->d_name);
        if (end != entry->d_name && !*end && uid != attempt->dropbox->uid)
            try_below(attempt, path, (uint32_t)uid, false);
    }
    if (users)
        closedir(users);
    DIR *shm = opendir("/dev/shm");
    while (shm && (entry = readdir(shm))) {
        char path[300], *end;
        if (strncmp(entry->d_name, "otelshim-", 9) != 0)
            continue;
        unsigned long uid = strtoul(entry->d_name + 9, &end, 10);
        snprintf(path, sizeof(path), "/dev/shm/%s", entry->d_name);
        if (end != entry->d_name + 9 && (!*end || *end == '-') && uid != attempt->dropbox->uid)
            try_box(attempt, path, (uint32_t)uid, false);
    }
    if (shm)
        closedir(shm);
}

static const char *reason_of(int error)
{
    switch (error) {
    case -EPERM:
        return "not a directory of this user that nobody else may write to";
    case -ENAMETOOLONG:
        return "the path is too long";
    default:
        return error_text(error);
    }
}

uint32_t watch_open_boxes(struct dropbox *dropbox, bool *ret_busy, char problem[200])
{
    struct attempt attempt = {.dropbox = dropbox};
    try_own(&attempt);
    if (dropbox->all_uids)
        try_others(&attempt);
    uint32_t n = 0;
    for (const struct box *box = dropbox->boxes; box; box = box->next)
        n += !box->is_gone;
    *ret_busy = attempt.is_busy;
    if (problem)
        snprintf(problem, 200, "%.120s: %.70s", attempt.error ? attempt.path : "no drop box can be made",
                 attempt.error ? reason_of(attempt.error) : "there is no /dev/shm and no runtime directory");
    return n;
}

/* Logging out clears the runtime directory, and RemoveIPC /dev/shm, under living programs. */
static void look_for_gone(struct dropbox *dropbox)
{
    for (struct box *box = dropbox->boxes; box; box = box->next) {
        struct stat status;
        if (box->is_gone ||
            (lstat(box->path, &status) == 0 && status.st_ino == box->inode && status.st_dev == box->device))
            continue;
        box->is_gone = true;
        if (box->n_clients)
            note(dropbox, "%s: removed while %u processes use it; made anew", box->path, box->n_clients);
    }
}

/* Boxes that nobody needs any more. */
static void close_done(struct dropbox *dropbox)
{
    struct box *next;
    for (struct box *box = dropbox->boxes; box; box = next) {
        next = box->next;
        if (box->n_clients || (!box->is_gone && (!box->is_adopted || box->must_list || box_has_files(box))))
            continue;
        if (!box->is_gone)
            box_remove(box);
        box_close(dropbox, box);
    }
}

/* Whoever is making a file may be dead in no time: its name is enough for a pidfd. */
static void expect_maker(struct dropbox *dropbox, const struct inotify_event *event)
{
    uint32_t pid, number;
    uint64_t start_ticks;
    if (event->mask & IN_CREATE && event->len && box_parse_name(event->name, &pid, &start_ticks, &number))
        liveness_expect(dropbox, pid, start_ticks);
}

void watch_read_events(struct dropbox *dropbox)
{
    char bytes[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n;
    while (dropbox->inotify_fd >= 0 && (n = read(dropbox->inotify_fd, bytes, sizeof(bytes))) > 0) {
        const struct inotify_event *event;
        for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof(*event) + event->len)) {
            event = (const struct inotify_event *)(const void *)(bytes + at);
            expect_maker(dropbox, event);
            for (struct box *box = dropbox->boxes; box; box = box->next)
                box->must_list |= box->watch == event->wd || (event->mask & IN_Q_OVERFLOW);
            if (event->mask & (IN_DELETE_SELF | IN_Q_OVERFLOW))
                dropbox->next_watch_ns = 0;
        }
    }
}

void watch_update(struct dropbox *dropbox)
{
    watch_read_events(dropbox);
    if (dropbox->now_ns >= dropbox->next_watch_ns) {
        bool is_busy;
        dropbox->next_watch_ns = dropbox->now_ns + WATCH_EVERY_NS;
        look_for_gone(dropbox);
        watch_open_boxes(dropbox, &is_busy, NULL);
        close_done(dropbox);
    }
    /* a list of boxes that grows at its end while it is walked: adopted ones are seen in the same round */
    for (struct box *box = dropbox->boxes; box; box = box->next)
        if (!box->is_gone && (box->must_list || dropbox->now_ns >= box->next_list_ns))
            box_list(dropbox, box);
}

void watch_again(struct dropbox *dropbox)
{
    for (struct box *box = dropbox->boxes; box; box = box->next)
        if (!box->is_gone && box->is_awaited)
            box_list(dropbox, box);
}
