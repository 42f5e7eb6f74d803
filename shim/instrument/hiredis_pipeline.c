/* hiredis_pipeline: see hiredis_pipeline.h. */
#include "instrument/hiredis_pipeline.h"

#include "instrument/hiredis_format.h"
#include <string.h>

/* Writes the facts that all spans of the context share. */
static void describe(struct connection *connection)
{
    const struct hiredis_state *state = hiredis_state_of(connection);
    struct facts facts = connection_facts(connection);
    if (state->endpoint[0])
        facts_text(&facts, WIRE_SERVER_ADDRESS, state->endpoint);
    if (state->port)
        facts_int(&facts, WIRE_SERVER_PORT, state->port);
    if (state->database != HIREDIS_UNKNOWN_DATABASE)
        facts_int(&facts, WIRE_DB_DATABASE_INDEX, state->database);
}

void hiredis_use_database(struct connection *connection, int64_t database)
{
    struct hiredis_state *state = hiredis_state_of(connection);
    if (state->database == database)
        return;
    state->database = database;
    describe(connection);
}

static struct connection *own_connection_of(const redisContext *c)
{
    struct connection *connection = connection_find(c);
    return connection && connection->instrumentation == INSTRUMENT_hiredis ? connection : NULL;
}

void hiredis_forget(const redisContext *c)
{
    struct connection *connection = own_connection_of(c);
    if (connection)
        hiredis_abandon_all(connection);
    connection_close(c);
}

struct connection *hiredis_remember(const redisContext *c, const struct real_entry *entry,
                                    const char *endpoint, int port, int64_t database)
{
    hiredis_forget(c);
    struct connection *connection = connection_open(c, INSTRUMENT_hiredis);
    if (!connection)
        return NULL;
    struct hiredis_state *state = hiredis_state_of(connection);
    connection->library = entry->library;
    state->library = hiredis_library_of(entry);
    state->database = database;
    if (!endpoint)
        endpoint = hiredis_endpoint(&state->library, c, &port);
    if (endpoint) {
        state->port = port;
        memcpy(state->endpoint, endpoint, strnlen(endpoint, HIREDIS_ENDPOINT_BYTES - 1));
    }
    describe(connection);
    return connection;
}

struct connection *hiredis_connection_of(const redisContext *c, const struct real_entry *entry)
{
    struct connection *connection = own_connection_of(c);
    return connection || !c ? connection : hiredis_remember(c, entry, NULL, 0, HIREDIS_UNKNOWN_DATABASE);
}

void hiredis_copy_error(struct facts *facts, const struct hiredis_library *library, const redisContext *c)
{
    int error = hiredis_error(library, c);
    if (!error)
        return;
    facts_int(facts, WIRE_ERROR_CODE, error);
    const char *text = hiredis_error_text(library, c);
    if (text && *text)
        facts_text(facts, WIRE_ERROR_MESSAGE, text);
    if (error == REDIS_ERR_IO && errno)
        facts_int(facts, WIRE_ERROR_ERRNO, errno);
}

/* The outcome that a reply of this type means. */
static enum wire_outcome copy_typed_reply(struct facts *facts, const struct hiredis_library *library,
                                          int type, const void *reply)
{
    if (type != REDIS_REPLY_ERROR)
        return WIRE_OK;
    facts_text(facts, WIRE_DB_ERROR_REPLY, hiredis_reply_text(library, reply));
    return WIRE_FAILED;
}

enum wire_outcome hiredis_copy_reply(struct facts *facts, const struct hiredis_library *library,
                                     const redisContext *c, const void *reply)
{
    return copy_typed_reply(facts, library, hiredis_reply_type(library, c, reply), reply);
}

bool hiredis_is_ok(const struct hiredis_library *library, const redisContext *c, const void *reply)
{
    if (hiredis_reply_type(library, c, reply) != REDIS_REPLY_STATUS)
        return false;
    const char *text = hiredis_reply_text(library, reply);
    return text && text[0] == 'O' && text[1] == 'K' && !text[2];
}

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

/* False: the queue is empty. */
static bool dequeue(struct hiredis_queue *queue, bool *ret_is_recorded)
{
    if (!queue->n_runs)
        return false;
    *ret_is_recorded = queue->first_is_recorded;
    if (!--queue->runs[0]) {
        queue->n_runs--;
        queue->first_is_recorded = !queue->first_is_recorded;
        memmove(queue->runs, queue->runs + 1, queue->n_runs * sizeof(queue->runs[0]));
    }
    if (*ret_is_recorded || !queue->n_runs)
        queue->is_full = false;
    return true;
}

bool hiredis_has_outstanding(struct connection *connection)
{
    return hiredis_state_of(connection)->queue.n_runs != 0;
}

struct operation *hiredis_append_begin(struct connection *connection, struct facts *ret_facts)
{
    struct hiredis_queue *queue = &hiredis_state_of(connection)->queue;
    if (!may_record(queue)) {
        dropbox_count(DROP_NO_OPERATION);
        return NULL;
    }
    struct operation *operation = operation_open(INSTRUMENT_hiredis, WIRE_PIPELINE, connection, ret_facts);
    queue->is_full = !operation;
    return operation;
}

void hiredis_append_end(struct connection *connection, const redisContext *c, struct operation *operation,
                        bool is_queued, int64_t database)
{
    struct hiredis_state *state = hiredis_state_of(connection);
    if (!is_queued) {
        if (operation) {
            struct facts facts = operation_facts(operation);
            hiredis_copy_error(&facts, &state->library, c);
        }
        operation_close(connection, operation, WIRE_FAILED);
        return;
    }
    enqueue(&state->queue, operation != NULL);
    if (database == HIREDIS_NO_SELECT)
        return;
    if (operation && state->n_selects < HIREDIS_MAX_SELECTS)
        state->selects[state->n_selects++] = (struct hiredis_select){operation, state->database};
    hiredis_use_database(connection, database);
}

/* The server refused the SELECT: the database is what it was. */
static void follow_select(struct connection *connection, const struct operation *operation,
                          enum wire_outcome outcome)
{
    struct hiredis_state *state = hiredis_state_of(connection);
    if (!state->n_selects || state->selects[0].operation != operation)
        return;
    int64_t before = state->selects[0].database_before;
    state->n_selects--;
    memmove(state->selects, state->selects + 1, state->n_selects * sizeof(state->selects[0]));
    if (outcome == WIRE_FAILED && !state->n_selects)
        hiredis_use_database(connection, before);
}

void hiredis_end_oldest(struct connection *connection, const redisContext *c, const void *reply)
{
    struct hiredis_state *state = hiredis_state_of(connection);
    bool is_recorded;
    int type = hiredis_reply_type(&state->library, c, reply);
    if (type == HIREDIS_REPLY_PUSH)
        return; /* nobody's reply */
    if (!dequeue(&state->queue, &is_recorded) || !is_recorded)
        return;
    struct operation *operation = operation_oldest(connection);
    if (!operation)
        return; /* of the parent process, before the fork */
    struct facts facts = operation_facts(operation);
    enum wire_outcome outcome = copy_typed_reply(&facts, &state->library, type, reply);
    operation_close(connection, operation, outcome);
    follow_select(connection, operation, outcome);
}

static void forget_queue(struct hiredis_state *state)
{
    memset(&state->queue, 0, sizeof(state->queue));
    state->n_selects = 0;
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
        struct facts facts;
        struct operation *operation = hiredis_append_begin(connection, &facts);
        if (operation)
            hiredis_copy_protocol(&facts, text, length);
        hiredis_append_end(connection, c, operation, is_queued, hiredis_select_of_protocol(text, length));
        text += length;
        bytes -= length;
    } while (length && bytes);
}

void hiredis_follow_reply(const redisContext *c, int result, void *const *reply)
{
    struct connection *connection = lifecycle_is_active() ? own_connection_of(c) : NULL;
    if (!connection || !hiredis_has_outstanding(connection))
        return;
    if (result != REDIS_OK)
        hiredis_fail_all(connection, c);
    else if (reply ? *reply != NULL : hiredis_is_blocking(&hiredis_state_of(connection)->library, c))
        hiredis_end_oldest(connection, c, reply ? *reply : NULL);
}
