/* hiredis_context: see hiredis_context.h. */
#include "instrument/hiredis_context.h"

#include "count.h"
#include "instrument/hiredis_callback.h"
#include "instrument/hiredis_pipeline.h"
#include "sys.h"
#include <string.h>

/* Lives of contexts; relaxed atomic. 0 is none. */
static uint32_t serials;

/* Writes the facts that all spans of the context share. */
static void describe(struct connection *connection)
{
    const struct hiredis_state *state = hiredis_state_of(connection);
    struct facts facts = connection_facts(connection);
    if (state->endpoint[0])
        facts_text(&facts, WIRE_SERVER_ADDRESS, state->endpoint);
    if (state->port)
        facts_int(&facts, WIRE_SERVER_PORT, state->port);
    if (state->peer_bytes)
        facts_bytes(&facts, WIRE_NETWORK_PEER_SOCKADDR, state->peer, state->peer_bytes);
    if (state->database != HIREDIS_UNKNOWN_DATABASE)
        facts_int(&facts, WIRE_DB_DATABASE_INDEX, state->database);
}

static void use_database(struct connection *connection, int64_t database)
{
    struct hiredis_state *state = hiredis_state_of(connection);
    if (state->database == database)
        return;
    state->database = database;
    describe(connection);
}

/* A connection that failed, not a command that was refused long ago. */
static bool is_lost(const struct hiredis_state *state, const redisContext *c)
{
    int error = hiredis_error(&state->library, c);
    return error && error != REDIS_ERR_OTHER && error != REDIS_ERR_OOM;
}

/* `c` NULL: what is at the address is another context by now. */
static void forget(struct connection *connection, const redisContext *c)
{
    struct hiredis_state *state = hiredis_state_of(connection);
    if (c && is_lost(state, c))
        hiredis_fail_all(connection, c);
    else
        hiredis_abandon_all(connection);
    hiredis_callback_release_all(state);
    hiredis_note_closed(connection);
    connection_close(connection->handle);
}

void hiredis_forget(const redisContext *c)
{
    struct connection *connection = hiredis_find_connection(c);
    if (connection)
        forget(connection, c);
}

struct connection *hiredis_remember(const redisContext *c, const struct real_entry *entry,
                                    const char *endpoint, int port, int64_t database)
{
    struct connection *stale = hiredis_find_connection(c);
    if (stale)
        forget(stale, NULL);
    struct connection *connection = connection_open(c, INSTRUMENT_hiredis);
    if (!connection)
        return NULL;
    struct hiredis_state *state = hiredis_state_of(connection);
    connection->library = entry->library;
    state->library = hiredis_library_of(entry);
    state->database = database;
    state->queued_database = HIREDIS_NO_DATABASE;
    state->serial = __atomic_add_fetch(&serials, 1, __ATOMIC_RELAXED);
    if (!endpoint)
        endpoint = hiredis_endpoint(&state->library, c, &port);
    if (endpoint) {
        state->port = port;
        memcpy(state->endpoint, endpoint, strnlen(endpoint, HIREDIS_ENDPOINT_BYTES - 1));
    }
    describe(connection);
    return connection;
}

HOT struct connection *hiredis_connection_of(const redisContext *c, const struct real_entry *entry)
{
    struct connection *connection = hiredis_find_connection(c);
    if (connection || !c)
        return connection;
    connection = hiredis_remember(c, entry, NULL, 0, HIREDIS_UNKNOWN_DATABASE);
    if (connection && hiredis_is_connected(&hiredis_state_of(connection)->library, c))
        hiredis_note_open(connection);
    return connection;
}

/* False: it cannot be had. */
static bool read_peer(struct hiredis_state *state, const redisContext *c)
{
    int fd = hiredis_descriptor(&state->library, c);
    int bytes = HIREDIS_PEER_BYTES;
    if (fd < 0 ||
        sys_is_error(sys_call3(__NR_getpeername, fd, (long)(uintptr_t)state->peer, (long)(uintptr_t)&bytes)))
        return false;
    state->peer_bytes = bytes < (int)HIREDIS_PEER_BYTES ? (uint32_t)bytes : HIREDIS_PEER_BYTES;
    return true;
}

void hiredis_note_open(struct connection *connection)
{
    struct hiredis_state *state = hiredis_state_of(connection);
    const struct dropbox *box = dropbox_file();
    if (state->opened_in || !box)
        return;
    if (read_peer(state, connection->handle))
        describe(connection);
    state->opened_in = box->generation;
    count_add(INSTRUMENT_hiredis, WIRE_OPEN_CONNECTIONS, 1, connection);
}

void hiredis_note_closed(struct connection *connection)
{
    struct hiredis_state *state = hiredis_state_of(connection);
    const struct dropbox *box = dropbox_file();
    if (state->opened_in && box && box->generation == state->opened_in)
        count_add(INSTRUMENT_hiredis, WIRE_OPEN_CONNECTIONS, -1, connection);
    state->opened_in = 0;
}

void hiredis_reset(struct connection *connection)
{
    struct hiredis_state *state = hiredis_state_of(connection);
    state->is_in_multi = state->is_subscribed = false;
    state->queued_database = HIREDIS_NO_DATABASE;
    use_database(connection, 0);
}

/* ---- commands that change how those behind them are to be read ---- */

static void expect(struct connection *connection, const void *key, enum hiredis_verb verb)
{
    struct hiredis_state *state = hiredis_state_of(connection);
    if (key && state->n_expected < HIREDIS_MAX_EXPECTED)
        state->expected[state->n_expected++] = (struct hiredis_expected){key, verb, state->database};
}

void hiredis_follow_sent(struct connection *connection, const void *key, struct hiredis_effect effect)
{
    struct hiredis_state *state = hiredis_state_of(connection);
    switch (effect.verb) {
    case HIREDIS_SELECT:
        if (state->is_in_multi) {
            state->queued_database = effect.database;
            break;
        }
        expect(connection, key, effect.verb);
        use_database(connection, effect.database);
        break;
    case HIREDIS_MULTI:
        state->is_in_multi = true;
        break;
    case HIREDIS_EXEC:
        expect(connection, key, effect.verb);
        if (state->queued_database != HIREDIS_NO_DATABASE)
            use_database(connection, state->queued_database);
        state->queued_database = HIREDIS_NO_DATABASE;
        state->is_in_multi = false;
        break;
    case HIREDIS_DISCARD:
        state->queued_database = HIREDIS_NO_DATABASE;
        state->is_in_multi = false;
        break;
    case HIREDIS_RESET:
        expect(connection, key, effect.verb);
        hiredis_reset(connection);
        break;
    case HIREDIS_SUBSCRIBE:
        state->is_subscribed = true;
        break;
    case HIREDIS_MONITOR:
    case HIREDIS_PLAIN:
    default:
        break;
    }
}

/* Refused: the database is what it was. A transaction in which something failed: perhaps its SELECT. */
void hiredis_follow_answered(struct connection *connection, const redisContext *c, const void *key,
                             const void *reply)
{
    struct hiredis_state *state = hiredis_state_of(connection);
    if (!state->n_expected || state->expected[0].key != key)
        return;
    struct hiredis_expected expected = state->expected[0];
    state->n_expected--;
    memmove(state->expected, state->expected + 1, state->n_expected * sizeof(state->expected[0]));
    if (state->n_expected || state->database == expected.database_before)
        return;
    int type = hiredis_reply_type(&state->library, c, reply);
    if (!reply || type == REDIS_REPLY_ERROR || type == REDIS_REPLY_NIL)
        use_database(connection, expected.database_before);
    else if (expected.verb == HIREDIS_EXEC && hiredis_error_entry(&state->library, c, reply))
        use_database(connection, HIREDIS_UNKNOWN_DATABASE);
}

/* ---- what a call came to ---- */

void hiredis_copy_error(struct facts *facts, const struct hiredis_library *library, const redisContext *c)
{
    int error = hiredis_error(library, c);
    if (!error)
        return;
    facts_int(facts, WIRE_ERROR_CODE, error);
    const char *text = hiredis_error_text(library, c);
    if (text && *text)
        facts_text(facts, WIRE_ERROR_MESSAGE, text);
    /* Elsewhere errno may be anybody's by now. */
    if (error == REDIS_ERR_IO && errno && hiredis_is_blocking(library, c))
        facts_int(facts, WIRE_ERROR_ERRNO, errno);
}

enum wire_outcome hiredis_copy_error_reply(struct facts *facts, const struct hiredis_library *library,
                                           const redisContext *c, const void *reply, int type)
{
    const void *error = type == REDIS_REPLY_ERROR ? reply : hiredis_error_entry(library, c, reply);
    if (!error)
        return WIRE_OK;
    facts_text(facts, WIRE_DB_ERROR_REPLY, hiredis_reply_text(library, error));
    return WIRE_FAILED;
}
