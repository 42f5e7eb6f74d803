/* assemble: requests: names, URLs, status, phases, headers. */
#include "assembling.h"

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
    span = assemble_call(&given.arena, &given.raw, &given.settings);
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

/* A key is written as it is: a name that is none, and maybe no UTF-8, would have the whole request refused. */
static void test_assemble_http_header_names(void **state)
{
    static const char *const lines[] = {"X-\xff: 1", "X-\xc3\x84: 1", "X y: 1", "X\t: 1", ": 1"};
    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        begin_http("GET", "http://h/");
        uint32_t n = assemble()->attributes.n;
        text(WIRE_HTTP_RESPONSE_HEADER, lines[i]);
        assert_int_equal(assemble()->attributes.n, n);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assemble_http),          cmocka_unit_test(test_assemble_http_methods),
        cmocka_unit_test(test_assemble_http_status),   cmocka_unit_test(test_assemble_http_phases),
        cmocka_unit_test(test_assemble_http_urls),     cmocka_unit_test(test_assemble_http_host),
        cmocka_unit_test(test_assemble_http_headers),  cmocka_unit_test(test_assemble_http_header_names),
        cmocka_unit_test(test_assemble_http_template), cmocka_unit_test(test_assemble_http_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
