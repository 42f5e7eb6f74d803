/* judge_http: requests of libcurl: which say something of their host, which are told, and what about them. */
#include "signals/alerts/judge_priv.h"

#include "signals/crash/redact.h"

#include <stdio.h>
#include <string.h>

#define CURLE_UNSUPPORTED_PROTOCOL 1
#define CURLE_WEIRD_SERVER_REPLY 8
#define CURLE_HTTP_RETURNED_ERROR 22

/* ---- what happened ---- */

/* Behind a redirect or a log-in, libcurl still tells the status of the answer before. */
static bool is_left_over(const struct trial *trial)
{
    bool is_hop =
        trial->status == 307 || trial->status == 308 || trial->status == 401 || trial->status == 407;
    return is_hop && (judge_number(trial, WIRE_HTTP_RESEND_COUNT, 0) > 0 ||
                      judge_number(trial, WIRE_HTTP_REDIRECT_COUNT, 0) > 0);
}

/* libcurl 7 says the same of a protocol that it does not know and of an answer that is no HTTP. */
static bool has_gone_out(const struct trial *trial)
{
    return judge_number(trial, WIRE_HTTP_PRETRANSFER_US, 0) > 0 ||
           judge_number(trial, WIRE_HTTP_UPLOADED_BYTES, -1) >= 0;
}

static void judge_status(struct trial *trial)
{
    trial->has_event = trial->status > 0;
    trial->event = HOST_SERVED;
    if (trial->status >= 500) {
        trial->event = HOST_FAILED;
        trial->is_alert = true;
    } else if (trial->status == 408 || trial->status == 429) {
        trial->event = HOST_FAILED;
    } else if (trial->status == 401 || trial->status == 403) {
        trial->event = HOST_REJECTED;
    } else if (trial->status >= 400) {
        trial->event = HOST_ANSWERED;
    }
}

void judge_http(struct trial *trial)
{
    const struct raw_span *raw = trial->raw;
    if (raw->outcome == WIRE_OK && raw->kind == RAW_SPAN) {
        trial->has_event = true;
        return;
    }
    trial->status = judge_number(trial, WIRE_HTTP_RESPONSE_STATUS_CODE, 0);
    trial->code = judge_number(trial, WIRE_ERROR_CODE, 0);
    trial->event = HOST_ANSWERED;
    if (trial->code && is_left_over(trial))
        trial->status = 0;
    if (trial->code == CURLE_UNSUPPORTED_PROTOCOL && has_gone_out(trial))
        trial->code = CURLE_WEIRD_SERVER_REPLY;
    trial->is_ambiguous = ambiguous_is(trial);
    if (raw->kind == RAW_IN_FLIGHT || raw->outcome == WIRE_ABANDONED)
        return;
    if (!trial->code || trial->code == CURLE_HTTP_RETURNED_ERROR) {
        judge_status(trial);
        return;
    }
    trial->error = error_type_of_curl(trial->code, judge_number(trial, WIRE_ERROR_ERRNO, 0));
    if (!trial->error.is_transport)
        return;
    trial->has_event = trial->is_alert = true;
    trial->event = HOST_FAILED;
}

/* ---- what it is called ---- */

/* Chats are read by more people than traces: without whatever looks like a secret. */
const char *judge_url(const struct trial *trial)
{
    return redact_message(trial->arena, judge_text(trial, "url.full"));
}

size_t judge_http_host(const struct trial *trial, char *ret_name, size_t max)
{
    const struct attribute *address = attribute_find(&trial->span->attributes, "server.address");
    const struct attribute *port = attribute_find(&trial->span->attributes, "server.port");
    if (!address || address->type != ATTRIBUTE_STRING || !address->value.string.n_bytes)
        return 0;
    bool has_port =
        port && port->type == ATTRIBUTE_INT && port->value.integer != 80 && port->value.integer != 443;
    int bytes = has_port ? snprintf(ret_name, max, "%s:%lld", address->value.string.bytes,
                                    (long long)port->value.integer)
                         : snprintf(ret_name, max, "%s", address->value.string.bytes);
    return bytes < (int)max ? (size_t)bytes : max - 1;
}

/* Without the query: what differs from call to call makes no other problem. */
void judge_http_target(struct trial *trial)
{
    const char *url = judge_url(trial), *method = judge_text(trial, "http.request.method");
    const char *name = method ? method : trial->span->name;
    trial->target = url ? arena_printf(trial->arena, "%s %.*s", name, (int)strcspn(url, "?#"), url) : name;
}

/* "/v1/orders"; NULL: there is none. */
static const char *path_of(const struct trial *trial)
{
    const char *url = judge_url(trial), *begin = url ? strstr(url, "://") : NULL;
    begin = begin ? strchr(begin + 3, '/') : NULL;
    return begin ? arena_copy(trial->arena, begin, strcspn(begin, "?#")) : NULL;
}

/* ---- phases ---- */

struct phase {
    const char *event, *name; /* name NULL: it ends none */
};
#define FIRST_BYTE 4
static const struct phase phases[] = {
    {"otelshim.http.dns.end", "dns"},
    {"otelshim.http.connect.end", "connect"},
    {"otelshim.http.tls.end", "tls"},
    {"otelshim.http.request.start", NULL},
    {"otelshim.http.response.first_byte", "first byte"},
};

const char *judge_http_phases(const struct trial *trial)
{
    const struct span *span = trial->span;
    const char *line = "", *waits_for = "waited";
    uint64_t at = span->start_unix_ns;
    for (uint32_t i = 0; i < span->n_events; i++) {
        const struct phase *phase = NULL;
        for (size_t j = 0; j < sizeof(phases) / sizeof(phases[0]); j++)
            if (strcmp(phases[j].event, span->events[i].name) == 0)
                phase = &phases[j];
        bool is_answer = phase == &phases[FIRST_BYTE];
        if (!phase || (is_answer && !trial->status && trial->raw->outcome != WIRE_OK))
            continue; /* libcurl 7 tells the time of a first byte that never came */
        uint64_t end = span->events[i].time_unix_ns;
        if (phase->name && end >= at)
            line = arena_printf(trial->arena, "%s%s%s %s", line, *line ? " · " : "", phase->name,
                                judge_print_duration(trial->arena, end - at));
        at = end > at ? end : at;
        waits_for = is_answer ? "rest" : "waited";
    }
    if (span->n_events == 0)
        return NULL;
    if (span->end_unix_ns > at)
        line = arena_printf(trial->arena, "%s%s%s %s", line, *line ? " · " : "", waits_for,
                            judge_print_duration(trial->arena, span->end_unix_ns - at));
    return *line ? line : NULL;
}

/* ---- what is told ---- */

/* "10s", as the program set it. */
static const char *print_timeout(const struct trial *trial)
{
    int64_t ms = judge_number(trial, WIRE_HTTP_TIMEOUT_MS, 0);
    if (ms <= 0)
        return NULL;
    return ms % 1000 == 0 ? arena_printf(trial->arena, "%llds", (long long)(ms / 1000))
                          : arena_printf(trial->arena, "%lld ms", (long long)ms);
}

static const char *print_number(const struct trial *trial, int64_t number, int64_t from)
{
    return number >= from ? arena_printf(trial->arena, "%lld", (long long)number) : NULL;
}

/* The first value of an allowed header that was recorded (OTELSHIM_REQUEST_HEADERS). */
static const char *header(const struct trial *trial, const char *key)
{
    const struct attribute *item = attribute_find(&trial->span->attributes, key);
    return item && item->type == ATTRIBUTE_STRINGS && item->value.strings.n_items
               ? item->value.strings.items[0].bytes
               : NULL;
}

static void add_context(const struct trial *trial, struct alert *alert)
{
    const char *id = header(trial, "http.response.header.x-request-id");
    int64_t resent = judge_number(trial, WIRE_HTTP_RESEND_COUNT, 0);
    int64_t sent = judge_number(trial, WIRE_HTTP_UPLOADED_BYTES, -1);
    int64_t announced = judge_number(trial, WIRE_HTTP_ANNOUNCED_BYTES, -1);
    judge_add(trial, alert, "method", judge_text(trial, "http.request.method"));
    judge_add(trial, alert, "url", judge_url(trial));
    judge_add(trial, alert, "api_endpoint", path_of(trial));
    judge_add(trial, alert, "status_code", print_number(trial, trial->status, 1));
    judge_add(trial, alert, "timeout", print_timeout(trial));
    judge_add(trial, alert, "duration", judge_print_duration(trial->arena, judge_duration_ns(trial)));
    judge_add(trial, alert, "attempt", resent > 0 ? print_number(trial, resent + 1, 2) : NULL);
    judge_add(trial, alert, "failed_in_a_row", print_number(trial, trial->in_a_row, 2));
    if (sent >= 0 && announced > sent)
        judge_add(trial, alert, "sent",
                  arena_printf(trial->arena, "%lld of %lld bytes: not carried out", (long long)sent,
                               (long long)announced));
    judge_add(trial, alert, "peer", trial->code ? judge_text(trial, "network.peer.address") : NULL);
    judge_add(trial, alert, "request_id", id ? id : header(trial, "http.request.header.x-request-id"));
}

void judge_http_describe(const struct trial *trial, struct alert *alert)
{
    struct arena *arena = trial->arena;
    bool is_transport = trial->code && trial->code != CURLE_HTTP_RETURNED_ERROR;
    if (is_transport) {
        const char *words = trial->span->status_message;
        alert->type = trial->error.name ? trial->error.name : "_OTHER";
        alert->message = arena_printf(arena, "%s: %s", words ? words : trial->error.words, trial->target);
    } else if (trial->status) {
        const char *words = error_type_status_words(trial->status);
        alert->type = arena_printf(arena, "HTTP %lld", (long long)trial->status);
        alert->message = arena_printf(arena, "%s%s%s", words, *words ? ": " : "", trial->target);
    } else {
        alert->type = "_OTHER";
        alert->message = trial->target;
    }
    add_context(trial, alert);
    alert->phases = judge_http_phases(trial);
}
