/*
 * lanes: receipts of one process that come back in another order than its records stand in the file.
 *
 * A chunk is acknowledged up to a word. A span that waits (signals/spans/keep.h) must hold up the words behind it, though
 * their spans are delivered long since: else a killed exporter would lose it. So each record gets a place in the lane of its
 * chunk; what is handed on carries a ticket; when the ticket comes back the place is done, and the lane is acknowledged as far
 * as all its places are.
 *
 *   on_span → lanes_enter() ─ place ─┬──────────────▶ lanes_issue() ─ ticket ─▶ otlp ─▶ lanes_return() ─▶ dropbox_acknowledge()
 *                                    └─ keep, later ─▶
 *
 * Spans and log records of one chunk go to two destinations: two ways, each of which gives its tickets back in their order. What a
 * record adds to metrics stands at its place and is counted when the lane is acknowledged beyond it, no sooner: an
 * exporter that is killed has counted what it acknowledged, and nothing else.
 *
 * Context: loop. Ownership: one per process.
 */
#ifndef OTELSHIM_LANES_H
#define OTELSHIM_LANES_H

#include "telemetry/batch.h"

struct lanes;

enum lane_way { LANE_SPANS, LANE_LOGS };

/* Measurements that wait (signals/metrics/waiting.h): `n` from number `first` on. */
struct measured_range {
    uint64_t first;
    uint32_t n;
};

struct lanes *lanes_create(void);
void lanes_destroy(struct lanes *lanes); /* NULL is fine */
/* In the order of the records: `receipt` with its place in place of the word. */
struct receipt lanes_enter(struct lanes *lanes, const struct receipt *receipt);
/* In the order in which they are handed on their way: `placed` as the ticket that stands for it. */
struct receipt lanes_issue(struct lanes *lanes, const struct receipt *placed, enum lane_way way,
                           const struct measured_range *measured);
/*
 * A ticket, and with it all earlier ones of its lane and way, came back. True: *ret_receipt may be acknowledged now, once `each` was
 * told of everything that is counted with it.
 */
bool lanes_return(struct lanes *lanes, const struct receipt *ticket,
                  void (*each)(void *context, const struct measured_range *measured), void *context,
                  struct receipt *ret_receipt);

#endif
