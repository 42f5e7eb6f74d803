/*
 * alerts: tells people. De-duplicates, composes, keeps on disk what cannot be sent yet, and sends in order.
 *
 *     raise → dedup → compose → queue (disk: one file an alert and target) → destination (telegram, webhook)
 *
 * Context: loop; nothing here waits. Ownership: what is raised is copied; settings are only read while the call lasts.
 */
#ifndef OTELSHIM_ALERTS_H
#define OTELSHIM_ALERTS_H

#include "base/loop.h"
#include "settings/settings.h"
#include "telemetry/alert.h"
#include <stdio.h>

struct alerts;

struct alerts_counts {
    uint64_t raised, sent, suppressed, muted, ignored, dropped; /* dropped: info only, for want of room */
    uint64_t
        folded; /* told only by number, in one message: too many different ones, or no room on the disk */
    uint64_t edited;  /* messages that were brought up to date in place */
    uint64_t waiting; /* on disk, not sent yet */
    uint64_t refused; /* by dead chats or a revoked token: told once */
    char last_error[200];
};

/* `directory` is the state directory; "alerts" is made in it. 0 or -errno: then they are kept in memory only. */
int alerts_create(struct alerts **ret_alerts, struct loop *loop, const char *directory);
/* What waits stays on disk. NULL is fine. */
void alerts_destroy(struct alerts *alerts);

/*
 * Tells `alert` to whom `settings` (of the program it is about) name. With no destination configured it is only kept for
 * `otelshim alerts`. The first of a kind goes out at once.
 */
void alerts_raise(struct alerts *alerts, const struct settings *settings, const struct alert *alert);
/*
 * What was raised and only counted is on disk when this returns: before the records that it came from are acknowledged. Costs nothing
 * where nothing was. NULL is fine.
 */
void alerts_save(struct alerts *alerts);
/*
 * A program with these settings is there: what an earlier exporter, or another token, left for its chats can go out. Cheap when they
 * are known.
 */
void alerts_learn(struct alerts *alerts, const struct settings *settings);
/* What alert->problem named works again: the living message says so, and where it is asked for a silent reply. */
void alerts_resolve(struct alerts *alerts, const struct settings *settings, const char *service,
                    const char *problem);

/* Sends what is due without waiting (leaving). */
void alerts_flush(struct alerts *alerts);
/* Nothing is on its way or due; what a dead destination keeps on disk does not count. */
bool alerts_is_idle(const struct alerts *alerts);
void alerts_get_counts(const struct alerts *alerts, struct alerts_counts *ret_counts);

/* The control socket's `alerts …` requests and the command `otelshim alerts`. */
void alerts_print(struct alerts *alerts, FILE *out, bool as_json);       /* sent and waiting, newest last */
void alerts_print_dedup(struct alerts *alerts, FILE *out, bool as_json); /* keys, seconds left, suppressed */
void alerts_mute(
    struct alerts *alerts,
    uint64_t until_unix_ns); /* 0: no more; crashes and ambiguous orders are not muted, only silent */

#endif
