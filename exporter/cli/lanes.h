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
 * Context: loop. Ownership: one per process.
 */
#ifndef OTELSHIM_LANES_H
#define OTELSHIM_LANES_H

#include "telemetry/batch.h"

struct lanes;

struct lanes *lanes_create(void);
void lanes_destroy(struct lanes *lanes); /* NULL is fine */
/* In the order of the records: `receipt` with its place in place of the word. */
struct receipt lanes_enter(struct lanes *lanes, const struct receipt *receipt);
/* In the order in which they are handed on: `placed` as the ticket that stands for it. */
struct receipt lanes_issue(struct lanes *lanes, const struct receipt *placed);
/* A ticket, and with it all earlier ones of its lane, came back. True: *ret_receipt may be acknowledged now. */
bool lanes_return(struct lanes *lanes, const struct receipt *ticket, struct receipt *ret_receipt);

#endif
