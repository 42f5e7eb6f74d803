/*
 * hiredis_pipeline: the commands of a redisContext that were sent and whose replies are still to come.
 *
 * Replies come in the order of the commands, so each reply ends the oldest one. Commands that could not be recorded
 * (no operation was free) keep their place in the queue as a number, so that a reply never ends another's span.
 *
 * Context: hot. Threads: a redisContext is used by one thread at a time, which is hiredis' own rule.
 */
#ifndef OTELSHIM_HIREDIS_PIPELINE_H
#define OTELSHIM_HIREDIS_PIPELINE_H

#include "instrument/hiredis_context.h"

static inline bool hiredis_has_outstanding(struct connection *connection)
{
    return hiredis_state_of(connection)->queue.n_runs != 0;
}

__attribute__((cold)) struct operation *hiredis_append_begin_slowly(struct connection *connection);
/* A command is about to be appended. NULL: not recorded; say so all the same to hiredis_append_end(). */
static inline struct operation *hiredis_append_begin(struct connection *connection)
{
    struct hiredis_queue *queue = &hiredis_state_of(connection)->queue;
    if (__builtin_expect(queue->is_full || queue->n_runs + 1 >= HIREDIS_MAX_RUNS, 0))
        return hiredis_append_begin_slowly(connection);
    struct operation *operation = operation_open(INSTRUMENT_hiredis, WIRE_PIPELINE, connection, NULL);
    if (__builtin_expect(!operation, 0))
        queue->is_full = true;
    return operation;
}
/* Where its words go. */
struct facts hiredis_append_facts(struct operation *operation);
/* Not queued: hiredis refused the command, and it failed. */
void hiredis_append_end(struct connection *connection, const redisContext *c, struct operation *operation,
                        bool is_queued, struct hiredis_effect effect);

/* The same of one that is queued and without effect. Nearly always the queue is one run of recorded ones. */
static inline void hiredis_append_end_plain(struct connection *connection, const redisContext *c,
                                            struct operation *operation)
{
    struct hiredis_queue *queue = &hiredis_state_of(connection)->queue;
    if (__builtin_expect(operation && queue->n_runs == 1 && queue->first_is_recorded, 1))
        queue->runs[0]++;
    else
        hiredis_append_end(connection, c, operation, true, (struct hiredis_effect){.verb = HIREDIS_PLAIN});
}

/* After a call that appended protocol text. One text may hold several commands, each of which will have its reply. */
void hiredis_append_protocol(struct connection *connection, const redisContext *c, const char *text,
                             size_t bytes, bool is_queued);

/* After a call that hands out replies; `reply` as the program gave it. With nothing outstanding (SUBSCRIBE, MONITOR)
 * a reply is no span's. Returns `result`. */
int hiredis_follow_reply(const redisContext *c, int result, void *const *reply);

/* A reply was handed to the program. NULL: it did not ask for it. */
void hiredis_end_oldest(struct connection *connection, const redisContext *c, const void *reply);
/* The context failed: no reply will come any more. */
void hiredis_fail_all(struct connection *connection, const redisContext *c);
/* Freed or connected anew by the program: commands without a reply end as abandoned. */
void hiredis_abandon_all(struct connection *connection);

#endif
