/* assemble: raw facts in, a span by the conventions out. Every span that is
 * made here is held against tests/conformance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../conformance/conformance.h"
#include "signals/spans/assemble.h"

#define START_NS 1000000000u
#define OFFSET_NS 1700000000000000000

/* What a test builds on. */
static struct {
    struct arena arena;
    struct settings settings;
    struct process process;
    struct wire_instrumentation row;
    struct raw_fact facts[RAW_MAX_FACTS];
    struct raw_span raw;
} given;

static void begin(const char *name, const char *system, uint16_t family)
{
    arena_reset(&given.arena);
    given.settings = (struct settings){
        .attribute_count_limit = 128, .span_event_count_limit = 128, .attribute_value_limit = UINT32_MAX};
    given.process = (struct process){.exe = "/opt/bot/trader"};
    given.row = (struct wire_instrumentation){.family = family};
    strcpy(given.row.name, name);
    strcpy(given.row.system, system);
    given.raw = (struct raw_span){.process = &given.process,
                                  .instrumentation = &given.row,
                                  .mono_to_unix_ns = OFFSET_NS,
                                  .end_mono_ns = START_NS + 5000000,
                                  .facts = given.facts};
    given.raw.span.flags = WIRE_SPAN_SAMPLED | WIRE_SPAN_RANDOM | WIRE_SPAN_HAS_PARENT;
    given.raw.span.start_mono_ns = START_NS;
    given.raw.span.tid = 42;
    memset(given.raw.span.trace_id, 1, 16);
    memset(given.raw.span.span_id, 2, 8);
    memset(given.raw.span.parent_span_id, 3, 8);
}

static void text(enum wire_attribute key, const char *value)
{
    given.facts[given.raw.n_facts++] = (struct raw_fact){
        .key = key, .type = WIRE_STRING, .bytes = value, .n_bytes = (uint32_t)strlen(value)};
}

static void number(enum wire_attribute key, int64_t value)
{
    given.facts[given.raw.n_facts++] = (struct raw_fact){.key = key, .type = WIRE_INT, .integer = value};
}

static struct span *assemble(void)
{
    struct span *span = assemble_span(&given.arena, &given.raw, &given.settings);
    assert_non_null(span);
    const char *broken = conformance_check(span);
    if (broken)
        fail_msg("not by the conventions: %s", broken);
    return span;
}

/* "key=value\n"… in their order. */
static const char *print(const struct span *span)
{
    static char out[4000];
    size_t at = 0;
    out[0] = 0;
    for (uint32_t i = 0; i < span->attributes.n; i++) {
        const struct attribute *item = &span->attributes.items[i];
        const char *value = item->type == ATTRIBUTE_STRING ? item->value.string.bytes : "true";
        if (item->type == ATTRIBUTE_INT)
            at += (size_t)snprintf(out + at, sizeof(out) - at, "%s=%lld\n", item->key,
                                   (long long)item->value.integer);
        else
            at += (size_t)snprintf(out + at, sizeof(out) - at, "%s=%s\n", item->key, value);
    }
    return out;
}

static void begin_http(const char *method, const char *url)
{
    begin("libcurl", "", WIRE_HTTP);
    text(WIRE_URL_FULL, url);
    text(WIRE_HTTP_REQUEST_METHOD, method);
}

static void test_assemble_http(void **state)
{
    (void)state;
    begin_http("GET", "https://user:pw@api.upbit.com/v1/candles?market=KRW-BTC&sig=Z%3D#f");
    number(WIRE_HTTP_RESPONSE_STATUS_CODE, 200);
    number(WIRE_HTTP_VERSION, 3);
    text(WIRE_NETWORK_PEER_ADDRESS, "203.0.113.7");
    number(WIRE_NETWORK_PEER_PORT, 443);
    number(WIRE_HTTP_NEW_CONNECTIONS, 1);
    number(WIRE_HTTP_NAMELOOKUP_US, 100);
    number(WIRE_HTTP_CONNECT_US, 200);
    number(WIRE_HTTP_APPCONNECT_US, 300);
    number(WIRE_HTTP_PRETRANSFER_US, 310);
    number(WIRE_HTTP_STARTTRANSFER_US, 4000);
    struct span *span = assemble();
    assert_string_equal(span->name, "GET");
    assert_string_equal(
        print(span),
        "url.full=https://REDACTED:REDACTED@api.upbit.com/v1/candles?market=KRW-BTC&sig=REDACTED#f\n"
        "server.address=api.upbit.com\nserver.port=443\nhttp.request.method=GET\n"
        "network.protocol.version=2\nnetwork.peer.address=203.0.113.7\nnetwork.peer.port=443\n"
        "http.response.status_code=200\n");
    assert_int_equal(span->status, SPAN_UNSET);
    assert_int_equal(span->kind, SPAN_CLIENT);
    assert_int_equal(span->flags, 0x103);
    assert_true(span->has_parent);
    assert_string_equal(span->scope, "otelshim.libcurl");
    assert_true(span->start_unix_ns == OFFSET_NS + START_NS);
    assert_true(span->end_unix_ns == OFFSET_NS + START_NS + 5000000);
    const char *const names[] = {"otelshim.http.dns.end", "otelshim.http.connect.end",
                                 "otelshim.http.tls.end", "otelshim.http.request.start",
                                 "otelshim.http.response.first_byte"};
    const uint64_t offsets[] = {100000, 200000, 300000, 310000, 4000000};
    assert_int_equal(span->n_events, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(span->events[i].name, names[i]);
        assert_true(span->events[i].time_unix_ns == span->start_unix_ns + offsets[i]);
    }
}

static void test_assemble_http_methods(void **state)
{
    (void)state;
    begin_http("get", "http://h/");
    struct span *span = assemble();
    assert_string_equal(span->name, "HTTP");
    assert_string_equal(conformance_text(&span->attributes, "http.request.method_original"), "get");
    assert_int_equal(attribute_find(&span->attributes, "server.port")->value.integer, 80);
    begin_http("PURGE", "http://h:8080/");
    given.settings.known_http_methods = "GET, PURGE";
    span = assemble_span(&given.arena, &given.raw, &given.settings);
    assert_string_equal(span->name, "PURGE");
    begin_http("POST", "http://h/");
    given.settings.known_http_methods = "GET, PURGE"; /* a full override */
    assert_string_equal(assemble()->name, "HTTP");
}

static void test_assemble_http_status(void **state)
{
    (void)state;
    static const struct {
        int64_t code, status;
        enum wire_outcome outcome;
        const char *error_type, *message;
    } cases[] = {
        {0, 204, WIRE_OK, NULL, NULL},
        {0, 301, WIRE_OK, NULL, NULL},
        {0, 404, WIRE_OK, "404", NULL},
        {0, 503, WIRE_OK, "503", NULL},
        {22, 404, WIRE_FAILED, "404", NULL},
        {7, 0, WIRE_FAILED, "CURLE_COULDNT_CONNECT", "words"},
        {28, 200, WIRE_FAILED, "CURLE_OPERATION_TIMEDOUT", "words"},
        {18, 200, WIRE_FAILED, "CURLE_PARTIAL_FILE", "words"},
        {47, 302, WIRE_FAILED, "CURLE_TOO_MANY_REDIRECTS", "words"},
        {60, 0, WIRE_FAILED, "CURLE_PEER_FAILED_VERIFICATION", "words"},
        {42, 200, WIRE_FAILED, NULL, NULL}, /* the program's own wish */
        {20, 0, WIRE_FAILED, "_OTHER", "words"},
        {9999, 0, WIRE_FAILED, "_OTHER", "words"},
        {-1, 0, WIRE_FAILED, "_OTHER", "words"},
        {0, 0, WIRE_FAILED, "_OTHER", "words"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin_http("GET", "http://h/");
        if (cases[i].status)
            number(WIRE_HTTP_RESPONSE_STATUS_CODE, cases[i].status);
        if (cases[i].code)
            number(WIRE_ERROR_CODE, cases[i].code);
        text(WIRE_ERROR_MESSAGE, "words\nmore");
        given.raw.outcome = cases[i].outcome;
        struct span *span = assemble();
        const char *error = conformance_text(&span->attributes, "error.type");
        assert_int_equal(span->status, cases[i].error_type ? SPAN_ERROR : SPAN_UNSET);
        assert_int_equal(!error, !cases[i].error_type);
        if (error)
            assert_string_equal(error, cases[i].error_type);
        assert_int_equal(!span->status_message, !cases[i].message);
        if (cases[i].message)
            assert_string_equal(span->status_message, cases[i].message);
    }
}

/* Redirect sums are no moments; a connection used again had no look-up. */
static void test_assemble_http_phases(void **state)
{
    (void)state;
    begin_http("GET", "http://h/");
    number(WIRE_HTTP_REDIRECT_COUNT, 2);
    number(WIRE_HTTP_NAMELOOKUP_US, 100);
    number(WIRE_HTTP_STARTTRANSFER_US, 100);
    struct span *span = assemble();
    assert_int_equal(span->n_events, 0);
    assert_int_equal(attribute_find(&span->attributes, "otelshim.http.redirect_count")->value.integer, 2);
    begin_http("GET", "http://h/");
    number(WIRE_HTTP_NEW_CONNECTIONS, 0);
    number(WIRE_HTTP_NAMELOOKUP_US, 10);
    number(WIRE_HTTP_CONNECT_US, 10);
    number(WIRE_HTTP_STARTTRANSFER_US, INT64_MAX);
    span = assemble();
    assert_int_equal(span->n_events, 1);
    assert_string_equal(span->events[0].name, "otelshim.http.response.first_byte");
    assert_true(span->events[0].time_unix_ns == span->end_unix_ns);
}

static void test_assemble_http_urls(void **state)
{
    (void)state;
    static const struct {
        const char *url, *scheme, *full, *address;
        int64_t port;
    } cases[] = {
        {"http://h", NULL, "http://h", "h", 80},
        {"HTTPS://H.example:8443/x", NULL, "https://H.example:8443/x", "H.example", 8443},
        {"http://[::1]:8080/", NULL, "http://[::1]:8080/", "::1", 8080},
        {"example.com/x", "HTTP", "http://example.com/x", "example.com", 80},
        {"example.com/x", "HTTPS", "https://example.com/x", "example.com", 443},
        {"example.com:81/x", NULL, "http://example.com:81/x", "example.com", 81},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin_http("GET", cases[i].url);
        if (cases[i].scheme)
            text(WIRE_URL_SCHEME, cases[i].scheme);
        struct span *span = assemble();
        assert_string_equal(conformance_text(&span->attributes, "url.full"), cases[i].full);
        assert_string_equal(conformance_text(&span->attributes, "server.address"), cases[i].address);
        assert_int_equal(attribute_find(&span->attributes, "server.port")->value.integer, cases[i].port);
    }
    begin_http("GET", "ftp://u:p@h/x");
    number(WIRE_HTTP_RESPONSE_STATUS_CODE, 226);
    assert_string_equal(assemble()->name, "FTP");
    assert_string_equal(print(assemble()),
                        "url.full=ftp://REDACTED:REDACTED@h/"
                        "x\nserver.address=h\nserver.port=21\nnetwork.protocol.name=ftp\n");
    begin_http("GET", "https://u:p@h/?sig=1");
    given.settings.raw = true;
    assert_string_equal(conformance_text(&assemble()->attributes, "url.full"), "https://u:p@h/?sig=1");
    begin_http("GET", "http://localhost/");
    text(WIRE_NETWORK_PEER_ADDRESS, "/run/x.sock");
    number(WIRE_NETWORK_PEER_PORT, 80);
    assert_null(attribute_find(&assemble()->attributes, "network.peer.port"));
    assert_string_equal(conformance_text(&assemble()->attributes, "network.transport"), "unix");
    begin_http("GET", "http://localhost/");
    text(WIRE_NETWORK_PEER_ADDRESS, "relative.sock");
    number(WIRE_NETWORK_PEER_PORT, 80);
    assert_null(attribute_find(&assemble()->attributes, "network.peer.port"));
    begin_http("GET", "ws://h/feed");
    assert_string_equal(assemble()->name, "GET");
}

/* The Host header of the program's own says whom the request is for; the URL stays what it is. */
static void test_assemble_http_host(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host, *address;
        int64_t port;
    } cases[] = {
        {"https://10.0.0.1:8443/x", "api.example", "api.example", 443},
        {"http://10.0.0.1/x", "api.example:8080", "api.example", 8080},
        {"http://10.0.0.1/x", "[::1]:81", "::1", 81},
        {"http://10.0.0.1/x", "not a host", "10.0.0.1", 80},
        {"http://10.0.0.1/x", "a/b", "10.0.0.1", 80},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin_http("GET", cases[i].url);
        text(WIRE_HTTP_HOST, cases[i].host);
        struct span *span = assemble();
        assert_string_equal(conformance_text(&span->attributes, "url.full"), cases[i].url);
        assert_string_equal(conformance_text(&span->attributes, "server.address"), cases[i].address);
        assert_int_equal(attribute_find(&span->attributes, "server.port")->value.integer, cases[i].port);
    }
}

static void test_assemble_http_headers(void **state)
{
    (void)state;
    begin_http("GET", "http://h/");
    text(WIRE_HTTP_REQUEST_HEADER, "X-One: 1");
    text(WIRE_HTTP_REQUEST_HEADER, "AUTHORIZATION: Bearer secret");
    text(WIRE_HTTP_REQUEST_HEADER, "x-one:2");
    text(WIRE_HTTP_REQUEST_HEADER, "no header");
    text(WIRE_HTTP_RESPONSE_HEADER, "Set-Cookie: id=secret");
    text(WIRE_USER_AGENT_ORIGINAL, "bot/1");
    number(WIRE_HTTP_RESEND_COUNT, 2);
    struct span *span = assemble();
    const struct attribute *one = attribute_find(&span->attributes, "http.request.header.x-one");
    assert_int_equal(one->value.strings.n_items, 2);
    assert_string_equal(one->value.strings.items[0].bytes, "1");
    assert_string_equal(one->value.strings.items[1].bytes, "2");
    const struct attribute *secret = attribute_find(&span->attributes, "http.request.header.authorization");
    assert_string_equal(secret->value.strings.items[0].bytes, "REDACTED");
    secret = attribute_find(&span->attributes, "http.response.header.set-cookie");
    assert_string_equal(secret->value.strings.items[0].bytes, "REDACTED");
    assert_string_equal(conformance_text(&span->attributes, "user_agent.original"), "bot/1");
    assert_int_equal(attribute_find(&span->attributes, "http.request.resend_count")->value.integer, 2);
    begin_http("GET", "http://h/");
    for (unsigned i = 0; i < 40; i++) {
        char *line = arena_printf(&given.arena, "X-%u: %u", i, i);
        text(WIRE_HTTP_REQUEST_HEADER, line);
    }
    assert_non_null(attribute_find(&assemble()->attributes, "http.request.header.x-31"));
}

static void test_assemble_http_template(void **state)
{
    (void)state;
    static const struct {
        const char *list, *url, *name;
    } cases[] = {
        {"/v1/orders/{id}", "http://h/v1/orders/17?x=1#f", "GET /v1/orders/{id}"},
        {"/v1/orders/{id}", "http://h/v1/orders/", "GET"},
        {"/v1/orders/{id}", "http://h/v1/orders/17/fills", "GET"},
        {"/v1/orders/{id}", "http://h/v1/Orders/17", "GET"},
        {"/a/{b}/c , /{any}", "http://h/x", "GET /{any}"},
        {"/a/{b}/c,/{any}", "http://h/a/b/c", "GET /a/{b}/c"},
        {"/", "http://h", "GET /"},
        {"/{}", "http://h/x", "GET"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin_http("GET", cases[i].url);
        given.settings.values[SETTING_OTELSHIM_URL_TEMPLATES] = cases[i].list;
        assert_string_equal(assemble()->name, cases[i].name);
    }
    begin_http("get", "http://h/x");
    given.settings.values[SETTING_OTELSHIM_URL_TEMPLATES] = "/x";
    assert_string_equal(assemble()->name, "HTTP /x");
}

/* What the library says of a request's end comes before the time somebody asked for it. */
static void test_assemble_http_end(void **state)
{
    (void)state;
    begin_http("GET", "http://h/");
    struct span *span = assemble();
    uint64_t whole_ns = span->end_unix_ns - span->start_unix_ns;
    assert_true(whole_ns > 2000000);
    begin_http("GET", "http://h/");
    number(WIRE_HTTP_END_US, 1500);
    span = assemble();
    assert_int_equal(span->end_unix_ns - span->start_unix_ns, 1500000);
    begin_http("GET", "http://h/");
    number(WIRE_HTTP_END_US, INT64_MAX);
    span = assemble();
    assert_int_equal(span->end_unix_ns - span->start_unix_ns, whole_ns);
}

static void begin_sql(const char *host, const char *port, const char *query)
{
    begin("libpq", "postgresql", WIRE_DATABASE);
    text(WIRE_SERVER_ADDRESS, host);
    text(WIRE_SERVER_PORT, port);
    text(WIRE_DB_NAMESPACE, "trader");
    text(WIRE_DB_USER, "bot");
    if (query)
        text(WIRE_DB_QUERY_TEXT, query);
}

static void test_assemble_sql(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) { /* the second time from the cache */
        begin_sql("db.example", "5433", "SELECT close FROM candles WHERE market = 'KRW-BTC' AND id > 17");
        number(WIRE_DB_RETURNED_ROWS, 200);
        struct span *span = assemble();
        assert_string_equal(span->name, "SELECT candles");
        assert_string_equal(print(span),
                            "db.system.name=postgresql\ndb.namespace=trader\n"
                            "db.query.text=SELECT close FROM candles WHERE market = ? AND id > ?\n"
                            "db.query.summary=SELECT candles\nserver.address=db.example\n"
                            "server.port=5433\ndb.response.returned_rows=200\n");
        assert_int_equal(span->status, SPAN_UNSET);
    }
    begin_sql("/var/run/postgresql", "5432", "UPDATE orders SET price = 1.5");
    text(WIRE_DB_AFFECTED_ROWS, "7");
    assert_string_equal(print(assemble()), "db.system.name=postgresql\ndb.namespace=trader\n"
                                           "db.query.text=UPDATE orders SET price = "
                                           "?\ndb.query.summary=UPDATE orders\n"
                                           "server.address=/var/run/postgresql/.s.PGSQL.5432\n"
                                           "otelshim.db.affected_rows=7\n");
    begin_sql("localhost", "5432", "SELECT * FROM t WHERE a = $1 AND b = 'constant'");
    number(WIRE_DB_PARAMETER_COUNT, 1); /* parameterised: as it is */
    struct span *span = assemble();
    assert_string_equal(conformance_text(&span->attributes, "db.query.text"),
                        "SELECT * FROM t WHERE a = $1 AND b = 'constant'");
    assert_null(attribute_find(&span->attributes, "server.port"));
    begin_sql("localhost", "5432", "SELECT 'secret'");
    given.settings.raw = true;
    assert_string_equal(conformance_text(&assemble()->attributes, "db.query.text"), "SELECT 'secret'");
    begin_sql("localhost", "5432", "SELECT a FROM b");
    text(WIRE_DB_STATEMENT_NAME, "s1");
    given.raw.span.operation = WIRE_PREPARE;
    assert_string_equal(assemble()->name, "PREPARE SELECT b");
    begin_sql("localhost", "5433", NULL);
    assert_string_equal(assemble()->name, "trader");
}

static void test_assemble_sql_status(void **state)
{
    (void)state;
    begin_sql("h", "5432", "SELECT x FROM missing");
    text(WIRE_DB_RESPONSE_STATUS_CODE, "42P01");
    number(WIRE_ERROR_CODE, 7);
    text(WIRE_ERROR_MESSAGE, "relation \"secret\" does not exist");
    given.raw.outcome = WIRE_FAILED;
    struct span *span = assemble();
    assert_int_equal(span->status, SPAN_ERROR);
    assert_string_equal(conformance_text(&span->attributes, "db.response.status_code"), "42P01");
    assert_string_equal(conformance_text(&span->attributes, "error.type"), "42P01");
    assert_null(span->status_message); /* it may quote values */
    given.settings.raw = true;
    assert_string_equal(assemble()->status_message, "relation \"secret\" does not exist");

    begin_sql("h", "5432", "DO 'x'");
    text(WIRE_DB_RESPONSE_STATUS_CODE, "01000"); /* a warning */
    assert_int_equal(assemble()->status, SPAN_UNSET);

    begin_sql("h", "5432", "SELECT 1");
    number(WIRE_ERROR_CODE, 1);
    text(WIRE_ERROR_MESSAGE, "server closed the connection unexpectedly\n\tThis probably means");
    given.raw.outcome = WIRE_FAILED;
    span = assemble();
    assert_string_equal(conformance_text(&span->attributes, "error.type"), "CONNECTION_BAD");
    assert_string_equal(span->status_message, "server closed the connection unexpectedly");

    begin_sql("h", "5433", NULL);
    number(WIRE_ERROR_CODE, 1);
    given.raw.span.operation = WIRE_CONNECT;
    given.raw.outcome = WIRE_FAILED;
    span = assemble();
    assert_string_equal(span->name, "postgresql connect");
    assert_string_equal(conformance_text(&span->attributes, "error.type"), "CONNECTION_BAD");
    assert_string_equal(conformance_text(&span->attributes, "server.address"), "h");
}

static void begin_redis(void)
{
    begin("hiredis", "redis", WIRE_DATABASE);
    text(WIRE_SERVER_ADDRESS, "127.0.0.1");
    number(WIRE_SERVER_PORT, 6380);
    number(WIRE_DB_DATABASE_INDEX, 2);
}

static void test_assemble_redis(void **state)
{
    (void)state;
    begin_redis();
    text(WIRE_DB_COMMAND_FORMAT, "SET %s %b");
    text(WIRE_DB_COMMAND_ARGUMENT, "ticker:KRW-BTC");
    text(WIRE_DB_COMMAND_ARGUMENT, "secret value");
    struct span *span = assemble();
    assert_string_equal(span->name, "SET");
    assert_string_equal(print(span), "db.system.name=redis\ndb.namespace=2\ndb.query.text=SET ticker:KRW-BTC "
                                     "?\n"
                                     "db.operation.name=SET\nserver.address=127.0.0.1\nserver.port=6380\n");
    begin_redis();
    given.raw.span.operation = WIRE_PIPELINE;
    text(WIRE_DB_COMMAND_ARGUMENT, "get");
    text(WIRE_DB_COMMAND_ARGUMENT, "key");
    span = assemble();
    assert_string_equal(span->name, "get"); /* as the program gave it */
    assert_string_equal(conformance_text(&span->attributes, "db.query.text"), "get key");
    given.settings.raw = true;
    begin_redis();
    given.settings.raw = true;
    text(WIRE_DB_COMMAND_ARGUMENT, "SET");
    text(WIRE_DB_COMMAND_ARGUMENT, "key");
    text(WIRE_DB_COMMAND_ARGUMENT, "value");
    assert_string_equal(conformance_text(&assemble()->attributes, "db.query.text"), "SET key value");
    begin_redis();
    text(WIRE_DB_COMMAND_ARGUMENT, "SET key secret"); /* one word: no command name */
    span = assemble();
    assert_null(strstr(print(span), "secret"));
    assert_string_equal(span->name, "127.0.0.1:6380");
}

static void test_assemble_redis_status(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        int64_t code, error;
        const char *error_type, *status_code;
    } cases[] = {
        {"WRONGTYPE Operation against a key holding the wrong kind of value", 0, 0, "WRONGTYPE", "WRONGTYPE"},
        {"-ERR unknown command 'secret'", 0, 0, "ERR", "ERR"},
        {"my own words", 0, 0, "_OTHER", NULL},
        {NULL, 1, 111, "REDIS_ERR_IO", NULL},
        {NULL, 1, 11, "timeout", NULL},
        {NULL, 6, 0, "timeout", NULL},
        {NULL, 3, 0, "REDIS_ERR_EOF", NULL},
        {NULL, 77, 0, "_OTHER", NULL},
        {NULL, 0, 0, "_OTHER", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin_redis();
        text(WIRE_DB_COMMAND_ARGUMENT, "GET");
        text(WIRE_DB_COMMAND_ARGUMENT, "k");
        if (cases[i].reply)
            text(WIRE_DB_ERROR_REPLY, cases[i].reply);
        if (cases[i].code)
            number(WIRE_ERROR_CODE, cases[i].code);
        if (cases[i].error)
            number(WIRE_ERROR_ERRNO, cases[i].error);
        given.raw.outcome = WIRE_FAILED;
        struct span *span = assemble();
        assert_int_equal(span->status, SPAN_ERROR);
        assert_string_equal(conformance_text(&span->attributes, "error.type"), cases[i].error_type);
        const char *code = conformance_text(&span->attributes, "db.response.status_code");
        assert_int_equal(!code, !cases[i].status_code);
        if (code)
            assert_string_equal(code, cases[i].status_code);
        assert_null(span->status_message);
    }
}

static void test_assemble_root(void **state)
{
    (void)state;
    begin("", "", 0);
    given.raw.kind = RAW_ROOT;
    given.raw.instrumentation = NULL;
    given.raw.calls = 4;
    given.raw.errors = 1;
    given.raw.span.flags = WIRE_SPAN_SAMPLED;
    memset(given.raw.span.parent_span_id, 0, 8);
    strcpy(given.raw.thread_name, "poller");
    struct span *span = assemble();
    assert_string_equal(span->name, "poller");
    assert_int_equal(span->kind, SPAN_INTERNAL);
    assert_false(span->has_parent);
    assert_int_equal(span->flags, 0x101);
    assert_string_equal(span->scope, "otelshim");
    assert_string_equal(print(span), "thread.id=42\nthread.name=poller\notelshim."
                                     "calls=4\notelshim.errors=1\n");
    given.raw.thread_name[0] = 0;
    assert_string_equal(assemble()->name, "trader");
    given.process.exe = "";
    assert_string_equal(assemble()->name, "otelshim");
}

static void test_assemble_unsampled_and_remote(void **state)
{
    (void)state;
    begin_http("GET", "http://h/");
    given.raw.span.flags = WIRE_SPAN_HAS_PARENT;
    assert_null(assemble_span(&given.arena, &given.raw, &given.settings));
    given.raw.span.flags |= WIRE_SPAN_SAMPLED | WIRE_SPAN_REMOTE_PARENT;
    given.settings.values[SETTING_TRACESTATE] = "a=1";
    struct span *span = assemble();
    assert_int_equal(span->flags, 0x301);
    assert_null(span->trace_state); /* another trace than TRACEPARENT's */
    given.process.has_parent = true;
    memset(given.process.parent_trace_id, 1, 16);
    assert_string_equal(assemble()->trace_state, "a=1");
    given.raw.end_mono_ns = START_NS - 1;
    span = assemble();
    assert_true(span->end_unix_ns == span->start_unix_ns);
}

static void test_assemble_in_flight_and_abandoned(void **state)
{
    (void)state;
    begin_http("GET", "http://h/");
    given.raw.kind = RAW_IN_FLIGHT;
    given.raw.death = "killed";
    struct span *span = assemble();
    assert_int_equal(span->status, SPAN_ERROR);
    assert_string_equal(conformance_text(&span->attributes, "error.type"), "process_ended");
    assert_string_equal(conformance_text(&span->attributes, "otelshim.ended_by"), "killed");
    begin_sql("h", "5432", "SELECT 1");
    given.raw.outcome = WIRE_ABANDONED;
    number(WIRE_ERROR_CODE, 7);
    span = assemble();
    assert_int_equal(span->status, SPAN_UNSET);
    assert_true(attribute_find(&span->attributes, "otelshim.abandoned")->value.flag);
}

/* Whatever the mapped file holds, the span is by the conventions. */
static void test_assemble_hostile_facts(void **state)
{
    (void)state;
    static const char *const odd[] = {"",       "\xff\xfe", "-1", "99999999999999999999", "a\nb", "/", "@",
                                      "%s%b%n", "://",      "é"};
    srand(7);
    for (int round = 0; round < 20000; round++) {
        uint16_t family = (uint16_t)(rand() % 5);
        begin("x\xff", family == WIRE_DATABASE ? (rand() % 2 ? "redis" : "postgresql") : "\xff", family);
        for (int i = rand() % 40; i > 0; i--) {
            uint16_t key = (uint16_t)(rand() % 70);
            const char *value = odd[(size_t)rand() % (sizeof(odd) / sizeof(odd[0]))];
            if (rand() % 3)
                text(key, value);
            else
                number(key, rand() % 2 ? rand() : INT64_MIN + rand());
        }
        given.raw.kind = (enum raw_kind)(rand() % 3);
        given.raw.outcome = (enum wire_outcome)(rand() % 4);
        given.raw.span.operation = (uint8_t)rand();
        given.settings.raw = rand() % 2;
        struct span *span = assemble_span(&given.arena, &given.raw, &given.settings);
        const char *broken = conformance_check_list(
            &span->attributes, attribute_find(&span->attributes, "http.request.method") ? "http"
                               : attribute_find(&span->attributes, "db.system.name")    ? "database"
                                                                                        : "root");
        if (broken)
            fail_msg("round %d: %s", round, broken);
        assert_true(*span->name && span->end_unix_ns >= span->start_unix_ns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assemble_http),
        cmocka_unit_test(test_assemble_http_methods),
        cmocka_unit_test(test_assemble_http_status),
        cmocka_unit_test(test_assemble_http_phases),
        cmocka_unit_test(test_assemble_http_urls),
        cmocka_unit_test(test_assemble_http_host),
        cmocka_unit_test(test_assemble_http_headers),
        cmocka_unit_test(test_assemble_http_template),
        cmocka_unit_test(test_assemble_http_end),
        cmocka_unit_test(test_assemble_sql),
        cmocka_unit_test(test_assemble_sql_status),
        cmocka_unit_test(test_assemble_redis),
        cmocka_unit_test(test_assemble_redis_status),
        cmocka_unit_test(test_assemble_root),
        cmocka_unit_test(test_assemble_unsampled_and_remote),
        cmocka_unit_test(test_assemble_in_flight_and_abandoned),
        cmocka_unit_test(test_assemble_hostile_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
