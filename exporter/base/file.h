/*
 * file: whole files and directories.
 *
 * Context: loop (short, on local disks). Errors: negative errno.
 */
#ifndef OTELSHIM_FILE_H
#define OTELSHIM_FILE_H

#include "base/arena.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct file_part {
    const void *bytes;
    size_t n_bytes;
};

/* Makes `path` and what is missing above it, 0700. Fine when it is there already, as a directory. */
int file_make_directories(const char *path);
/*
 * Writes the parts one after the other into `name` below the directory, 0600, under another name first: a reader or a
 * restart sees all of it or nothing. Not synced to the medium.
 */
int file_write_atomic(int directory_fd, const char *name, const struct file_part *parts, uint32_t n_parts);
/* Likewise, to a descriptor, from where it stands. */
int file_write_parts(int fd, const struct file_part *parts, uint32_t n_parts);
/* The whole file, NUL-terminated as well; the caller frees it. -EFBIG above `max_bytes`. */
int file_read(int directory_fd, const char *name, size_t max_bytes, uint8_t **ret_bytes, size_t *ret_n_bytes);
/*
 * A regular file's text with a NUL behind it, in the arena; NULL with *ret_error = -errno. Unless `owner_uid` is the exporter's own
 * user, the file must belong to him (-EPERM): a service must not read root's files because a traced process names them.
 * *ret_is_open (NULL: not asked): everybody may read it.
 */
char *file_read_text(struct arena *arena, const char *path, uint32_t owner_uid, size_t max_bytes,
                     bool *ret_is_open, int *ret_error);

#endif
