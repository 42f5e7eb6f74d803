/*
 * spool: encoded batches on disk while their destination cannot be reached.
 *
 *     <spool directory>/<hash of the URL>[-N]/     one destination; locked by the exporter that serves it
 *         lock   for   checkpoint.0   checkpoint.1   <sequence>.<spans>          16 hexadecimal digits, decimal
 *
 * One file per batch: a header and the body as it will be sent. Sequences only grow, so order survives restarts. A file
 * appears whole or not at all. The oldest go when the bound is reached. Nothing is synced to the medium.
 *
 * `for` tells two destinations apart that have one URL and different headers (tenants): a salted hash, so that one's
 * batches are never sent with the other's token, and nothing can be learned from the directory.
 *
 * Context: loop (short, on a local disk). Errors: negative errno; what is lost is counted.
 */
#ifndef OTELSHIM_SPOOL_H
#define OTELSHIM_SPOOL_H

#include "outputs/otlp/encode_trace.h"
#include "settings/settings.h"

struct spool;

struct spool_batch {
    uint64_t sequence; /* 0: none */
    uint32_t n_spans;
    bool is_gzip;
};

struct spool_counts {
    uint64_t n_batches, n_bytes; /* now; bytes as the bound counts them: whole blocks of 4 KiB */
    uint64_t n_lost_spans;       /* evicted, or unreadable */
    uint64_t n_corrupt;          /* files */
    bool has_checkpoint;         /* beside the batches */
};

/* NULL with one line in `ret_problem`. `delivery`: URL and headers. */
struct spool *spool_open(const char *directory, const struct delivery *delivery, uint64_t max_bytes,
                         struct problem *ret_problem);
/* NULL is fine. The files stay. */
void spool_close(struct spool *spool);

/* Removes the oldest where there is no room, but not `keep_sequence`, which is being sent. -EFBIG: larger than all. */
int spool_append(struct spool *spool, const struct body *body, struct spool_batch *batch,
                 uint64_t keep_sequence);
/*
 * What the metrics are that were not exported yet, in place of what it was before. Whoever opens the spool next, after
 * this exporter was killed, finds a batch of it. NULL: there is nothing.
 */
int spool_set_checkpoint(struct spool *spool, const struct body *body, uint32_t n_items);
/* The oldest. -ENOENT when there is none; a file that cannot be read or understood is removed, counted and passed over. */
int spool_load(struct spool *spool, struct body *ret_body, struct spool_batch *ret_batch);
/* Delivered, or given up. Fine when it is gone already. */
void spool_remove(struct spool *spool, uint64_t sequence);
struct spool_counts spool_get_counts(const struct spool *spool);

#endif
