/* libpq_result: see libpq_result.h. */
#include "instrument/libpq_result.h"

#include "hot.h"

#include <stdatomic.h>

/* Two copies of libpq in one process are real (a wheel's and the system's); more are looked up again each time. */
#define MAX_LIBRARIES 4u

enum { SLOT_FREE, SLOT_FILLING, SLOT_READY };

struct slot {
    atomic_uint state; /* SLOT_…; the rest is written by who moved it to FILLING, read-only once READY */
    const struct real_library *library;
    struct libpq_calls calls;
};

HOT_DATA static struct slot slots[MAX_LIBRARIES];

static void load_calls(struct libpq_calls *ret_calls, const struct real_entry *entry)
{
#define LIBPQ_ACCESSOR(name) ret_calls->name = (__typeof__(&name))real_sibling(entry, #name);
    LIBPQ_ACCESSORS(LIBPQ_ACCESSOR)
#undef LIBPQ_ACCESSOR
}

const struct libpq_calls *libpq_calls_of(const struct real_entry *entry)
{
    static const struct libpq_calls none;
    for (uint32_t i = 0; i < MAX_LIBRARIES; i++) {
        struct slot *slot = &slots[i];
        unsigned state = atomic_load_explicit(&slot->state, memory_order_acquire);
        if (state == SLOT_READY && slot->library == entry->library)
            return &slot->calls;
        unsigned is_free = SLOT_FREE;
        if (state == SLOT_FREE && atomic_compare_exchange_strong(&slot->state, &is_free, SLOT_FILLING)) {
            slot->library = entry->library;
            load_calls(&slot->calls, entry);
            atomic_store_explicit(&slot->state, SLOT_READY, memory_order_release);
            return &slot->calls;
        }
    }
    return &none;
}

static bool has_text(const char *text)
{
    return text && *text;
}

/* Where the connection goes, which is known once it is there: of a name's addresses the one that answered. */
static void copy_peer(struct facts *facts, const struct libpq_calls *pq, const PGconn *conn, const char *port)
{
    const char *address = pq->PQhostaddr && libpq_is_connected(pq, conn) ? pq->PQhostaddr(conn) : NULL;
    if (!has_text(address))
        return;
    facts_text(facts, WIRE_NETWORK_PEER_ADDRESS, address);
    if (has_text(port))
        facts_text(facts, WIRE_NETWORK_PEER_PORT, port);
}

static const char *search_path_of(const struct libpq_calls *pq, const PGconn *conn)
{
    return pq->PQparameterStatus ? pq->PQparameterStatus(conn, "search_path") : NULL;
}

void libpq_copy_server(struct facts *facts, const struct libpq_calls *pq, const PGconn *conn)
{
    const char *host = pq->PQhost ? pq->PQhost(conn) : NULL;
    if (!has_text(host) && pq->PQhostaddr)
        host = pq->PQhostaddr(conn);
    if (has_text(host))
        facts_text(facts, WIRE_SERVER_ADDRESS, host);
    const char *port = pq->PQport ? pq->PQport(conn) : NULL;
    if (has_text(port))
        facts_text(facts, WIRE_SERVER_PORT, port);
    if (pq->PQdb)
        facts_text(facts, WIRE_DB_NAMESPACE, pq->PQdb(conn));
    facts_text(facts, WIRE_DB_SEARCH_PATH, search_path_of(pq, conn));
    if (pq->PQuser)
        facts_text(facts, WIRE_DB_USER, pq->PQuser(conn));
    copy_peer(facts, pq, conn, port);
}

void libpq_describe_connection(const struct libpq_calls *pq, const PGconn *conn,
                               struct connection *connection)
{
    struct facts facts = connection_facts(connection);
    libpq_copy_server(&facts, pq, conn);
}

/* FNV-1a. */
uint64_t libpq_hash_path(const struct libpq_calls *pq, const PGconn *conn)
{
    const char *path = search_path_of(pq, conn);
    uint64_t hash = path ? 0xcbf29ce484222325ull : 0;
    for (; path && *path; path++)
        hash = (hash ^ (uint8_t)*path) * 0x100000001b3ull;
    return hash;
}

HOT bool libpq_is_pipelined(const struct libpq_calls *pq, const PGconn *conn)
{
    return pq->PQpipelineStatus && pq->PQpipelineStatus(conn) != PQ_PIPELINE_OFF;
}

bool libpq_is_connected(const struct libpq_calls *pq, const PGconn *conn)
{
    return !pq->PQstatus || pq->PQstatus(conn) == CONNECTION_OK;
}

static void copy_connection_error(struct facts *facts, const struct libpq_calls *pq, const PGconn *conn)
{
    const char *message = pq->PQerrorMessage ? pq->PQerrorMessage(conn) : NULL;
    if (has_text(message))
        facts_text(facts, WIRE_ERROR_MESSAGE, message);
}

enum wire_outcome libpq_copy_connect(struct facts *facts, const struct libpq_calls *pq, const PGconn *conn)
{
    if (conn && libpq_is_connected(pq, conn))
        return WIRE_OK;
    facts_int(facts, WIRE_ERROR_CODE, CONNECTION_BAD);
    if (conn)
        copy_connection_error(facts, pq, conn);
    return WIRE_FAILED;
}

/* WIRE_ERROR_CODE is the result's status, or CONNECTION_BAD (1, no failed result's status) without a connection. */
void libpq_copy_failure(struct facts *facts, const struct libpq_calls *pq, const PGconn *conn,
                        const PGresult *result)
{
    int64_t status = libpq_status_of(pq, result);
    const char *message = NULL;
    if (result && pq->PQresultErrorField) {
        facts_text(facts, WIRE_DB_RESPONSE_STATUS_CODE, pq->PQresultErrorField(result, PG_DIAG_SQLSTATE));
        message = pq->PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    }
    facts_int(facts, WIRE_ERROR_CODE, libpq_is_connected(pq, conn) ? status : CONNECTION_BAD);
    if (has_text(message))
        facts_text(facts, WIRE_ERROR_MESSAGE, message);
    else
        copy_connection_error(facts, pq, conn);
}

void libpq_copy_silent_failure(struct facts *facts, const struct libpq_calls *pq, const PGconn *conn)
{
    bool is_connected = libpq_is_connected(pq, conn);
    facts_int(facts, WIRE_ERROR_CODE, is_connected ? PGRES_FATAL_ERROR : CONNECTION_BAD);
    if (!is_connected)
        copy_connection_error(facts, pq, conn);
}

void libpq_end_without_rows(struct span *span, const struct libpq_calls *pq, const PGconn *conn,
                            PGresult *result, ExecStatusType status)
{
    struct facts *facts = &span->facts;
    if (status == PGRES_COMMAND_OK && pq->PQcmdTuples) {
        const char *rows = pq->PQcmdTuples(result);
        if (has_text(rows))
            facts_text(facts, WIRE_DB_AFFECTED_ROWS, rows);
    } else if (libpq_is_failure(status)) {
        libpq_copy_failure(facts, pq, conn, result);
        span_end(span, WIRE_FAILED);
        return;
    }
    span_end(span, WIRE_OK);
}
