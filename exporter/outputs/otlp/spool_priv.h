/* spool_priv: what spool.c and spool_directory.c share. */
#ifndef OTELSHIM_SPOOL_PRIV_H
#define OTELSHIM_SPOOL_PRIV_H

#include "outputs/otlp/spool.h"

/* A directory that is ours alone until its lock is closed. */
struct spool_directory {
    int fd, lock_fd;
};

/* Finds or makes this destination's directory and locks it. 0, or negative errno with one line in `ret_problem`. */
int spool_directory_open(const char *path, const struct delivery *delivery,
                         struct spool_directory *ret_directory, struct problem *ret_problem);
void spool_directory_close(struct spool_directory *directory);
/* Sequence and spans out of a file's name. False: not a batch. */
bool spool_parse_name(const char *name, uint64_t *ret_sequence, uint32_t *ret_n_spans);

#endif
