/* profile api: R113, R129, R130, R143: the documents' http.request_id, api.calls and api.call.duration, of every request of libcurl. */
#include "ruling.h"

static void test_services_and_operations(void **state)
{
    static const struct {
        const char *method, *url;
        int64_t status;
        const char *service, *operation, *said;
    } cases[] = {
        {"GET", "https://api.upbit.com/v1/ticker?markets=KRW-BTC", 200, "upbit", "ticker", "success"},
        {"GET", "https://api.upbit.com/v1/candles/minutes/1?market=KRW-BTC", 200, "upbit", "candles",
         "success"},
        {"GET", "https://api.upbit.com/v1/orders/chance", 429, "upbit", "order_chance", "error"},
        {"POST", "https://api.upbit.com/v1/orders", 201, "upbit", "place_order", "success"},
        {"POST", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent",
         503, "gemini", "generate_content", "error"},
        {"GET", "http://other.example/a/17", 200, "other.example", "GET", "success"},
        {"GET", "http://other.example", 404, "other.example", "GET", "error"},
    };
    (void)state;
    read_rules("api", LANGUAGE_KO);
    assert_string_equal(rules.notes, "");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin_call(cases[i].method, cases[i].url, cases[i].status);
        const char *said = ask();
        assert_string_equal(said, arena_printf(&given.arena,
                                               "counter api.calls{service=%s,operation=%s,status=%s} 1\n"
                                               "histogram api.call.duration ms{service=%s,operation=%s} 5\n"
                                               "attribute http.request_id: unknown\n",
                                               cases[i].service, cases[i].operation, cases[i].said,
                                               cases[i].service, cases[i].operation));
    }
}

/* No answer came: a call all the same. */
static void test_no_answer(void **state)
{
    (void)state;
    read_rules("api", LANGUAGE_KO);
    begin_http("GET", "https://api.upbit.com/v1/ticker");
    number(WIRE_ERROR_CODE, 28);
    given.raw.outcome = WIRE_FAILED;
    assert_string_equal(ask(), "counter api.calls{service=upbit,operation=ticker,status=error} 1\n"
                               "histogram api.call.duration ms{service=upbit,operation=ticker} 5\n"
                               "attribute http.request_id: unknown\n");
    begin_sql("db", "5432", "SELECT 1");
    assert_string_equal(ask(), "");
}

/* R113: of the answer, else of the request, else "unknown", as above. */
static void test_request_id(void **state)
{
    (void)state;
    read_rules("api", LANGUAGE_KO);
    begin_call("GET", "https://api.upbit.com/v1/ticker", 200);
    text(WIRE_HTTP_REQUEST_HEADER, "X-Request-ID: ours-1");
    assert_non_null(strstr(ask(), "attribute http.request_id: ours-1\n"));
    text(WIRE_HTTP_RESPONSE_HEADER, "x-request-id: theirs-2");
    assert_non_null(strstr(ask(), "attribute http.request_id: theirs-2\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_services_and_operations),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_request_id),
    };
    return cmocka_run_group_tests(tests, NULL, end_rules);
}
