/*
 * hiredis_callback: the program's callback of an asynchronous command, kept while ours stands in its place.
 *
 * hiredis calls back once for every command, with a NULL reply where none will come. hiredis_callback_run() is what it
 * calls: it ends the command's span, then goes on to the program's own function and data.
 *
 * A pool in a mapping of its own, made at the first asynchronous command; no malloc; when it is empty the command goes
 * unrecorded. One that has run is not free at once: hiredis 0.14 may call the last callback of a subscribed or
 * monitoring context again. So it is held until the context's next one has run, or until the context is gone. Then it is
 * spare: the context's own for its next commands, without a locked operation, up to 64 of them.
 *
 * Context: hot. Threads: any take and release; one is used by the thread that uses its context.
 */
#ifndef OTELSHIM_HIREDIS_CALLBACK_H
#define OTELSHIM_HIREDIS_CALLBACK_H

#include "instrument/hiredis_context.h"
#include <hiredis/async.h>

struct hiredis_callback {
    redisCallbackFn *function; /* the program's */
    void *data;
    uint64_t operation;            /* its name (connection.h); 0: has run */
    struct hiredis_callback *next; /* of those that have run, are spare, or free */
    uint32_t serial;               /* the life of the context it belongs to */
    enum hiredis_verb verb;
};

/* For a command of this context. NULL: the pool is empty (counted). */
struct hiredis_callback *hiredis_callback_take_from_pool(void);
static inline struct hiredis_callback *hiredis_callback_take(struct hiredis_state *state)
{
    struct hiredis_callback *callback = state->spare;
    if (__builtin_expect(!callback, 0))
        return hiredis_callback_take_from_pool();
    state->spare = callback->next;
    state->n_spare--;
    return callback;
}
void hiredis_callback_release(struct hiredis_state *state, struct hiredis_callback *callback);

/* The context is gone: those that were held, and its spare ones, are free. */
void hiredis_callback_release_all(struct hiredis_state *state);

/* What hiredis is given in the place of the program's function; `data` is the struct hiredis_callback. */
void hiredis_callback_run(redisAsyncContext *ac, void *reply, void *data);

#endif
