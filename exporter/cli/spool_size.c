/* spool_size: see spool_size.h. */
#include "cli/spool_size.h"
#include "base/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void add_spool(struct spool_size *spool, const char *directory)
{
    DIR *entries = opendir(directory);
    struct dirent *entry;
    struct stat status;
    bool has_checkpoint = false;
    while (entries && (entry = readdir(entries))) {
        has_checkpoint |= strncmp(entry->d_name, "checkpoint.", 11) == 0; /* it has two files */
        bool is_batch = strlen(entry->d_name) > 17 && entry->d_name[16] == '.' &&
                        strspn(entry->d_name, "0123456789abcdef") == 16;
        if (!is_batch || fstatat(dirfd(entries), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        spool->n_batches++;
        spool->n_bytes += (uint64_t)status.st_size;
    }
    spool->n_checkpoints += has_checkpoint;
    if (entries)
        closedir(entries);
}

int state_path(char ret_path[PATH_MAX])
{
    int error = log_default_path(ret_path, PATH_MAX - 16);
    if (!error)
        *strrchr(ret_path, '/') = 0; /* the log lies in it */
    return error;
}

int spool_path(char ret_path[PATH_MAX])
{
    int error = state_path(ret_path);
    size_t bytes = error ? 0 : strlen(ret_path);
    if (!error)
        snprintf(ret_path + bytes, PATH_MAX - bytes, "/spool");
    return error;
}

void spool_look(struct spool_size *ret_size)
{
    struct spool_size *spool = ret_size;
    *spool = (struct spool_size){.n_batches = 0};
    if (spool_path(spool->path) != 0)
        return;
    DIR *entries = opendir(spool->path);
    struct dirent *entry;
    while (entries && (entry = readdir(entries))) {
        char below[PATH_MAX];
        if (entry->d_name[0] != '.' &&
            snprintf(below, sizeof(below), "%s/%s", spool->path, entry->d_name) < (int)sizeof(below))
            add_spool(spool, below);
    }
    if (entries)
        closedir(entries);
}
