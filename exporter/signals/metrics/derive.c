/*
 * derive: see derive.h.
 *
 * Which attributes a metric takes is decided by their keys. These are literals, so what a key is is remembered by its
 * address [looking each up by its text cost 250 ns a span].
 */
#include "signals/metrics/derive.h"

#include "signals/metrics/aggregate_priv.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every key that matters here, in the order in which points have them. */
enum {
    KEY_HTTP_METHOD,
    KEY_HTTP_STATUS,
    KEY_PROTOCOL_NAME,
    KEY_PROTOCOL_VERSION,
    KEY_URL_TEMPLATE,
    KEY_DB_SYSTEM,
    KEY_DB_NAMESPACE,
    KEY_DB_COLLECTION,
    KEY_DB_OPERATION,
    KEY_DB_PROCEDURE,
    KEY_DB_SUMMARY,
    KEY_DB_STATUS,
    KEY_SERVER_ADDRESS,
    KEY_SERVER_PORT,
    KEY_ERROR_TYPE,
    KEY_PEER_ADDRESS, /* from here on not of points */
    KEY_PEER_PORT,
    KEY_DB_ROWS,
    KEY_OLD_METHOD, /* of signals/spans/old_names.c */
    KEY_OLD_STATUS,
    KEY_OLD_PROTOCOL_VERSION,
    KEY_OLD_PEER_NAME,
    KEY_OLD_PEER_PORT,
    KEY_OLD_DB_SYSTEM,
    N_KEYS
};
#define FIRST_OF_DB KEY_DB_SYSTEM
#define FIRST_OF_BOTH KEY_SERVER_ADDRESS
#define END_OF_POINTS KEY_PEER_ADDRESS

static const char *const keys[N_KEYS] = {
    "http.request.method",
    "http.response.status_code",
    "network.protocol.name",
    "network.protocol.version",
    "url.template",
    "db.system.name",
    "db.namespace",
    "db.collection.name",
    "db.operation.name",
    "db.stored_procedure.name",
    "db.query.summary",
    "db.response.status_code",
    "server.address",
    "server.port",
    "error.type",
    "network.peer.address",
    "network.peer.port",
    "db.response.returned_rows",
    "http.method",
    "http.status_code",
    "net.protocol.version",
    "net.peer.name",
    "net.peer.port",
    "db.system",
};
static_assert(END_OF_POINTS - FIRST_OF_DB <= AGGREGATE_MAX_ATTRIBUTES, "a point has room for all of them");
static_assert(FIRST_OF_DB + END_OF_POINTS - FIRST_OF_BOTH <= AGGREGATE_MAX_ATTRIBUTES, "likewise");

#define N_REMEMBERED 256u
static struct {
    const char *key;
    uint32_t index;         /* of keys; N_KEYS: none */
} remembered[N_REMEMBERED]; /* loop thread only */

/*
 * A key that is made at run time (http.request.header.<name>) is none of ours, and cannot lie where a literal lies:
 * what is remembered of an address stays true. Keys of the program's own may be any, and are not looked at.
 */
static uint32_t index_of(const char *key)
{
    uint64_t slot = ((uint64_t)(uintptr_t)key * 0x9e3779b97f4a7c15ull) >> 56;
    if (remembered[slot].key != key) {
        uint32_t i = 0;
        while (i < N_KEYS && strcmp(keys[i], key) != 0)
            i++;
        remembered[slot].key = key;
        remembered[slot].index = i;
    }
    return remembered[slot].index;
}

struct found {
    const struct attribute *items[N_KEYS + 1]; /* the last one is what nobody wants */
};

static void look(const struct span *span, struct found *ret_found)
{
    memset(ret_found, 0, sizeof(*ret_found));
    for (uint32_t i = 0; i + span->attributes.n_custom < span->attributes.n; i++)
        ret_found->items[index_of(span->attributes.items[i].key)] = &span->attributes.items[i];
}

static struct attribute text_attribute(const char *key, const char *text, size_t n_bytes)
{
    return (struct attribute){
        .key = key, .type = ATTRIBUTE_STRING, .value.string = {.bytes = text, .n_bytes = (uint32_t)n_bytes}};
}

/* Attributes of a point out of [from, to) and those that all have; returns how many. */
static uint32_t choose(const struct found *found, uint32_t from, uint32_t to,
                       struct attribute chosen[AGGREGATE_MAX_ATTRIBUTES])
{
    uint32_t n = 0;
    for (uint32_t i = from; i < END_OF_POINTS; i = i + 1 == to ? FIRST_OF_BOTH : i + 1) {
        if (!found->items[i])
            continue;
        chosen[n] = *found->items[i];
        chosen[n++].key = keys[i];
    }
    return n;
}

static uint32_t scope_index_of(const struct process *process, const struct wire_instrumentation *row)
{
    return (uint32_t)(row - process->instrumentations);
}

static void make_exemplar(const struct raw_span *raw, const struct span *span,
                          const struct span_measured *measured, double value, struct exemplar *ret_exemplar)
{
    struct exemplar *exemplar = ret_exemplar;
    exemplar->value = value;
    exemplar->time_unix_ns = span->end_unix_ns;
    memcpy(exemplar->trace_id, raw->span.trace_id, sizeof(exemplar->trace_id));
    memcpy(exemplar->span_id, raw->span.span_id, sizeof(exemplar->span_id));
    exemplar->peer_port = 0;
    exemplar->peer[0] = 0;
    const struct attribute *peer = measured->peer, *port = measured->peer_port;
    if (!peer || peer->type != ATTRIBUTE_STRING || peer->value.string.n_bytes >= sizeof(exemplar->peer))
        return;
    memcpy(exemplar->peer, peer->value.string.bytes, peer->value.string.n_bytes);
    exemplar->peer[peer->value.string.n_bytes] = 0;
    if (port && port->type == ATTRIBUTE_INT && port->value.integer > 0 && port->value.integer <= UINT16_MAX)
        exemplar->peer_port = (uint16_t)port->value.integer;
}

static bool may_be_exemplar(const struct metric_set *set, const struct raw_span *raw)
{
    return set->exemplars == EXEMPLARS_ALWAYS_ON ||
           (set->exemplars == EXEMPLARS_TRACE_BASED && (raw->span.flags & WIRE_SPAN_SAMPLED));
}

/* What is filled in by the caller waits from now on. *ret_exemplar NULL: it may not be one. */
static struct measured *wait(struct metric_set *set, struct series *series, struct series *second,
                             struct exemplar **ret_exemplar)
{
    struct measured *measured = waiting_add(&set->waiting, ret_exemplar);
    measured->series = series;
    measured->second = second;
    series_hold(series);
    if (second)
        series_hold(second);
    return measured;
}

/* The request under its old name, with the attributes of then: NULL where the span has none. */
static struct series *find_old_http(struct metric_set *set, const struct series *series,
                                    const struct found *found)
{
    static const char protocol_name[] = "net.protocol.name";
    struct attribute chosen[AGGREGATE_MAX_ATTRIBUTES];
    uint32_t n = 0;
    if (!found->items[KEY_OLD_METHOD])
        return NULL;
    for (uint32_t i = KEY_OLD_METHOD; i <= KEY_OLD_PEER_PORT; i++)
        if (found->items[i]) {
            chosen[n] = *found->items[i];
            chosen[n++].key = keys[i];
        }
    chosen[n++] = text_attribute(protocol_name, "http", 4);
    return metric_set_find(set, INSTRUMENT_OLD_HTTP_DURATION, series->stream->scope_index,
                           series->stream->scope, chosen, n);
}

/* Where the call is counted. No series: it is not. */
static struct span_measured find_series(struct metric_set *set, const struct raw_span *raw,
                                        const struct span *span)
{
    struct attribute chosen[AGGREGATE_MAX_ATTRIBUTES];
    struct found found;
    look(span, &found);
    bool is_http = found.items[KEY_HTTP_METHOD], is_database = found.items[KEY_DB_SYSTEM];
    if (!is_http && !is_database)
        return (struct span_measured){.set = set};
    uint32_t n =
        is_http ? choose(&found, 0, FIRST_OF_DB, chosen) : choose(&found, FIRST_OF_DB, FIRST_OF_BOTH, chosen);
    struct series *series =
        metric_set_find(set, is_http ? INSTRUMENT_HTTP_REQUEST_DURATION : INSTRUMENT_DB_OPERATION_DURATION,
                        scope_index_of(raw->process, raw->instrumentation), span->scope, chosen, n);
    struct span_measured measured = {.set = set,
                                     .series = series,
                                     .peer = found.items[KEY_PEER_ADDRESS],
                                     .peer_port = found.items[KEY_PEER_PORT]};
    const struct attribute *rows = is_http ? NULL : found.items[KEY_DB_ROWS];
    if (rows && rows->type == ATTRIBUTE_INT && rows->value.integer >= 0) {
        measured.second = series_sibling(set, series, INSTRUMENT_DB_RETURNED_ROWS);
        measured.n_rows = rows->value.integer;
    }
    if (is_http)
        measured.second = find_old_http(set, series, &found);
    measured.generation = metric_set_generation();
    return measured;
}

/* Spans that are alike add to the same series, for as long as no series of any set was forgotten. */
static const struct span_measured *find_measured(struct metric_set *set, const struct raw_span *raw,
                                                 const struct span *span, struct span_measured *scratch)
{
    struct span_measured *known = span->likeness ? &span->likeness->measured : scratch;
    if (known->set != set || known->generation != metric_set_generation())
        *known = find_series(set, raw, span);
    return known;
}

bool derive_span(struct metric_set *set, const struct raw_span *raw, const struct span *span)
{
    struct span_measured scratch = {.set = NULL};
    if (raw->kind == RAW_ROOT || !raw->instrumentation || raw->span.operation == WIRE_CONNECT)
        return false;
    const struct span_measured *found = find_measured(set, raw, span, &scratch);
    if (!found->series)
        return false;
    struct exemplar *exemplar = NULL, **wanted = may_be_exemplar(set, raw) ? &exemplar : NULL;
    struct measured *measured = wait(set, found->series, found->second, wanted);
    measured->value = (double)(span->end_unix_ns - span->start_unix_ns) / 1e9;
    measured->number = found->n_rows;
    if (exemplar)
        make_exemplar(raw, span, found, measured->value, exemplar);
    return true;
}

/* ---- counts ---- */

static int64_t port_of(const struct raw_count *raw, const struct found *found)
{
    if (found->items[KEY_SERVER_PORT])
        return found->items[KEY_SERVER_PORT]->value.integer;
    for (uint32_t i = 0; i < raw->n_facts; i++) { /* the one that goes without saying is not an attribute */
        const struct raw_fact *fact = &raw->facts[i];
        if (fact->key != WIRE_SERVER_PORT)
            continue;
        int64_t port = fact->type == WIRE_INT ? fact->integer : 0;
        for (uint32_t j = 0; fact->bytes && j < fact->n_bytes && j < 5; j++)
            port = fact->bytes[j] >= '0' && fact->bytes[j] <= '9' ? port * 10 + fact->bytes[j] - '0' : 0;
        return port;
    }
    return 0;
}

/* The conventions' name for what has no pool: server.address:server.port/db.namespace. */
static size_t print_pool(const struct raw_count *raw, const struct found *found, char *out, size_t max)
{
    static const struct text nothing = {"", 0};
    const struct attribute *address = found->items[KEY_SERVER_ADDRESS],
                           *space = found->items[KEY_DB_NAMESPACE];
    const struct text *host = address ? &address->value.string : &nothing;
    int64_t port = host->n_bytes && host->bytes[0] != '/' && host->bytes[0] != '@' ? port_of(raw, found) : 0;
    char digits[24] = "";
    if (port > 0)
        snprintf(digits, sizeof(digits), ":%lld", (long long)port);
    int n = snprintf(out, max, "%s%s%s%s", host->n_bytes ? host->bytes : "unknown", digits, space ? "/" : "",
                     space ? space->value.string.bytes : "");
    return n < 0 ? 0 : (size_t)n < max ? (size_t)n : max - 1;
}

static uint32_t choose_http(const struct found *found, const char *key, const char *value,
                            struct attribute chosen[AGGREGATE_MAX_ATTRIBUTES])
{
    uint32_t n = 0;
    chosen[n++] = text_attribute(key, value, strlen(value));
    for (uint32_t i = KEY_SERVER_ADDRESS; i <= KEY_SERVER_PORT; i++)
        if (found->items[i]) {
            chosen[n] = *found->items[i];
            chosen[n++].key = keys[i];
        }
    return n;
}

/* The same connection under the metric's old name. */
static void count_old(struct metric_set *set, const struct raw_count *raw, const struct span *span,
                      const struct attribute *pool_name, const struct attribute *state)
{
    static const char old_name[] = "pool.name", old_state[] = "state";
    struct attribute chosen[] = {*pool_name, *state};
    chosen[0].key = old_name;
    chosen[1].key = old_state;
    struct series *series =
        metric_set_find(set, INSTRUMENT_OLD_DB_CONNECTIONS,
                        scope_index_of(raw->process, raw->instrumentation), span->scope, chosen, 2);
    wait(set, series, NULL, NULL)->number = raw->delta;
}

uint32_t derive_count(struct metric_set *set, const struct raw_count *raw, const struct span *span)
{
    static const char direction[] = "network.io.direction", state[] = "http.connection.state",
                      pool_name[] = "db.client.connection.pool.name",
                      pool_state[] = "db.client.connection.state";
    struct attribute chosen[AGGREGATE_MAX_ATTRIBUTES];
    struct found found;
    char pool[600];
    look(span, &found);
    uint32_t n;
    enum instrument instrument;
    if (raw->counter != WIRE_OPEN_CONNECTIONS) {
        instrument = INSTRUMENT_WEBSOCKET_MESSAGES;
        n = choose_http(&found, direction, raw->counter == WIRE_MESSAGES_SENT ? "transmit" : "receive",
                        chosen);
    } else if (raw->instrumentation->family == WIRE_DATABASE) {
        instrument = INSTRUMENT_DB_CONNECTION_COUNT;
        chosen[0] = text_attribute(pool_name, pool, print_pool(raw, &found, pool, sizeof(pool)));
        chosen[1] = text_attribute(pool_state, "used", 4);
        n = 2;
    } else {
        instrument = INSTRUMENT_HTTP_OPEN_CONNECTIONS;
        n = choose_http(&found, state, "active", chosen);
    }
    struct series *series = metric_set_find(
        set, instrument, scope_index_of(raw->process, raw->instrumentation), span->scope, chosen, n);
    wait(set, series, NULL, NULL)->number = raw->delta;
    if (instrument != INSTRUMENT_DB_CONNECTION_COUNT || !found.items[KEY_OLD_DB_SYSTEM])
        return 1;
    count_old(set, raw, span, &chosen[0], &chosen[1]);
    return 2;
}

/* ---- counting ---- */

uint64_t derive_next(const struct metric_set *set)
{
    return waiting_next(&set->waiting);
}

/* The rows of a statement, or a request under its old name. */
static double second_value(const struct measured *measured)
{
    bool is_old = measured->second->stream->row == instrument_row(INSTRUMENT_OLD_HTTP_DURATION);
    return is_old ? measured->value * 1e3 : (double)measured->number;
}

static void count(struct metric_set *set, const struct measured *measured, struct exemplar *exemplar)
{
    if (measured->series->histogram)
        series_record(set, measured->series, measured->value, exemplar);
    else
        series_add(set, measured->series, measured, exemplar);
    series_drop(measured->series);
    if (!measured->second)
        return;
    double value = second_value(measured);
    if (exemplar)
        exemplar->value = value;
    series_record(set, measured->second, value, exemplar);
    series_drop(measured->second);
}

void derive_settle(struct metric_set *set, uint64_t first, uint32_t n)
{
    struct exemplar *exemplar;
    for (uint64_t number = first; number < first + n; number++) {
        const struct measured *measured = waiting_take(&set->waiting, number, &exemplar);
        if (measured)
            count(set, measured, exemplar);
    }
    waiting_tidy(&set->waiting);
}

void derive_settle_all(struct metric_set *set)
{
    derive_settle(set, set->waiting.measured.number, set->waiting.measured.n);
}
