/* temporary: a directory of a test's own, removed with all that is in it. */
#ifndef OTELSHIM_TEMPORARY_H
#define OTELSHIM_TEMPORARY_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int temporary_remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void temporary_make(char *ret_path, size_t max_bytes)
{
    snprintf(ret_path, max_bytes, "/tmp/otelshim-test-XXXXXX");
    if (!mkdtemp(ret_path))
        abort();
}

static void temporary_remove(const char *path)
{
    nftw(path, temporary_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
