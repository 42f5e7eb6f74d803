/*
 * spool_size: what lies in the spool, as anybody can count it: files named <sequence>.<spans>, and checkpoints of metrics.
 *
 * Context: commands, and the exporter at its start.
 */
#ifndef OTELSHIM_SPOOL_SIZE_H
#define OTELSHIM_SPOOL_SIZE_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

struct spool_size {
    char path[PATH_MAX]; /* "" there is no state directory */
    uint64_t n_batches, n_bytes;
    uint64_t n_checkpoints; /* of exporters that live, or were killed: the next one's batches */
};

/* `$XDG_STATE_HOME/otelshim`: log, spool, crashes, alerts. -ENOENT: there is no such place. */
int state_path(char ret_path[PATH_MAX]);
/* `spool` in it. */
int spool_path(char ret_path[PATH_MAX]);
void spool_look(struct spool_size *ret_size);

#endif
