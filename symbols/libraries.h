/*
 * libraries: the shared libraries that a program would be given, found as ld.so finds them, without running anything.
 *
 * DT_RPATH and DT_RUNPATH with $ORIGIN, LD_LIBRARY_PATH, /etc/ld.so.cache, the usual directories. Not done: hardware
 * sub-directories of searched paths, DT_AUXILIARY, LD_PRELOAD. Context: commands; not thread-safe.
 */
#ifndef OTELSHIM_LIBRARIES_H
#define OTELSHIM_LIBRARIES_H

#include "elf_file.h"
#include <limits.h>

#define LIBRARIES_MAX 512u

struct libraries {
    struct {
        char name[128];
        char path[PATH_MAX]; /* "" not found */
    } * items;
    uint32_t n;
};

/* All that `program` needs, directly or not; `path` is its own. `search` is LD_LIBRARY_PATH, NULL: none. */
void libraries_find(struct libraries *libraries, const struct elf_file *program, const char *path,
                    const char *search);
void libraries_fini(struct libraries *libraries);

/* One name in the bytes of an ld.so.cache ("glibc-ld.so.cache1.1"). False: it is not there. */
bool libraries_look_up(const void *cache, size_t n_bytes, const char *name, char ret_path[PATH_MAX]);

#endif
