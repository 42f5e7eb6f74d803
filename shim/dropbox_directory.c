/*
 * dropbox_directory: which directory is the drop box of this process (shim/wire/README.md, "The drop box").
 *
 * In order: $OTELSHIM_DIR, $XDG_RUNTIME_DIR/otelshim, /dev/shm/otelshim-<uid>, /dev/shm/otelshim-<uid>-1 … -9. A place
 * that cannot be used is passed over: a privilege drop leaves the variables pointing at root's directories, and
 * anybody may make /dev/shm/otelshim-<uid> before us.
 */
#include "dropbox_priv.h"
#include "sys.h"
#include "text.h"

#include <errno.h>
#include <sys/stat.h>

#define MAX_SQUATTED 9u

/* Ours, and nobody else can put a file or a link into it. */
static bool is_trusted(int fd, uint32_t uid)
{
    struct stat stat = {0};
    if (sys_is_error(sys_fstat(fd, &stat)))
        return false;
    return S_ISDIR(stat.st_mode) && stat.st_uid == uid && !(stat.st_mode & (S_IWGRP | S_IWOTH));
}

static int open_directory(const char *path)
{
    return sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

static int try_directory(const char *path, uint32_t uid)
{
    int fd = open_directory(path);
    if (fd == -ENOENT) {
        if (sys_is_error(sys_mkdir(path, 0700)))
            return -EACCES;
        fd = open_directory(path);
        /* The host's umask may have taken our own bits. is_trusted() below sees whose directory it is. */
        if (fd >= 0)
            (void)sys_fchmod(fd, 0700);
    }
    if (fd < 0)
        return fd;
    if (is_trusted(fd, uid))
        return fd;
    sys_close(fd);
    return -EPERM;
}

/* XDG Base Directory Specification: "The directory MUST be owned by the user". After sudo it is somebody else's, and
 * our exporter would not look there. */
static bool is_own_runtime_directory(const char *path, uint32_t uid)
{
    struct stat stat = {0};
    return path && path[0] == '/' && !sys_is_error(sys_stat(path, &stat)) && stat.st_uid == uid;
}

/* False: too long. */
static bool join(char *to, const char *directory, const char *name)
{
    size_t at = text_append(to, 0, DROPBOX_PATH_BYTES, directory);
    at = text_append(to, at, DROPBOX_PATH_BYTES, name);
    return at + 1 < DROPBOX_PATH_BYTES;
}

int dropbox_directory_open(const struct shim_settings *settings, uint32_t uid, char *ret_path)
{
    int fd = -ENOENT;
    if (settings->dir && settings->dir[0] == '/' && join(ret_path, settings->dir, "")) {
        fd = try_directory(ret_path, uid);
        if (fd >= 0)
            return fd;
    }
    if (is_own_runtime_directory(settings->runtime_dir, uid) &&
        join(ret_path, settings->runtime_dir, "/otelshim")) {
        fd = try_directory(ret_path, uid);
        if (fd >= 0)
            return fd;
    }
    for (uint32_t n = 0; n <= MAX_SQUATTED; n++) {
        size_t at = text_append(ret_path, 0, DROPBOX_PATH_BYTES, "/dev/shm/otelshim-");
        at = text_append_number(ret_path, at, DROPBOX_PATH_BYTES, uid);
        if (n) {
            at = text_append(ret_path, at, DROPBOX_PATH_BYTES, "-");
            (void)text_append_number(ret_path, at, DROPBOX_PATH_BYTES, n);
        }
        fd = try_directory(ret_path, uid);
        if (fd >= 0)
            return fd;
    }
    return fd;
}
