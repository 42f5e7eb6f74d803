/* rule_set: what matches, what a rule says of it, what it remembers. */
#include "ruling.h"

#define ORDERS "https://api.upbit.com/v1/orders"

static void test_http(void **state)
{
    static const struct {
        const char *match, *method, *url;
        int64_t status;
        bool fits;
    } cases[] = {
        {"http POST api.upbit.com/v1/orders", "POST", ORDERS, 201, true},
        {"http POST api.upbit.com/v1/orders", "POST", ORDERS "?a=b#c", 201, true},
        {"http POST api.upbit.com/v1/orders", "GET", ORDERS, 201, false},
        {"http * *.upbit.com/*", "GET", ORDERS, 201, true},
        {"http * API.UPBIT.COM/*", "GET", ORDERS, 201, true},
        {"http * upbit.com/*", "GET", ORDERS, 201, false},
        {"http * a|api.upbit.com|b/v1/orders", "GET", ORDERS, 201, true},
        {"http * api.upbit.com", "GET", ORDERS, 201, true},
        {"http * api.upbit.com:443/*", "GET", ORDERS, 201, true},
        {"http * api.upbit.com:80/*", "GET", ORDERS, 201, false},
        {"http * https://api.upbit.com/v1/orders", "GET", ORDERS, 201, true},
        {"http * */v1/orders/", "GET", ORDERS, 201, false},
        {"http * */v1", "GET", ORDERS, 201, false},
        {"http * */v1/*", "GET", ORDERS, 201, true},
        {"http * */v1/{x}", "GET", ORDERS, 201, true},
        {"http * */v1/{x}/y", "GET", ORDERS, 201, false},
        {"http * */{v}/ord*s", "GET", ORDERS, 201, true},
        {"http * */", "GET", "http://h/", 200, true},
        {"http * */", "GET", "http://h", 200, true},
        {"http * */v1/{x}", "GET", "http://h/v1/", 200, false},
        {"http PATCH|X */*", "PATCH", "http://h/a", 200, false},
        {"http M-SEARCH */*", "M-SEARCH", "http://h/a", 200, true},
        {"http * */* status=201", "POST", ORDERS, 201, true},
        {"http * */* status=200-299", "POST", ORDERS, 299, true},
        {"http * */* status=200-299", "POST", ORDERS, 300, false},
        {"http * */* status=4xx,5xx", "POST", ORDERS, 503, true},
        {"http * */* status=4xx,5xx", "POST", ORDERS, 302, false},
        {"http * */* status!=2xx", "POST", ORDERS, 302, true},
        {"http * */* status>=500", "POST", ORDERS, 500, true},
        {"http * */* status<500", "POST", ORDERS, 500, false},
        {"http * */* error", "POST", ORDERS, 500, true},
        {"http * */* ok", "POST", ORDERS, 500, false},
        {"http * */* duration>4ms", "POST", ORDERS, 200, true},
        {"http * */* duration>5ms", "POST", ORDERS, 200, false},
        {"http * */* duration>=0.005s duration<6000us", "POST", ORDERS, 200, true},
        {"http * */* $query.a=b", "GET", "http://h/x?c=d&a=b", 200, true},
        {"http * */* $query.a=none", "GET", "http://h/x?c=d", 200, true},
        {"http * */* $query.signature=*x*", "GET", "http://h/x?Signature=x", 200, false},
        {"http * */* $path=/v1/*", "GET", ORDERS, 200, true},
        {"http * */* $host=api.*", "GET", ORDERS, 200, true},
        {"http * */* $error=500", "GET", ORDERS, 500, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char written[256];
        snprintf(written, sizeof(written), "[rule r]\nmatch = %s\ncounter n = 1\n", cases[i].match);
        write_rules(written);
        assert_string_equal(rules.notes, "");
        begin_call(cases[i].method, cases[i].url, cases[i].status);
        if ((strcmp(ask(), "counter n{} 1\n") == 0) != cases[i].fits)
            fail_msg("%s: %s %s %d", cases[i].match, cases[i].method, cases[i].url, (int)cases[i].status);
    }
}

static void test_no_answer(void **state)
{
    (void)state;
    write_rules("[rule r]\nmatch = http * */* status=none\ncounter n{type=$error} = 1\n");
    begin_http("GET", ORDERS);
    number(WIRE_ERROR_CODE, 28);
    given.raw.outcome = WIRE_FAILED;
    assert_string_equal(ask(), "counter n{type=CURLE_OPERATION_TIMEDOUT} 1\n");
}

static void test_statements(void **state)
{
    static const struct {
        const char *match, *statement;
        bool fits;
    } cases[] = {
        {"sql INSERT INTO trades", "INSERT INTO trades (a) VALUES (1)", true},
        {"sql INSERT INTO trades", "insert  into\n trades(a) values (1)", true},
        {"sql INSERT INTO trades", "INSERT INTO trades_old VALUES (1)", false},
        {"sql INSERT INTO trades*", "INSERT INTO trades_old VALUES (1)", true},
        {"sql \"INSERT INTO trades\" ok", "INSERT INTO trades VALUES (1)", true},
        {"sql INSERT INTO trades error", "INSERT INTO trades VALUES (1)", false},
        {"sql COMMIT", "COMMIT", true},
        {"sql *FOR UPDATE", "SELECT 1 FOR UPDATE", true},
        {"sql SELECT * $rows=none", "SELECT 1", true},
        {"sql * $summary=*trades*", "DELETE FROM trades", true},
        {"sql INSERT INTO trades", "SELECT 1", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char written[256];
        snprintf(written, sizeof(written), "[rule r]\nmatch = %s\ncounter n = 1\n", cases[i].match);
        write_rules(written);
        assert_string_equal(rules.notes, "");
        begin_sql("db", "5432", cases[i].statement);
        if ((strcmp(ask(), "counter n{} 1\n") == 0) != cases[i].fits)
            fail_msg("%s: %s", cases[i].match, cases[i].statement);
    }
}

/* R127, R128, R131, R134: the documents' analysis, out of a line of the log. */
static void test_log_lines(void **state)
{
    (void)state;
    write_rules(
        "[rule analysis]\n"
        "match = log \"AI analysis complete: coin=*, decision=*, confidence=*%, took *ms\" level>=info\n"
        "counter analysis.executions{status=success, asset_type=crypto, asset_name=$1, decision=$2, "
        "confidence_range=bucket($3, 40, 70)} = 1\n"
        "histogram analysis.duration[ms]{status=success, asset_type=crypto} = $4\n"
        "message = template analysis\n"
        "field.symbol = $1\nfield.decision = $2\nfield.confidence = $3\nfield.time = \"noon\"\n");
    assert_string_equal(rules.notes, "");
    assert_string_equal(
        ask_log("AI analysis complete: coin=BTC, decision=buy, confidence=85%, took 2200ms", SEVERITY_INFO),
        "alert 5/0 analysis: 📈 *AI analysis complete*\n🕒 noon\n\n*Asset:* BTC\n*Market:* cryptocurrency\n\n"
        "*Decision:* buy\n*Confidence:* 85% (high 🔥)\n"
        "counter analysis.executions{status=success,asset_type=crypto,asset_name=BTC,decision=buy,"
        "confidence_range=high} 1\n"
        "histogram analysis.duration ms{status=success,asset_type=crypto} 2200\n");
    assert_non_null(strstr(
        ask_log("AI analysis complete: coin=a, b, decision=x, confidence=40%, took 1ms", SEVERITY_INFO),
        "asset_name=a, b,decision=x,confidence_range=medium"));
    assert_non_null(
        strstr(ask_log("AI analysis complete: coin=, decision=, confidence=39%, took 1ms", SEVERITY_INFO),
               "confidence_range=low"));
    assert_string_equal(
        ask_log("AI analysis complete: coin=BTC, decision=buy, confidence=85%, took 2200ms", 5), "");
    assert_string_equal(ask_log("AI analysis complete: coin=BTC", SEVERITY_INFO), "");
}

static void test_json_log_lines(void **state)
{
    (void)state;
    write_rules("[rule a]\nmatch = log {* $body/event=order_filled\ncounter n{s=$body/data/symbol} = "
                "$body/data/volume\n"
                "[rule b]\nmatch = log * level>=error\nmessage = error RejectedError\nfield.message = $body\n"
                "field.first = $1\n");
    assert_string_equal(rules.notes, "");
    assert_string_equal(
        ask_log("{\"event\":\"order_filled\",\"data\":{\"symbol\":\"BTC\",\"volume\":\"0.5\"}}",
                SEVERITY_INFO),
        "counter n{s=BTC} 0.5\n");
    assert_string_equal(ask_log("order rejected", SEVERITY_ERROR),
                        "alert 2/2 RejectedError: order rejected\n  first: order rejected\n");
}

/* Of standard output: matched by what a line says and by all of it; $body is all of it, also where only a message is exported. */
static void test_lines_of_output(void **state)
{
    (void)state;
    static const char json[] = "{\"level\":\"error\",\"msg\":\"order failed\",\"coin\":\"BTC\"}",
                      plain[] = "2025-11-09 15:30:42 ERROR order failed";
    const struct log_record of_json = {.severity = SEVERITY_ERROR,
                                       .body = {"order failed", 12},
                                       .message = {"order failed", 12},
                                       .line = {json, sizeof(json) - 1}},
                            of_plain = {.severity = SEVERITY_ERROR,
                                        .body = {plain, sizeof(plain) - 1},
                                        .message = {"order failed", 12},
                                        .line = {plain, sizeof(plain) - 1}};
    struct rule_results results;
    write_rules(
        "[rule a]\nmatch = log \"order *\"\nmessage = text {coin} {what}\nfield.coin = $body/coin\n"
        "field.what = $1\n[rule b]\nmatch = log \"2025-* ERROR *\"\nmessage = text {all}\nfield.all = $2\n");
    assert_string_equal(rules.notes, "");
    rule_set_log(rules.set, &rules.settings, &of_json, &given.arena, &results);
    assert_int_equal(results.n_alerts, 1);
    assert_non_null(strstr(results.alerts[0].body, "BTC failed"));
    rule_set_log(rules.set, &rules.settings, &of_plain, &given.arena, &results);
    assert_int_equal(results.n_alerts, 1); /* of rule a nothing is left: there is no coin */
    assert_non_null(strstr(results.alerts[0].body, "order failed"));
    arena_reset(&given.arena);
}

/* R108: context out of the request. */
static void test_an_error_with_its_context(void **state)
{
    (void)state;
    write_rules("[rule funds]\n"
                "match = http POST api.upbit.com/v1/orders /error/name=insufficient_funds_*\n"
                "message = error InsufficientFundsError\nlevel = critical\n"
                "field.message = $response/error/message\nfield.coin = after($request/market, \"-\")\n"
                "field.order_type = map($request/side, bid:buy, ask:sell)\nfield.amount = "
                "format($request/price, \",.0f\")\n");
    assert_string_equal(rules.notes, "");
    begin_call("POST", ORDERS, 400);
    body_fact(WIRE_HTTP_REQUEST_BODY, "{\"market\":\"KRW-BTC\",\"side\":\"bid\",\"price\":\"50000\"}", false);
    body_fact(WIRE_HTTP_RESPONSE_BODY,
              "{\"error\":{\"name\":\"insufficient_funds_bid\",\"message\":\"잔고 부족\"}}", false);
    assert_string_equal(
        ask(),
        "alert 2/3 InsufficientFundsError: 잔고 부족\n  coin: BTC\n  order_type: buy\n  amount: 50,000\n");
}

static void test_values(void **state)
{
    static const struct {
        const char *value, *expected;
    } cases[] = {
        {"1", "1"},
        {"\"5,000\"", "5000"},
        {"$request/price", "50000"},
        {"$response/n", "7"},
        {"$response/none", NULL},
        {"${response/a b}", "8"},
        {"mul($request/price, 2)", "100000"},
        {"add(1, sub(5, div(9, 3)))", "3"},
        {"div(1, 0)", NULL},
        {"default($response/none, 4)", "4"},
        {"map($status, 429:1, 2xx:2, >=200:3, *:4)", "3"},
        {"map($response/none, *:4)", "4"},
        {"map($response/none, x:4)", NULL},
        {"count($response/list)", "3"},
        {"sum($response/list, /v)", "6.5"},
        {"sum($response/list, /none)", NULL},
        {"number(\" 17 \")", "17"},
        {"number(x)", NULL},
        {"join(1, \"0\", 2)", "102"},
        {"join(1, $response/none)", NULL},
        {"before(\"12-34\", -)", "12"},
        {"after(\"12-34\", -)", "34"},
        {"after(12, -)", NULL},
        {"$duration_ms", "5"},
        {"$duration_s", "0.005"},
        {"$status", "201"},
        {"$port", "443"},
        {"$query.page", "3"},
        {"$header.x-weight", "17"},
        {"$path.id", "9"},
        {"$attribute.http.response.status_code", "201"},
        {"has($query.page)", NULL},
        {"words(numbers, upper(one))", "1"},
        {"words(numbers, TWO)", NULL},
        {"map(lower(\"AB\"), ab:1)", "1"},
        {"map(has($query.none), false:1)", "1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char written[256];
        snprintf(written, sizeof(written),
                 "[words numbers]\nONE = 1\n[rule r]\nmatch = http * */{v}/{id}\ngauge n = %s\n",
                 cases[i].value);
        write_rules(written);
        assert_string_equal(rules.notes, "");
        begin_call("POST", "https://api.upbit.com/v1/9?page=3", 201);
        body_fact(WIRE_HTTP_REQUEST_BODY, "market=KRW-BTC&price=50000", false);
        body_fact(WIRE_HTTP_RESPONSE_BODY,
                  "{\"n\":7,\"a b\":8,\"list\":[{\"v\":1},{\"v\":\"2.5\"},{\"v\":3}]}", false);
        text(WIRE_HTTP_RESPONSE_HEADER, "X-Weight: 17");
        const char *expected =
            cases[i].expected ? arena_printf(&given.arena, "gauge n{} %s\n", cases[i].expected) : "";
        assert_string_equal(ask(), expected);
    }
}

static const char balances[] =
    "[rule r]\nmatch = http GET */v1/accounts\neach = $response\nwhere = $each/currency!=KRW\n"
    "gauge held{s=$each/currency} = $each/balance, else 0\ncounter seen = 1\nremember "
    "balance[$each/currency] = $each/balance\n"
    "message = text {each symbols}{i}. {symbols}: {amounts:.1f}\nfield.symbols = $each/currency\n"
    "field.amounts = $each/balance\n"
    "[rule other]\nmatch = http GET */other\ngauge remembered = $memory.balance[BTC]\n";

static const char *ask_balances(const char *body, bool is_cut)
{
    begin_call("GET", "http://h/v1/accounts", 200);
    body_fact(WIRE_HTTP_RESPONSE_BODY, body, is_cut);
    return ask();
}

static void test_each_element(void **state)
{
    (void)state;
    write_rules(balances);
    assert_string_equal(rules.notes, "");
    assert_string_equal(
        ask_balances("[{\"currency\":\"KRW\",\"balance\":\"1\"},{\"currency\":\"BTC\",\"balance\":\"0.5\"},"
                     "{\"currency\":\"ETH\",\"balance\":\"2\"}]",
                     false),
        "alert 5/0 r: 1. BTC: 0.5\n2. ETH: 2.0\n"
        "gauge held{s=BTC} 0.5\ngauge held{s=ETH} 2\ncounter seen{} 1\n");
    /* cut: ETH may stand behind the cut */
    assert_non_null(strstr(ask_balances("[{\"currency\":\"BTC\",\"balance\":\"0.7\"},{\"curr", true),
                           "gauge held{s=BTC} 0.7\ncounter"));
    assert_non_null(strstr(ask_balances("[{\"currency\":\"BTC\",\"balance\":\"0.7\"}]", false),
                           "gauge held{s=BTC} 0.7\ngauge held{s=ETH} 0\ncounter"));
    assert_non_null(strstr(ask_balances("[{\"currency\":\"BTC\",\"balance\":\"0.8\"}]", false),
                           "gauge held{s=BTC} 0.8\ncounter"));
    assert_string_equal(ask_balances("[]", false), "gauge held{s=BTC} 0\ncounter seen{} 1\n");
    assert_string_equal(ask_balances("{}", false), "");
    begin_call("GET", "http://h/other", 200);
    assert_string_equal(ask(), "gauge remembered{} 0.8\n");
}

static void test_once(void **state)
{
    static const char text[] =
        "[rule r]\nmatch = http GET */v1/order /state=done\nonce = $response/uuid\ncounter n = 1\n"
        "message = text done\n";
    (void)state;
    write_rules(text);
    for (int i = 0; i < 3; i++) {
        begin_call("GET", "http://h/v1/order", 200);
        given.raw.span.span_id[0] = (uint8_t)i;
        body_fact(WIRE_HTTP_RESPONSE_BODY, "{\"state\":\"done\",\"uuid\":\"a\"}", false);
        assert_string_equal(ask(), i ? "" : "alert 5/0 r: done\ncounter n{} 1\n");
    }
    begin_call("GET", "http://h/v1/order", 200);
    body_fact(WIRE_HTTP_RESPONSE_BODY, "{\"state\":\"done\"}", false);
    assert_string_equal(ask(), ""); /* nobody knows which */
    write_rules(text);              /* told early, counted late */
    begin_call("GET", "http://h/v1/order", 200);
    body_fact(WIRE_HTTP_RESPONSE_BODY, "{\"state\":\"done\",\"uuid\":\"a\"}", false);
    assert_string_equal(ask_pass(RULES_TELL), "alert 5/0 r: done\n");
    assert_string_equal(ask_pass(RULES_COUNT), "counter n{} 1\n");
}

/* Control characters of a body do not get into labels, where two of them have a meaning. */
static void test_labels_are_clean(void **state)
{
    (void)state;
    write_rules("[rule r]\nmatch = http * */*\neach = $response\ngauge g{a=$each/x} = 1, else 0\n");
    for (int i = 0; i < 2; i++) {
        begin_call("GET", "http://h/", 200);
        body_fact(WIRE_HTTP_RESPONSE_BODY, i ? "[]" : "[{\"x\":\"p\\u001fq\\u001er\"},{\"x\":\"\\n\"}]",
                  false);
        assert_string_equal(ask(), i ? "gauge g{a=p q r} 0\ngauge g{a= } 0\n"
                                     : "gauge g{a=p q r} 1\ngauge g{a= } 1\n");
    }
}

/* A root has no call of its own; a statement is none of HTTP's. */
static void test_what_is_not_asked_about(void **state)
{
    (void)state;
    write_rules("[rule r]\nmatch = http * *\nmatch = span *\ncounter n{m=$method} = 1\n");
    begin_call("GET", "http://h/", 200);
    assert_string_equal(ask(), "counter n{m=GET} 1\n");
    given.raw.kind = RAW_ROOT;
    struct rule_results results;
    given.raw.kind = RAW_SPAN;
    struct span *span = assemble();
    given.raw.kind = RAW_ROOT;
    rule_set_span(rules.set, &rules.settings, &given.raw, span, RULES_ALL, &given.arena, &results);
    assert_int_equal(results.n_measurements, 0);
    begin_sql("db", "5432", "SELECT 1");
    assert_string_equal(ask(), "counter n{} 1\n");
}

/* R134, R138: what the query asked for and the answer says, on the span itself. */
static void test_attributes_of_the_span(void **state)
{
    (void)state;
    write_rules("[rule results]\n"
                "match = http GET */api/analysis-results\n"
                "attribute.page = number($query.page)\n"
                "attribute.per_page = $query.per_page\n"
                "attribute.decision = default($query.decision, all)\n"
                "attribute.min = number($query.min)\n"
                "attribute.result_count = count($response/results)\n"
                "attribute.analysis.confidence = number($response/results/0/confidence)\n");
    assert_string_equal(rules.notes, "");
    begin_call("GET", "http://h/api/analysis-results?page=2&per_page=020&decision=buy", 200);
    body_fact(WIRE_HTTP_RESPONSE_BODY, "{\"results\":[{\"confidence\":72.5},{},{}]}", false);
    const char said[] = "attribute page: int 2\nattribute per_page: 020\nattribute decision: buy\n"
                        "attribute result_count: int 3\nattribute analysis.confidence: double 72.5\n";
    assert_string_equal(ask(), said);
    assert_string_equal(ask_pass(RULES_TELL), "");
    assert_string_equal(ask_pass(RULES_COUNT), said);
}

static void test_attributes_that_cannot_be(void **state)
{
    (void)state;
    write_rules("[rule line]\nmatch = log \"*\"\nattribute.a = $1\n"
                "[rule list]\nmatch = http * *\neach = $response\nattribute.a = $each/x\n"
                "[rule none]\nmatch = http * *\nattribute. = x\n");
    assert_null(rules.set);
    assert_string_equal(
        rules.notes,
        ":1: rule line: attribute.NAME is allowed for http, sql and span; rule left out\n"
        ":4: rule list: attribute.NAME has one value: $each is not allowed there; rule left out\n"
        ":10: rule none: field.NAME = VALUE and attribute.NAME = VALUE are allowed, 32 times each in a rule; "
        "rule left out\n");
}

/* Of a list that is written in several places the first word that fits counts. */
static void test_words(void **state)
{
    (void)state;
    write_rules("[words services]\n*.upbit.com = mine\n[words other]\nx = y\n"
                "[words services]\n* = any\napi.upbit.com = never\n"
                "[rule r]\nmatch = http * *\ncounter n{service=words(services, $host)} = 1\n");
    assert_string_equal(rules.notes, "");
    begin_call("GET", ORDERS, 200);
    assert_string_equal(ask(), "counter n{service=mine} 1\n");
    begin_call("GET", "http://h/", 200);
    assert_string_equal(ask(), "counter n{service=any} 1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http),
        cmocka_unit_test(test_no_answer),
        cmocka_unit_test(test_statements),
        cmocka_unit_test(test_log_lines),
        cmocka_unit_test(test_json_log_lines),
        cmocka_unit_test(test_lines_of_output),
        cmocka_unit_test(test_an_error_with_its_context),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_each_element),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_labels_are_clean),
        cmocka_unit_test(test_what_is_not_asked_about),
        cmocka_unit_test(test_attributes_of_the_span),
        cmocka_unit_test(test_attributes_that_cannot_be),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, end_rules);
}
