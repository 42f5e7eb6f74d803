/*
 * store: the directory of crash reports: names, what is in it, and how much of it is kept.
 *
 *   <time>-<comm>-<pid>-<id8>.case   raw, and unfinished: its exporter holds a lock (flock) on it; gone once the report is sent
 *                            .again  its first exporter died of or with it; it is tried once more, not a third time
 *                            .json .txt   the report
 *
 * Context: loop. Errors: 0 or a negative errno.
 */
#ifndef OTELSHIM_CRASH_STORE_H
#define OTELSHIM_CRASH_STORE_H

#include "telemetry/crash_case.h"
#include <limits.h>

#define STORE_STEM_BYTES 96u
#define STORE_SERVICE_PATH "/var/lib/otelshim/crashes"
#define STORE_IN_BOX "crashes" /* below a drop box, where that cannot be written */

/* $XDG_STATE_HOME/otelshim/crashes, else below ~/.local/state; /var/lib/otelshim/crashes for root without either. -ENOENT. */
int crash_store_path(char ret_path[PATH_MAX]);

struct store {
    int directory; /* -1: none can be made */
    char path[PATH_MAX];
};

/* `may_make`: makes it, 0700. The path is remembered in any case. */
int store_open(struct store *ret_store, const char *path, bool may_make);
void store_close(struct store *store);

/* The name of a case, without its suffix. */
void store_print_stem(const struct crash_case *crash, const char *comm, char ret_stem[STORE_STEM_BYTES]);
/* Is there a file of this crash (its id8) with that suffix? Then its stem. */
bool store_find(const struct store *store, const char *id, const char *suffix,
                char ret_stem[STORE_STEM_BYTES]);

/* Writes STEM.case and locks it; *ret_lock is the lock: whoever has it finishes the case. `is_last`: synced to the medium. */
int store_write_case(const struct store *store, const struct crash_case *crash, const char *stem,
                     bool is_last, int *ret_lock);
/* Nobody needs the raw one any more. */
void store_remove_case(const struct store *store, const char *stem);

/*
 * A case without an owner: locked, open, and marked as tried again. False: there is none (left). `min_age_s`: younger ones are
 * being made. What was tried again already is removed, and `on_hopeless` called with its stem.
 */
bool store_adopt(const struct store *store, uint32_t min_age_s, char ret_stem[STORE_STEM_BYTES],
                 int *ret_lock, void (*on_hopeless)(void *context, const char *stem), void *context);

/* The oldest go until at most so much is left; never what somebody holds a lock on. Returns how many reports went. */
uint32_t store_prune(const struct store *store, uint32_t max_count, uint64_t max_bytes);

#endif
