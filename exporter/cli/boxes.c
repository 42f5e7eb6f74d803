/* boxes: see boxes.h. The order of places is that of the library (shim/dropbox_directory.c). */
#include "cli/boxes.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SQUATTED 9u
#define TEST_BYTES (256u << 10) /* less than any program's file */

static const char *variable(const char *name)
{
    const char *value = getenv(name); /* NOLINT(concurrency-mt-unsafe): one thread */
    return value && *value ? value : NULL;
}

/* ---- listing ---- */

/* "<pid>-<start ticks>-<n>" */
static bool is_file_of_program(const char *name)
{
    unsigned n_dashes = 0;
    for (const char *c = name; *c; c++) {
        if (*c == '-')
            n_dashes++;
        else if (!isdigit((unsigned char)*c))
            return false;
    }
    return n_dashes == 2 && isdigit((unsigned char)name[0]);
}

static bool is_locked(int directory_fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = openat(directory_fd, "lock", O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool is_held = fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    if (fd >= 0)
        close(fd);
    return is_held;
}

bool boxes_is_served(const char *path)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool is_held = fd >= 0 && is_locked(fd);
    if (fd >= 0)
        close(fd);
    return is_held;
}

struct listing {
    struct box_place *places;
    uint32_t n, max;
};

static bool is_listed(const struct listing *listing, const char *path)
{
    for (uint32_t i = 0; i < listing->n; i++)
        if (strcmp(listing->places[i].path, path) == 0)
            return true;
    return false;
}

/* `may_have_private`: also the boxes of `otelshim run --console` below it. */
static void add_place(struct listing *listing, const char *path, bool may_have_private)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0 || (status.st_uid != geteuid() && geteuid() != 0) ||
        listing->n == listing->max || is_listed(listing, path)) {
        if (fd >= 0)
            close(fd);
        return;
    }
    struct box_place *place = &listing->places[listing->n++];
    *place = (struct box_place){.is_served = is_locked(fd)};
    snprintf(place->path, sizeof(place->path), "%s", path);
    DIR *entries = fdopendir(fd);
    struct dirent *entry;
    while (entries && (entry = readdir(entries))) {
        char below[PATH_MAX];
        place->n_files += is_file_of_program(entry->d_name);
        bool is_private = may_have_private && strncmp(entry->d_name, "run-", 4) == 0;
        if (is_private && snprintf(below, sizeof(below), "%s/%s", path, entry->d_name) < (int)sizeof(below))
            add_place(listing, below, false);
    }
    if (entries)
        closedir(entries);
}

/* `prefix` and what is below `parent` after it: "/run/user/<uid>/otelshim", "/dev/shm/otelshim-<uid>". */
static void add_all(struct listing *listing, const char *parent, const char *prefix, const char *suffix)
{
    DIR *entries = opendir(parent);
    struct dirent *entry;
    while (entries && (entry = readdir(entries))) {
        char path[PATH_MAX];
        size_t bytes = strlen(prefix);
        if (strncmp(entry->d_name, prefix, bytes) == 0 && isdigit((unsigned char)entry->d_name[bytes]) &&
            snprintf(path, sizeof(path), "%s/%s%s", parent, entry->d_name, suffix) < (int)sizeof(path))
            add_place(listing, path, true);
    }
    if (entries)
        closedir(entries);
}

uint32_t boxes_list(struct box_place *ret_places, uint32_t max_places)
{
    struct listing listing = {.places = ret_places, .max = max_places};
    const char *directory = variable("OTELSHIM_DIR"), *runtime = variable("XDG_RUNTIME_DIR");
    char path[PATH_MAX];
    if (directory)
        add_place(&listing, directory, true);
    if (runtime && snprintf(path, sizeof(path), "%s/otelshim", runtime) < (int)sizeof(path))
        add_place(&listing, path, true);
    add_all(&listing, "/run/user", "", "/otelshim"); /* others' are refused to whoever is not root */
    add_all(&listing, "/dev/shm", "otelshim-", "");
    return listing.n;
}

uint32_t boxes_count_files(const char *path)
{
    uint32_t n = 0;
    DIR *entries = opendir(path);
    struct dirent *entry;
    while (entries && (entry = readdir(entries)))
        n += is_file_of_program(entry->d_name);
    if (entries)
        closedir(entries);
    return n;
}

/* ---- testing ---- */

static int test_file(int directory_fd)
{
    char name[40];
    snprintf(name, sizeof(name), ".test-%d", (int)getpid());
    int fd = openat(directory_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int error = -posix_fallocate(fd, 0, TEST_BYTES);
    unlinkat(directory_fd, name, 0);
    close(fd);
    return error;
}

static int test_directory(const char *path)
{
    struct stat status;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return -errno;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int error = fstat(fd, &status) == 0 ? 0 : -errno;
    if (!error && (status.st_uid != geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH))))
        error = -EPERM;
    if (!error)
        error = test_file(fd);
    close(fd);
    return error;
}

static const char *reason_of(int error)
{
    switch (error) {
    case -EPERM:
        return "it must be a directory of this user that nobody else may write to";
    case -ELOOP:
    case -ENOTDIR:
        return "it is not a directory";
    default:
        return strerrordesc_np(-error);
    }
}

/* What makes a box the place that is used is the directory; a full one is not passed over. */
static bool is_passed_over(int error)
{
    return error && error != -ENOSPC && error != -EDQUOT && error != -EFBIG;
}

int boxes_test(char ret_path[PATH_MAX], struct problem *ret_problem)
{
    const char *directory = variable("OTELSHIM_DIR"), *runtime = variable("XDG_RUNTIME_DIR");
    struct stat status;
    char first[PATH_MAX] = "";
    int error = 0, first_error = 0;
    for (unsigned place = 0; place <= 2 + MAX_SQUATTED; place++) {
        int bytes = 0;
        if (place == 0 && directory && directory[0] == '/')
            bytes = snprintf(ret_path, PATH_MAX, "%s", directory);
        else if (place == 1 && runtime && runtime[0] == '/' && stat(runtime, &status) == 0 &&
                 status.st_uid == geteuid())
            bytes = snprintf(ret_path, PATH_MAX, "%s/otelshim", runtime);
        else if (place == 2)
            bytes = snprintf(ret_path, PATH_MAX, "/dev/shm/otelshim-%u", geteuid());
        else if (place > 2)
            bytes = snprintf(ret_path, PATH_MAX, "/dev/shm/otelshim-%u-%u", geteuid(), place - 2);
        if (bytes <= 0 || bytes >= PATH_MAX)
            continue;
        error = test_directory(ret_path);
        if (!is_passed_over(error))
            break;
        if (!first[0]) {
            snprintf(first, sizeof(first), "%s", ret_path);
            first_error = error;
        }
    }
    char *text = ret_problem->text;
    size_t max_bytes = sizeof(ret_problem->text);
    text[0] = 0;
    if (error)
        snprintf(text, max_bytes, "drop box %.80s cannot be written: %.60s: programs are not traced",
                 first[0] ? first : ret_path, reason_of(first[0] ? first_error : error));
    else if (first[0])
        snprintf(text, max_bytes, "drop box %.50s cannot be written: %.60s: %.40s is used", first,
                 reason_of(first_error), ret_path);
    return error;
}
