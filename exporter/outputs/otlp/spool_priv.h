/* spool_priv: what spool.c, spool_checkpoint.c and spool_directory.c share. */
#ifndef OTELSHIM_SPOOL_PRIV_H
#define OTELSHIM_SPOOL_PRIV_H

#include "outputs/otlp/spool.h"

#define SPOOL_MAX_FILE_BYTES (65u << 20)

/* Begins a file; the body follows. */
struct spool_header {
    char magic[8];
    uint32_t n_spans, flags;
    uint64_t body_bytes;
};
bool spool_is_header(const struct spool_header *header);

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

/* One batch that is written anew all the time. */
struct spool_checkpoint {
    int fds[2];      /* -1: not open */
    uint64_t serial; /* of the last one that was written or found; 0 none */
};

/* By its name. */
bool spool_is_checkpoint(const char *name);
/* Is there one that this exporter wrote? */
bool spool_checkpoint_is_there(const struct spool_checkpoint *checkpoint);
/* Name of the file that an exporter before us left, which begins with a batch; NULL: none. Any other is removed. */
const char *spool_checkpoint_find(struct spool_checkpoint *checkpoint, int directory_fd,
                                  uint32_t *ret_n_items, uint64_t *ret_bytes);
int spool_checkpoint_write(struct spool_checkpoint *checkpoint, int directory_fd,
                           const struct spool_header *header, const void *body);
void spool_checkpoint_remove(struct spool_checkpoint *checkpoint, int directory_fd);
/* The files stay. */
void spool_checkpoint_fini(struct spool_checkpoint *checkpoint);

#endif
