/* judge: which calls are alerts, what they are called, what is known of them. */
#include "assembling.h"

#include "signals/alerts/judge.h"
#include <errno.h>

static struct judge *judge;
static struct verdict verdict;

static void begin_alerts(void)
{
    given.settings.alerts = (struct alert_settings){.is_on = true,
                                                    .min_level = ALERT_LEVEL_ERROR,
                                                    .window_ns = 300000000000ull,
                                                    .streak = 5,
                                                    .error_rate = 0.5};
}

static void judge_it(void)
{
    judge_span(judge, &given.settings, &given.raw, assemble(), &given.arena, &verdict);
}

static void begin_request(const char *method, int64_t status, int64_t code)
{
    begin_http(method, "https://api.upbit.com/v1/orders?market=KRW-ETH");
    begin_alerts();
    if (status)
        number(WIRE_HTTP_RESPONSE_STATUS_CODE, status);
    if (code)
        number(WIRE_ERROR_CODE, code);
    given.raw.outcome = code ? WIRE_FAILED : status >= 400 ? WIRE_REFUSED : WIRE_OK;
}

static const char *context(const struct alert *alert, const char *name)
{
    for (uint32_t i = 0; i < alert->n_context; i++)
        if (strcmp(alert->context[i].name, name) == 0)
            return alert->context[i].value;
    return NULL;
}

static int set_up(void **state)
{
    (void)state;
    judge = judge_create();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    judge_destroy(judge);
    arena_fini(&given.arena);
    given.arena = (struct arena){0};
    return 0;
}

/* ---- requests ---- */

static const struct {
    int64_t status, code, error;
    const char *type; /* NULL: no alert */
} requests[] = {
    {200, 0, 0, NULL},
    {304, 0, 0, NULL},
    {400, 0, 0, NULL},
    {401, 0, 0, NULL},
    {404, 0, 0, NULL},
    {429, 0, 0, NULL},
    {500, 0, 0, "HTTP 500"},
    {503, 0, 0, "HTTP 503"},
    {503, 22, 0, "HTTP 503"},
    {404, 22, 0, NULL},
    {0, 6, 0, "NameResolutionError"},
    {0, 7, ECONNREFUSED, "ConnectionRefusedError"},
    {0, 7, EHOSTUNREACH, "ConnectionError"},
    {0, 7, ETIMEDOUT, "TimeoutError"},
    {0, 28, 0, "TimeoutError"},
    {0, 28, EINPROGRESS, "TimeoutError"},
    {0, 35, 0, "SSLError"},
    {0, 60, 0, "SSLError"},
    {0, 52, 0, "ConnectionResetError"},
    {0, 56, ECONNRESET, "ConnectionResetError"},
    {0, 55, EPIPE, "BrokenPipeError"},
    {200, 18, 0, "IncompleteRead"},
    {0, 92, 0, "ProtocolError"},
    {0, 3, 0, NULL},
    {200, 23, 0, NULL},
    {0, 42, 0, NULL},
};

static void test_requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        begin_request("GET", requests[i].status, requests[i].code);
        if (requests[i].error)
            number(WIRE_ERROR_ERRNO, requests[i].error);
        given.settings.alerts.streak = 0;
        given.settings.alerts.error_rate = 0;
        judge_it();
        if (verdict.n != (requests[i].type != NULL))
            fail_msg("status %d code %d: %u alerts", (int)requests[i].status, (int)requests[i].code,
                     verdict.n);
        if (!requests[i].type)
            continue;
        assert_string_equal(verdict.alerts[0].type, requests[i].type);
        assert_int_equal(verdict.alerts[0].class, ALERT_ERROR);
        assert_non_null(strstr(verdict.alerts[0].message, "GET https://api.upbit.com/v1/orders"));
        assert_null(strstr(verdict.alerts[0].message, "KRW-ETH")); /* else each market is another problem */
    }
}

/* The documents' second scenario. */
static void test_timeout_R141(void **state)
{
    (void)state;
    begin_request("GET", 0, 28);
    text(WIRE_ERROR_MESSAGE, "Timeout was reached");
    number(WIRE_HTTP_TIMEOUT_MS, 10000);
    number(WIRE_HTTP_NAMELOOKUP_US, 12000);
    number(WIRE_HTTP_CONNECT_US, 50000);
    number(WIRE_HTTP_APPCONNECT_US, 111000);
    number(WIRE_HTTP_PRETRANSFER_US, 111100);
    number(WIRE_HTTP_NEW_CONNECTIONS, 1);
    given.raw.end_mono_ns = START_NS + 10000000000ull;
    judge_it();
    assert_int_equal(verdict.n, 1);
    const struct alert *alert = &verdict.alerts[0];
    assert_string_equal(alert->type, "TimeoutError");
    assert_string_equal(alert->message, "Timeout was reached: GET https://api.upbit.com/v1/orders");
    assert_string_equal(context(alert, "url"), "https://api.upbit.com/v1/orders?market=KRW-ETH");
    assert_string_equal(context(alert, "api_endpoint"), "/v1/orders");
    assert_string_equal(context(alert, "timeout"), "10s");
    assert_string_equal(context(alert, "duration"), "10.00 s");
    assert_string_equal(alert->phases, "dns 12 ms · connect 38 ms · tls 61 ms · waited 9.89 s");
    assert_string_equal(alert->trace_id, "01010101010101010101010101010101");
}

static void test_unsampled_has_no_trace(void **state)
{
    (void)state;
    begin_request("GET", 503, 0);
    given.raw.span.flags &= (uint8_t)~WIRE_SPAN_SAMPLED;
    judge_it();
    assert_int_equal(verdict.n, 1);
    assert_null(verdict.alerts[0].trace_id);
}

/* ---- may or may not have happened ---- */

static const struct {
    const char *method;
    int64_t status, code, sent, announced, resent; /* -1: not recorded */
    bool is_ambiguous;
} orders[] = {
    {"POST", 0, 28, 20, 20, 0, true},
    {"POST", 0, 52, 20, 20, 0, true},
    {"POST", 0, 56, 20, 20, 0, true},
    {"POST", 0, 55, 20, 20, 0, true},
    {"PATCH", 0, 28, 20, 20, 0, true},
    {"POST", 100, 28, 20, 20, 0, true}, /* "Continue" is no answer */
    {"POST", 0, 28, 0, -1, 0, true},    /* no body */
    {"POST", 0, 28, 500, -1, 0, true},  /* of unknown length */
    {"POST", 307, 28, 20, 20, 1, true}, /* of the hop before */
    {"POST", 401, 56, 20, 20, 1, true}, /* likewise, of a log-in */
    {"POST", 0, 42, 20, 20, 0, true},   /* the program gave up */
    {"POST", 0, 28, 10, 20, 0, false},  /* not whole */
    {"POST", 0, 55, 0, 20, 0, false},   /* likewise */
    {"POST", 0, 28, -1, -1, 0, false},  /* no connection yet */
    {"POST", 0, 7, -1, -1, 0, false},
    {"POST", 200, 56, 20, 20, 0, false}, /* it answered; the rest of it is lost */
    {"POST", 307, 28, 20, 20, 0, false},
    {"GET", 0, 28, 0, -1, 0, false},
    {"PUT", 0, 28, 20, 20, 0, false},
    {"DELETE", 0, 28, 0, -1, 0, false},
};

static void test_ambiguous(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        begin_request(orders[i].method, orders[i].status, orders[i].code);
        if (orders[i].sent >= 0)
            number(WIRE_HTTP_UPLOADED_BYTES, orders[i].sent);
        if (orders[i].announced >= 0)
            number(WIRE_HTTP_ANNOUNCED_BYTES, orders[i].announced);
        if (orders[i].resent)
            number(WIRE_HTTP_RESEND_COUNT, orders[i].resent);
        judge_it();
        bool is_ambiguous = verdict.n && verdict.alerts[0].class == ALERT_AMBIGUOUS;
        if (is_ambiguous != orders[i].is_ambiguous)
            fail_msg("row %zu: %d", i, is_ambiguous);
        if (is_ambiguous)
            assert_non_null(
                strstr(verdict.alerts[0].message, "may or may not have happened: check before retrying"));
    }
}

static void test_ambiguous_says_which(void **state)
{
    (void)state;
    begin_request("POST", 0, 28);
    number(WIRE_HTTP_UPLOADED_BYTES, 42);
    number(WIRE_HTTP_ANNOUNCED_BYTES, 42);
    number(WIRE_HTTP_TIMEOUT_MS, 3000);
    text(WIRE_HTTP_REQUEST_HEADER, "Idempotency-Key: order-7");
    text(WIRE_HTTP_REQUEST_HEADER, "Accept: text/plain");
    text(WIRE_HTTP_REQUEST_BODY, "{\"market\":\"KRW-ETH\",\"api_key\":\"abcdef0123456789abcdef\"}");
    judge_it();
    const struct alert *alert = &verdict.alerts[0];
    assert_int_equal(alert->class, ALERT_AMBIGUOUS);
    assert_int_equal(alert->level, ALERT_LEVEL_CRITICAL);
    assert_string_equal(context(alert, "body_size"), "42 bytes");
    assert_string_equal(context(alert, "idempotency-key"), "order-7");
    assert_null(context(alert, "accept"));
    assert_string_equal(context(alert, "timeout"), "3.00 s");
    assert_non_null(context(alert, "sent_at"));
    assert_non_null(strstr(context(alert, "body"), "KRW-ETH"));
    assert_null(strstr(context(alert, "body"), "abcdef0123456789"));
    assert_true(alert->is_distinct);
    for (int i = 0; i < 20; i++) {
        judge_it();
        assert_int_equal(verdict.alerts[0].is_distinct, i < 9); /* a flood of them is one problem */
    }
}

static void test_ambiguous_of_the_dead(void **state)
{
    (void)state;
    begin_request("POST", 0, 0);
    given.raw.kind = RAW_IN_FLIGHT;
    given.raw.death = "killed";
    judge_it();
    assert_int_equal(verdict.n, 1);
    assert_int_equal(verdict.alerts[0].class, ALERT_AMBIGUOUS);
    assert_non_null(strstr(verdict.alerts[0].message, "was under way"));
    begin_request("GET", 0, 0);
    given.raw.kind = RAW_IN_FLIGHT;
    judge_it();
    assert_int_equal(verdict.n, 0);
}

/* Where nobody wants to hear of those, it is an error like others. */
static void test_ambiguous_is_off(void **state)
{
    (void)state;
    begin_request("POST", 0, 28);
    number(WIRE_HTTP_UPLOADED_BYTES, 1);
    given.settings.alerts.sounds[ALERT_AMBIGUOUS] = ALERT_OFF;
    judge_it();
    assert_int_equal(verdict.n, 1);
    assert_int_equal(verdict.alerts[0].class, ALERT_ERROR);
}

/* ---- databases ---- */

static const struct {
    const char *state, *type; /* type NULL: no alert */
} states[] = {
    {"08006", "OperationalError"},
    {"53300", "TooManyConnections"},
    {"53999", "InsufficientResources"},
    {"57P01", "AdminShutdown"},
    {"57014", "QueryCanceled"},
    {"58030", "IoError"},
    {"XX001", "DataCorrupted"},
    {"XX000", "InternalError"},
    {"23505", NULL},
    {"40001", NULL},
    {"42601", NULL},
    {"00000", NULL},
    {"02000", NULL},
};

static void test_sql(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        begin_sql("db.local", "5432", "SELECT * FROM orders WHERE id = 7");
        begin_alerts();
        text(WIRE_DB_RESPONSE_STATUS_CODE, states[i].state);
        given.raw.outcome = strncmp(states[i].state, "02", 2) > 0 ? WIRE_FAILED : WIRE_OK;
        judge_it();
        if (verdict.n != (states[i].type != NULL))
            fail_msg("%s: %u alerts", states[i].state, verdict.n);
        if (!states[i].type)
            continue;
        assert_string_equal(verdict.alerts[0].type, states[i].type);
        assert_string_equal(context(&verdict.alerts[0], "sqlstate"), states[i].state);
        assert_string_equal(context(&verdict.alerts[0], "statement"), "SELECT * FROM orders WHERE id = ?");
    }
}

static void test_lost_connections(void **state)
{
    (void)state;
    static const struct {
        bool is_redis;
        int64_t code, error;
        const char *type;
    } rows[] = {
        {false, 1, 0, "OperationalError"},
        {false, 7, 0, "OperationalError"},
        {false, 11, 0, NULL}, /* what came before it is told */
        {true, 1, ECONNREFUSED, "ConnectionRefusedError"},
        {true, 1, ECONNRESET, "ConnectionResetError"},
        {true, 1, EAGAIN, "TimeoutError"},
        {true, 3, 0, "ConnectionResetError"},
        {true, 2, 0, "ConnectionError"},
        {true, 5, 0, NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin_sql("db.local", "5432", NULL);
        if (rows[i].is_redis) {
            begin("hiredis", "redis", WIRE_DATABASE);
            text(WIRE_SERVER_ADDRESS, "cache.local");
            text(WIRE_DB_COMMAND_FORMAT, "GET price");
        }
        begin_alerts();
        given.settings.alerts.streak = 0;
        number(WIRE_ERROR_CODE, rows[i].code);
        if (rows[i].error)
            number(WIRE_ERROR_ERRNO, rows[i].error);
        given.raw.outcome = WIRE_FAILED;
        judge_it();
        if (verdict.n != (rows[i].type != NULL))
            fail_msg("row %zu: %u alerts", i, verdict.n);
        if (rows[i].type)
            assert_string_equal(verdict.alerts[0].type, rows[i].type);
    }
}

static void test_error_reply_is_no_alert(void **state)
{
    (void)state;
    begin("hiredis", "redis", WIRE_DATABASE);
    begin_alerts();
    text(WIRE_SERVER_ADDRESS, "cache.local");
    text(WIRE_DB_ERROR_REPLY, "WRONGTYPE Operation against a key");
    given.raw.outcome = WIRE_FAILED;
    judge_it();
    assert_int_equal(verdict.n, 0);
}

/* ---- slow ---- */

static void test_slow(void **state)
{
    (void)state;
    begin_request("GET", 200, 0);
    given.raw.end_mono_ns = START_NS + 7500000000ull;
    judge_it();
    assert_int_equal(verdict.n, 0);
    given.settings.alerts.slow_ns = 5000000000ull;
    judge_it();
    assert_int_equal(verdict.n, 1);
    assert_int_equal(verdict.alerts[0].class, ALERT_SLOW);
    assert_string_equal(verdict.alerts[0].message,
                        "GET https://api.upbit.com/v1/orders took 7.50 s, more than 5.00 s");
    begin("hiredis", "redis", WIRE_DATABASE);
    begin_alerts();
    given.settings.alerts.slow_ns = 1;
    text(WIRE_DB_COMMAND_FORMAT, "BLPOP queue 0");
    judge_it();
    assert_int_equal(verdict.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_timeout_R141, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unsampled_has_no_trace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ambiguous, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ambiguous_says_which, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ambiguous_of_the_dead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ambiguous_is_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sql, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lost_connections, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_error_reply_is_no_alert, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_slow, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
