/* store: see store.h. The time is the first part of a name: names in order are crashes in order. */
#include "sources/crash/store.h"

#include "base/file.h"
#include "base/log.h"
#include "sources/crash/case.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_ENTRIES 65536u

int crash_store_path(char ret_path[PATH_MAX])
{
    char log[PATH_MAX];
    int error = log_default_path(log, sizeof(log));
    if (error && geteuid() != 0)
        return error;
    if (error) {
        memcpy(ret_path, STORE_SERVICE_PATH, sizeof(STORE_SERVICE_PATH));
        return 0;
    }
    *strrchr(log, '/') = 0; /* the log, the spool and the crashes share the state directory */
    snprintf(ret_path, PATH_MAX, "%.*s/crashes", PATH_MAX - 16, log);
    return 0;
}

int store_open(struct store *ret_store, const char *path, bool may_make)
{
    struct store store = {.directory = -1};
    int error = may_make ? file_make_directories(path) : 0;
    if (!error)
        store.directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!error && store.directory < 0)
        error = -errno;
    snprintf(store.path, sizeof(store.path), "%s", path);
    *ret_store = store;
    return error;
}

void store_close(struct store *store)
{
    if (store->directory >= 0)
        close(store->directory);
    store->directory = -1;
}

/* ---- names ---- */

void store_print_stem(const struct crash_case *crash, const char *comm, char ret_stem[STORE_STEM_BYTES])
{
    char clean[17], when[24];
    struct tm utc;
    time_t seconds = (time_t)(crash->time_unix_ns / 1000000000u);
    size_t n = 0;
    for (; n < sizeof(clean) - 1 && comm[n]; n++) {
        bool is_plain = (comm[n] >= 'a' && comm[n] <= 'z') || (comm[n] >= 'A' && comm[n] <= 'Z') ||
                        (comm[n] >= '0' && comm[n] <= '9') || comm[n] == '_' || (comm[n] == '.' && n > 0);
        clean[n] = '_';
        if (is_plain)
            clean[n] = comm[n];
    }
    clean[n] = 0;
    if (!gmtime_r(&seconds, &utc) || !strftime(when, sizeof(when), "%Y%m%dT%H%M%S", &utc))
        snprintf(when, sizeof(when), "00000000T000000");
    snprintf(ret_stem, STORE_STEM_BYTES, "%s%03uZ-%s-%u-%.8s", when,
             (unsigned)(crash->time_unix_ns / 1000000u % 1000u), n ? clean : "unknown", crash->pid,
             crash->id);
}

/* Splits "STEM.suffix" where it is one of ours; the time is told by its length and its Z. */
static bool parse_name(const char *name, char ret_stem[STORE_STEM_BYTES], const char **ret_suffix)
{
    const char *dot = strrchr(name, '.');
    if (!dot || (size_t)(dot - name) >= STORE_STEM_BYTES || strspn(name, "0123456789T") != 18 ||
        name[18] != 'Z' || name[19] != '-')
        return false;
    memcpy(ret_stem, name, (size_t)(dot - name));
    ret_stem[dot - name] = 0;
    *ret_suffix = dot + 1;
    return true;
}

static bool is_suffix(const char *suffix, const char *wanted)
{
    return strcmp(suffix, wanted) == 0;
}

struct listing {
    char (*names)[STORE_STEM_BYTES + 8];
    uint32_t n, max;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* All files of ours, oldest first; the caller frees names. */
static struct listing list(const struct store *store)
{
    struct listing listing = {.n = 0};
    int copy = store->directory < 0 ? -1 : openat(store->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = copy < 0 ? NULL : fdopendir(copy);
    if (!entries && copy >= 0)
        close(copy);
    for (struct dirent *entry;
         entries && (entry = readdir(entries));) { /* NOLINT(concurrency-mt-unsafe): our own */
        char stem[STORE_STEM_BYTES];
        const char *suffix;
        if (!parse_name(entry->d_name, stem, &suffix) || strlen(suffix) > 6 || listing.n == MAX_ENTRIES)
            continue;
        if (listing.n == listing.max) {
            listing.max = listing.max ? 2 * listing.max : 64;
            listing.names = realloc(listing.names, listing.max * sizeof(listing.names[0]));
            if (!listing.names)
                abort();
        }
        snprintf(listing.names[listing.n++], sizeof(listing.names[0]), "%.*s",
                 (int)sizeof(listing.names[0]) - 1, entry->d_name);
    }
    if (entries)
        closedir(entries);
    if (listing.n)
        qsort(listing.names, listing.n, sizeof(listing.names[0]), compare_names);
    return listing;
}

bool store_find(const struct store *store, const char *id, const char *suffix,
                char ret_stem[STORE_STEM_BYTES])
{
    struct listing listing = list(store);
    bool is_found = false;
    for (uint32_t i = 0; i < listing.n && !is_found; i++) {
        char stem[STORE_STEM_BYTES];
        const char *theirs;
        if (!parse_name(listing.names[i], stem, &theirs))
            continue;
        size_t bytes = strlen(stem);
        is_found = is_suffix(theirs, suffix) && bytes > 8 && strncmp(stem + bytes - 8, id, 8) == 0;
        if (is_found)
            memcpy(ret_stem, stem, bytes + 1);
    }
    free(listing.names);
    return is_found;
}

/* ---- cases ---- */

static void print_name(char ret_name[STORE_STEM_BYTES + 8], const char *stem, const char *suffix)
{
    snprintf(ret_name, STORE_STEM_BYTES + 8, "%s.%s", stem, suffix);
}

/* The lock, a descriptor; -EWOULDBLOCK: somebody has it. */
static int lock_file(const struct store *store, const char *name)
{
    int fd = openat(store->directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    int error = -errno;
    close(fd);
    return error;
}

int store_write_case(const struct store *store, const struct crash_case *crash, const char *stem,
                     bool is_last, int *ret_lock)
{
    char name[STORE_STEM_BYTES + 8];
    if (store->directory < 0)
        return -ENOENT;
    print_name(name, stem, "case");
    int error = is_last ? case_write_synced(crash, store->directory, name)
                        : crash_case_write(crash, store->directory, name);
    if (error)
        return error;
    int lock = lock_file(store, name);
    if (*ret_lock >= 0)
        close(*ret_lock); /* of the file that this one replaced */
    *ret_lock = lock;
    return lock < 0 ? lock : 0;
}

void store_remove_case(const struct store *store, const char *stem)
{
    char name[STORE_STEM_BYTES + 8];
    static const char *const suffixes[] = {"case", "again"};
    for (size_t i = 0; store->directory >= 0 && i < 2; i++) {
        print_name(name, stem, suffixes[i]);
        unlinkat(store->directory, name, 0);
    }
}

static bool is_older(const struct store *store, const char *name, uint32_t min_age_s)
{
    struct stat status;
    return fstatat(store->directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
           time(NULL) - status.st_mtime >= (time_t)min_age_s;
}

/* -EEXIST: it was tried again already. */
static int mark_as_tried(const struct store *store, const char *stem)
{
    char name[STORE_STEM_BYTES + 8];
    print_name(name, stem, "again");
    int fd = openat(store->directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    close(fd);
    return 0;
}

bool store_adopt(const struct store *store, uint32_t min_age_s, char ret_stem[STORE_STEM_BYTES],
                 int *ret_lock, void (*on_hopeless)(void *context, const char *stem), void *context)
{
    struct listing listing = list(store);
    bool is_found = false;
    for (uint32_t i = 0; i < listing.n && !is_found; i++) {
        char stem[STORE_STEM_BYTES];
        const char *suffix;
        if (!parse_name(listing.names[i], stem, &suffix) || !is_suffix(suffix, "case") ||
            !is_older(store, listing.names[i], min_age_s))
            continue;
        int lock = lock_file(store, listing.names[i]);
        if (lock < 0)
            continue;
        int error = mark_as_tried(store, stem);
        is_found = error == 0;
        if (is_found) {
            memcpy(ret_stem, stem, sizeof(stem));
            *ret_lock = lock;
            continue;
        }
        if (error == -EEXIST) { /* else (no descriptor, full disk) the next exporter may be luckier */
            store_remove_case(store, stem);
            on_hopeless(context, stem);
        }
        close(lock);
    }
    free(listing.names);
    return is_found;
}

/* ---- how much is kept ---- */

static bool is_held(const struct store *store, const char *name)
{
    int lock = lock_file(store, name);
    if (lock >= 0)
        close(lock);
    return lock == -EWOULDBLOCK;
}

static uint64_t size_of(const struct store *store, const char *name)
{
    struct stat status;
    return fstatat(store->directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 ? (uint64_t)status.st_size : 0;
}

static bool is_same_stem(const char *a, const char *b)
{
    size_t bytes = (size_t)(strrchr(a, '.') - a);
    return strncmp(a, b, bytes + 1) == 0;
}

uint32_t store_prune(const struct store *store, uint32_t max_count, uint64_t max_bytes)
{
    struct listing listing = list(store);
    uint32_t n_stems = 0, n_gone = 0;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < listing.n; i++) {
        bytes += size_of(store, listing.names[i]);
        n_stems += i == 0 || !is_same_stem(listing.names[i - 1], listing.names[i]);
    }
    for (uint32_t from = 0, to; from < listing.n && (n_stems > max_count || bytes > max_bytes); from = to) {
        bool is_kept = false;
        for (to = from; to < listing.n && is_same_stem(listing.names[from], listing.names[to]); to++)
            is_kept |= is_held(store, listing.names[to]);
        for (uint32_t i = from; i < to && !is_kept; i++) {
            bytes -= size_of(store, listing.names[i]);
            unlinkat(store->directory, listing.names[i], 0);
        }
        n_stems -= !is_kept;
        n_gone += !is_kept;
    }
    free(listing.names);
    return n_gone;
}
