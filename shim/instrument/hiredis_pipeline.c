/* hiredis_pipeline: see hiredis_pipeline.h. */
#include "instrument/hiredis_pipeline.h"

#include "instrument/hiredis_format.h"
#include <string.h>

static bool last_is_recorded(const struct hiredis_queue *queue)
{
    return queue->first_is_recorded == (queue->n_runs % 2 == 1);
}

/* A recorded command may begin a run only while one is left for an unrecorded one. */
static bool may_record(const struct hiredis_queue *queue)
{
    if (queue->is_full)
        return false;
    return !queue->n_runs || last_is_recorded(queue) || queue->n_runs + 1 < HIREDIS_MAX_RUNS;
}

static void enqueue(struct hiredis_queue *queue, bool is_recorded)
{
    if (!queue->n_runs)
        queue->first_is_recorded = is_recorded;
    if (!queue->n_runs || last_is_recorded(queue) != is_recorded)
        queue->runs[queue->n_runs++] = 0;
    queue->runs[queue->n_runs - 1]++;
}

static __attribute__((noinline)) void end_run(struct hiredis_queue *queue)
{
    queue->n_runs--;
    queue->first_is_recorded = !queue->first_is_recorded;
    memmove(queue->runs, queue->runs + 1, queue->n_runs * sizeof(queue->runs[0]));
}

/* False: the queue is empty. */
static inline bool dequeue(struct hiredis_queue *queue, bool *ret_is_recorded)
{
    if (!queue->n_runs)
        return false;
    *ret_is_recorded = queue->first_is_recorded;
    if (!--queue->runs[0])
        end_run(queue);
    if (*ret_is_recorded || !queue->n_runs)
        queue->is_full = false;
    return true;
}

struct operation *hiredis_append_begin_slowly(struct connection *connection)
{
    struct hiredis_queue *queue = &hiredis_state_of(connection)->queue;
    if (!may_record(queue)) {
        dropbox_count(DROP_NO_OPERATION);
        return NULL;
    }
    struct operation *operation = operation_open(INSTRUMENT_hiredis, WIRE_PIPELINE, connection, NULL);
    queue->is_full = !operation;
    return operation;
}

struct facts hiredis_append_facts(struct operation *operation)
{
    struct facts facts = operation_facts(operation);
    facts.max_bytes -= HIREDIS_LATER_BYTES;
    return facts;
}

static __attribute__((noinline, cold)) void end_refused(struct connection *connection, const redisContext *c,
                                                        struct operation *operation)
{
    if (operation) {
        struct facts facts = operation_facts(operation);
        hiredis_copy_error(&facts, &hiredis_state_of(connection)->library, c);
    }
    operation_close(connection, operation, WIRE_FAILED);
}

/* A SUBSCRIBE is answered by messages, one for each of its channels, or by pushes: nothing to wait for. */
static __attribute__((noinline)) void
end_with_effect(struct connection *connection, struct operation *operation, struct hiredis_effect effect)
{
    if (effect.verb == HIREDIS_SUBSCRIBE)
        operation_close(connection, operation, WIRE_OK);
    else
        enqueue(&hiredis_state_of(connection)->queue, operation != NULL);
    hiredis_follow_sent(connection, operation, effect);
}

void hiredis_append_end(struct connection *connection, const redisContext *c, struct operation *operation,
                        bool is_queued, struct hiredis_effect effect)
{
    if (__builtin_expect(!is_queued, 0))
        end_refused(connection, c, operation);
    else if (__builtin_expect(effect.verb != HIREDIS_PLAIN, 0))
        end_with_effect(connection, operation, effect);
    else
        enqueue(&hiredis_state_of(connection)->queue, operation != NULL);
}

static __attribute__((noinline)) bool is_message(struct hiredis_state *state, const redisContext *c,
                                                 const void *reply)
{
    bool is_last = false;
    if (!hiredis_is_message(&state->library, c, reply, &is_last))
        return false;
    state->is_subscribed = !is_last;
    return true;
}

/* What the server says unasked. */
static bool is_nobodys(struct hiredis_state *state, const redisContext *c, const void *reply, int type)
{
    return type == HIREDIS_REPLY_PUSH || (state->is_subscribed && is_message(state, c, reply));
}

/* Of an error, of a command whose effect waits for its reply, and the first of a connection. */
static __attribute__((noinline, cold)) void end_unusual(struct connection *connection, const redisContext *c,
                                                        const void *reply, int type)
{
    struct hiredis_state *state = hiredis_state_of(connection);
    struct operation *operation = operation_oldest(connection);
    if (!operation)
        return; /* of the parent process, before the fork */
    bool is_expected = state->n_expected && state->expected[0].key == operation;
    enum hiredis_verb verb = is_expected ? state->expected[0].verb : HIREDIS_PLAIN;
    struct facts facts = operation_facts(operation);
    enum wire_outcome outcome = hiredis_copy_reply(&facts, &state->library, c, reply, type, verb);
    hiredis_note_reply(connection);
    operation_close(connection, operation, outcome);
    if (is_expected)
        hiredis_follow_answered(connection, c, operation, reply);
}

static inline __attribute__((always_inline)) void end_oldest(struct connection *connection,
                                                             const redisContext *c, const void *reply)
{
    struct hiredis_state *state = hiredis_state_of(connection);
    bool is_recorded;
    int type = hiredis_reply_type(&state->library, c, reply);
    if (is_nobodys(state, c, reply, type) || !dequeue(&state->queue, &is_recorded) || !is_recorded)
        return;
    if (__builtin_expect(type == REDIS_REPLY_ERROR || state->n_expected || !state->opened_in, 0))
        end_unusual(connection, c, reply, type);
    else
        operation_close_oldest(connection);
}

void hiredis_end_oldest(struct connection *connection, const redisContext *c, const void *reply)
{
    end_oldest(connection, c, reply);
}

static void forget_queue(struct hiredis_state *state)
{
    memset(&state->queue, 0, sizeof(state->queue));
    state->n_expected = 0;
}

void hiredis_fail_all(struct connection *connection, const redisContext *c)
{
    struct hiredis_state *state = hiredis_state_of(connection);
    struct operation *operation, *last = NULL;
    /* The same one again: it could not be closed (the file is gone). */
    while ((operation = operation_oldest(connection)) && operation != last) {
        last = operation;
        struct facts facts = operation_facts(operation);
        hiredis_copy_error(&facts, &state->library, c);
        operation_close(connection, operation, WIRE_FAILED);
    }
    forget_queue(state);
}

void hiredis_abandon_all(struct connection *connection)
{
    operation_close_all(connection, WIRE_ABANDONED);
    forget_queue(hiredis_state_of(connection));
}

void hiredis_append_protocol(struct connection *connection, const redisContext *c, const char *text,
                             size_t bytes, bool is_queued)
{
    size_t length;
    do {
        length = is_queued ? hiredis_protocol_length(text, bytes) : 0;
        struct operation *operation = hiredis_append_begin(connection);
        if (operation) {
            struct facts facts = hiredis_append_facts(operation);
            hiredis_copy_protocol(&facts, text, length);
        }
        hiredis_append_end(connection, c, operation, is_queued, hiredis_effect_of_protocol(text, length));
        text += length;
        bytes -= length;
    } while (length && bytes);
}

HOT int hiredis_follow_reply(const redisContext *c, int result, void *const *reply)
{
    struct connection *connection = lifecycle_is_active() ? hiredis_find_connection(c) : NULL;
    if (!connection || (!hiredis_has_outstanding(connection) && !hiredis_state_of(connection)->is_subscribed))
        return result;
    if (result != REDIS_OK)
        hiredis_fail_all(connection, c);
    else if (reply ? *reply != NULL : hiredis_is_blocking(&hiredis_state_of(connection)->library, c))
        end_oldest(connection, c, reply ? *reply : NULL);
    return result;
}
