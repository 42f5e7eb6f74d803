/* shown: what of a span is worth a place on the screen: its outcome, where it went, what went wrong. */
#include "base/terminal.h"
#include "outputs/console/console_priv.h"
#include "telemetry/resource.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SHORT_TYPE 8u
#define MAX_NAME 200u
#define MAX_DETAIL 400u
#define MAX_MESSAGE 400u

#define OTLP_FLAG_HAS_IS_REMOTE 0x100u
#define OTLP_FLAG_IS_REMOTE 0x200u

static const char *find_text(const struct span *span, const char *key)
{
    const struct attribute *attribute = attribute_find(&span->attributes, key);
    return attribute && attribute->type == ATTRIBUTE_STRING ? attribute->value.string.bytes : NULL;
}

static bool find_int(const struct span *span, const char *key, int64_t *ret_value)
{
    const struct attribute *attribute = attribute_find(&span->attributes, key);
    if (!attribute || attribute->type != ATTRIBUTE_INT)
        return false;
    *ret_value = attribute->value.integer;
    return true;
}

void duration_print(char ret_text[24], uint64_t duration_ns, bool is_utf8)
{
    static const struct {
        uint64_t ns;
        const char *unit, *ascii;
    } units[] = {{1, "ns", "ns"}, {1000, "µs", "us"}, {1000000, "ms", "ms"}, {1000000000, "s", "s"}};
    if (duration_ns >= 100 * units[3].ns) {
        uint64_t s = (duration_ns + units[3].ns / 2) / units[3].ns;
        if (s < 3600)
            snprintf(ret_text, 24, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
        else
            snprintf(ret_text, 24, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s % 3600 / 60);
        return;
    }
    size_t i = 3;
    while (i > 0 && duration_ns < units[i].ns)
        i--;
    double value = (double)duration_ns / (double)units[i].ns;
    if (value >= 999.5 && i < 3) {
        value /= 1000;
        i++;
    }
    int digits = i == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
    snprintf(ret_text, 24, "%.*f %s", digits, value, is_utf8 ? units[i].unit : units[i].ascii);
}

/* "https://user@host:8080/v1/x?q=1#f" is shown as "host:8080/v1/x". */
static void print_place(char *out, size_t max_bytes, const char *url)
{
    const char *from = strstr(url, "://");
    from = from ? from + 3 : url;
    size_t authority = strcspn(from, "/?#");
    const char *at = memrchr(from, '@', authority);
    if (at)
        from = at + 1;
    size_t n = strcspn(from, "?#");
    snprintf(out, max_bytes, "%.*s", (int)(n < max_bytes ? n : max_bytes - 1), from);
}

static void print_server(char *out, size_t max_bytes, const struct span *span)
{
    const char *address = find_text(span, "server.address");
    int64_t port;
    if (address && find_int(span, "server.port", &port))
        snprintf(out, max_bytes, "%s:%" PRId64, address, port);
    else
        snprintf(out, max_bytes, "%s", address ? address : "");
}

struct words {
    enum shown_family family;
    char outcome[80], detail[MAX_DETAIL], message[MAX_MESSAGE], phases[160];
};

static void describe_http(struct words *words, const struct span *span)
{
    int64_t status;
    words->family = SHOWN_HTTP;
    if (find_int(span, "http.response.status_code", &status))
        snprintf(words->outcome, sizeof(words->outcome), "%" PRId64, status);
    const char *url = find_text(span, "url.full");
    if (url)
        print_place(words->detail, sizeof(words->detail), url);
    else
        print_server(words->detail, sizeof(words->detail), span);
}

/* A command begins with the word that is the span's name already. */
static const char *skip_name(const char *text, const char *name)
{
    size_t bytes = name ? strlen(name) : 0;
    return bytes > 0 && strncmp(text, name, bytes) == 0 && text[bytes] == ' ' ? text + bytes + 1 : text;
}

static void describe_database(struct words *words, const struct span *span, const char *system)
{
    words->family = strcmp(system, "redis") == 0 ? SHOWN_CACHE : SHOWN_DATABASE;
    int64_t rows;
    if (find_int(span, "db.response.returned_rows", &rows) && span->status != SPAN_ERROR)
        snprintf(words->outcome, sizeof(words->outcome), "%" PRId64 " row%s", rows, rows == 1 ? "" : "s");
    else if (words->family == SHOWN_CACHE && span->status != SPAN_ERROR &&
             !(span->name && strstr(span->name, system)))
        snprintf(words->outcome, sizeof(words->outcome), "%s", system); /* a GET of which protocol? */
    const char *text = find_text(span, "db.query.text");
    if (text && words->family == SHOWN_CACHE)
        text = skip_name(text, span->name);
    if (text && span->name && strcmp(text, span->name) == 0)
        return; /* COMMIT */
    if (text)
        snprintf(words->detail, sizeof(words->detail), "%s", text);
    else
        print_server(words->detail, sizeof(words->detail), span);
}

/* error.type says what failed where nothing better does: in the column of outcomes if it is short, like an SQLSTATE. */
static void describe_error(struct words *words, const struct span *span)
{
    if (span->status != SPAN_ERROR)
        return;
    const char *type = find_text(span, "error.type"), *message = span->status_message;
    if (!type)
        type = "error";
    bool is_told = strcmp(words->outcome, type) == 0; /* an HTTP status */
    bool is_short = strlen(type) <= MAX_SHORT_TYPE;
    if (!is_told && is_short && !words->outcome[0])
        snprintf(words->outcome, sizeof(words->outcome), "%s", type);
    else if (!is_told)
        snprintf(words->message, sizeof(words->message), "%s%s", type, message ? ": " : "");
    size_t used = strlen(words->message);
    snprintf(words->message + used, sizeof(words->message) - used, "%s", message ? message : "");
}

/* Phases follow each other: each took what passed since the one before. */
static void describe_phases(struct words *words, const struct span *span, bool is_utf8)
{
    static const struct {
        const char *event, *word;
    } known[] = {
        {"otelshim.http.dns.end", "dns"},
        {"otelshim.http.connect.end", "connect"},
        {"otelshim.http.tls.end", "tls"},
        {"otelshim.http.response.first_byte", "first byte"},
    };
    uint64_t before_ns = span->start_unix_ns;
    size_t used = 0;
    uint32_t n_phases = 0;
    for (uint32_t i = 0; i < span->n_events; i++) {
        const struct span_event *event = &span->events[i];
        for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
            char duration[24];
            if (strcmp(event->name, known[k].event) != 0 || event->time_unix_ns < before_ns)
                continue;
            duration_print(duration, event->time_unix_ns - before_ns, is_utf8);
            used += (size_t)snprintf(words->phases + used, sizeof(words->phases) - used, "%s%s %s",
                                     used == 0 ? ""
                                     : is_utf8 ? " · "
                                               : ", ",
                                     known[k].word, duration);
            if (used >= sizeof(words->phases))
                used = sizeof(words->phases) - 1;
            before_ns = event->time_unix_ns;
            n_phases++;
        }
    }
    if (n_phases < 2) /* a reused connection: there is nothing to tell apart */
        words->phases[0] = 0;
}

static struct words describe(const struct span *span, bool is_utf8)
{
    struct words words = {.family = SHOWN_INTERNAL};
    const char *system = find_text(span, "db.system.name");
    if (find_text(span, "http.request.method"))
        describe_http(&words, span);
    else if (system)
        describe_database(&words, span, system);
    describe_error(&words, span);
    describe_phases(&words, span, is_utf8);
    return words;
}

/* Copies `text` behind what is there; *used moves. */
static const char *put(struct shown_span *shown, size_t *used, size_t max_bytes, const char *text,
                       bool is_utf8)
{
    char *at = (char *)(shown + 1) + *used;
    size_t bytes = strlen(text) + 1; /* never grows by the copy */
    *used += terminal_copy_text(at, bytes < max_bytes ? bytes : max_bytes, text, is_utf8) + 1;
    return at;
}

struct shown_span *shown_create(const struct span *span, bool is_utf8)
{
    struct words words = describe(span, is_utf8);
    const char *name = span->name ? span->name : "", *service = "";
    if (span->resource && span->resource->service_name)
        service = span->resource->service_name;
    size_t bytes =
        strlen(words.outcome) + strlen(words.detail) + strlen(words.message) + strlen(words.phases) + 6;
    bytes += strnlen(name, MAX_NAME) + strnlen(service, MAX_NAME);

    struct shown_span *shown = malloc(sizeof(*shown) + bytes);
    if (!shown)
        abort();
    *shown = (struct shown_span){.has_parent = span->has_parent, .family = words.family};
    memcpy(shown->span_id, span->span_id, sizeof(shown->span_id));
    memcpy(shown->parent_span_id, span->parent_span_id, sizeof(shown->parent_span_id));
    uint32_t remote = OTLP_FLAG_HAS_IS_REMOTE | OTLP_FLAG_IS_REMOTE;
    shown->is_parent_remote = span->has_parent && (span->flags & remote) == remote;
    shown->is_error = span->status == SPAN_ERROR;
    shown->start_unix_ns = span->start_unix_ns;
    shown->end_unix_ns = span->end_unix_ns < span->start_unix_ns ? span->start_unix_ns : span->end_unix_ns;

    size_t used = 0;
    shown->name = put(shown, &used, MAX_NAME + 1, name, is_utf8);
    shown->service = put(shown, &used, MAX_NAME + 1, service, is_utf8);
    shown->outcome = put(shown, &used, sizeof(words.outcome), words.outcome, is_utf8);
    shown->detail = put(shown, &used, MAX_DETAIL, words.detail, is_utf8);
    shown->message = put(shown, &used, MAX_MESSAGE, words.message, is_utf8);
    shown->phases = put(shown, &used, sizeof(words.phases), words.phases, true);
    return shown;
}
