/* rule_parse: what is wrong is said, and the rest works; files; the README's example. */
#include "ruling.h"

#define ORDERS "https://api.upbit.com/v1/orders"

static void test_what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *text, *notes;
    } cases[] = {
        {"[rule a]\ncounter n = 1\n", ":1: rule a: a line match = … is needed; rule left out\n"},
        {"[rule a]\nmatch = ftp x\n",
         ":2: rule a: http, sql, log or span is allowed behind match =; rule left out\n"},
        {"[rule a]\nmatch = http GET\n",
         ":2: rule a: http METHOD HOST/PATH CONDITION… is allowed; rule left out\n"},
        {"[rule a]\nmatch = http * */* nonsense\n",
         ":2: rule a: conditions as status=2xx, duration>500ms, /error/name=X*, $request/side!=bid, "
         "level>=error, error, ok "
         "are allowed; rule left out\n"},
        {"[rule a]\nmatch = http * */*\n\n# c\ngauge n = $nothing\n",
         ":5: rule a: $request/…, $response/…, $each/…, $query.NAME, $header.NAME, $path.NAME, $status, "
         "$duration_ms, "
         "$body, $1 and others of the README are allowed; rule left out\n"},
        {"[rule a]\nmatch = http * */*\ncounter 9 = 1\n",
         ":3: rule a: a name of letters, digits, _ . - / is allowed; rule left out\n"},
        {"[rule a]\nmatch = http * */*\ncounter n{a} = 1\n",
         ":3: rule a: {label=value,label=value} is allowed, 32 labels; rule left out\n"},
        {"[rule a]\nmatch = http * */*\ncounter n{a=1 = 1\n", ":3: rule a: a } is missing; rule left out\n"},
        {"[rule a]\nmatch = http * */*\ncounter n = bucket(1)\n",
         ":3: rule a: bucket(NUMBER, MEDIUM, HIGH) is allowed; rule left out\n"},
        {"[rule a]\nmatch = http * */*\ncounter n = add(1, 2\n",
         ":3: rule a: a ) is missing; rule left out\n"},
        {"[rule a]\nmatch = http * */*\nfield.a = \"x\n",
         ":3: rule a: a closing \" is missing; rule left out\n"},
        {"[rule a]\nmatch = http * */*\nfield.a = \"x\" y\n",
         ":3: rule a: nothing may follow a value: join(A, \" \", B) is allowed; rule left out\n"},
        {"[rule a]\nmatch = http * */*\nclass = crash\n",
         ":3: rule a: class = error, slow, log, trade or info is allowed; rule left out\n"},
        {"[rule a]\nmatch = http * */*\nlevel = loud\n",
         ":3: rule a: level = info, warn, error or critical is allowed; rule left out\n"},
        {"[rule a]\nmatch = http * */*\nsound = loud\n",
         ":3: rule a: sound = on or silent is allowed; rule left out\n"},
        {"[rule a]\nmatch = http * */*\nmessage = buy\n",
         ":3: rule a: message = template NAME, message = text TEXT or message = error TYPE is allowed; rule "
         "left out\n"},
        {"[rule a]\nmatch = http * */*\nmessage = text {\n",
         ":3: rule a: a name of letters, digits, _ . - is allowed in {}; rule left out\n"},
        {"[rule a]\nmatch = http * */*\nmessage = template none\n",
         ":1: rule a: no template is called none; it sends no message\n"},
        {"[rule a]\nmatch = http * */*\nfield.a = $each/b\n",
         ":1: rule a: a line each = … is needed for $each; rule left out\n"},
        {"[rule a]\nmatch = http * */*\neach = 1\n",
         ":3: rule a: each = $response/list, $request/list or $body/list is allowed; rule left out\n"},
        {"[rule a]\nmatch = http * */*\ngauge n = 1, else 0\n",
         ":3: rule a: VALUE, and of a gauge with $each in its labels VALUE, else VALUE, is allowed; rule "
         "left out\n"},
        {"[rule a]\nmatch = http * */*\nremember = 1\n",
         ":3: rule a: remember NAME = VALUE or remember NAME[KEY] = VALUE is allowed, 32 times in a rule; "
         "rule left out\n"},
        {"[rule a]\nmatch = http * */*\ncolour = red\n",
         ":3: rule a: match, where, each, once, field.NAME, attribute.NAME, message, class, level, sound, "
         "remember, counter, "
         "updown, gauge or "
         "histogram is allowed; rule left out\n"},
        {"[rule a]\nmatch = http * */*\ngauge n = words(none, x)\n",
         ":3: rule a: words(NAME, VALUE) is allowed, of [words NAME] above; rule left out\n"},
        {"[rule a]\nmatch = http * */*\ngauge n = "
         "add(add(add(add(add(add(add(add(add(1,1),1),1),1),1),1),1),1),1)\n",
         ":3: rule a: 8 levels of functions are allowed; rule left out\n"},
        {"[rules]\nx\n", ":1: [rule NAME] or [words NAME] is allowed; what follows is left out\n"},
        {"[rule ]\nx\n", ":1: [rule NAME] or [words NAME] is allowed; what follows is left out\n"},
        {"[words w]\nx\n", ":2: WORD = TEXT is allowed, 256 times; line left out\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char written[600];
        snprintf(written, sizeof(written), "%s[rule good]\nmatch = http * */*\ncounter good = 1\n",
                 cases[i].text);
        write_rules(written);
        assert_string_equal(rules.notes, cases[i].notes);
        begin_call("GET", "http://h/", 200);
        assert_non_null(strstr(ask(), "counter good{} 1\n")); /* the others still work */
    }
}

/* The README's examples, one after the other. */
static void read_example(int number)
{
    static char text[32768];
    FILE *file = fopen("exporter/signals/rules/README.md", "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = 0;
    fclose(file);
    char *from = text, *end = NULL;
    for (int i = 0; i < number; i++) {
        from = strstr(end ? end + 1 : text, "```ini\n");
        assert_non_null(from);
        end = strstr(from + 7, "```");
        assert_non_null(end);
    }
    *end = 0;
    write_rules(from + 7);
    assert_string_equal(rules.notes, "");
}

static void test_the_readme_is_right(void **state)
{
    (void)state;
    read_example(1);
    begin_call("POST", ORDERS, 201);
    body_fact(WIRE_HTTP_REQUEST_BODY, "{\"market\":\"KRW-BTC\",\"side\":\"bid\",\"price\":\"50000\"}", false);
    body_fact(WIRE_HTTP_RESPONSE_BODY, "{\"state\":\"wait\"}", false);
    assert_non_null(strstr(ask(), "*Asset:* BTC\n*Market:* cryptocurrency\n*Orders:* 1\n*Total:* 50,000 KRW\n"
                                  "counter orders_total{side=buy,status=wait,exchange=upbit} 1\n"));
    read_example(2);
    begin_call("GET", "http://h/analysis-results/?decision=buy&page=1", 200);
    assert_string_equal(
        ask(),
        "counter request_count{} 1\nhistogram request_latency_seconds s{} 0.005\n"
        "counter http_requests_total{method=GET,path=/analysis-results/,status=200,kind=client} 1\n"
        "counter analysis_api.requests{endpoint=/analysis-results/,status=success,has_filters=true} 1\n"
        "histogram analysis_api.duration ms{endpoint=/analysis-results/} 5\n"
        "attribute page: int 1\nattribute decision: buy\n");
    begin_call("GET", "http://h/analysis-results/", 500);
    assert_non_null(strstr(ask(), "status=error,has_filters=false} 1\n"));
}

static void test_files_that_cannot_be_read(void **state)
{
    (void)state;
    strcpy(rules.path, "/nonexistent/rules");
    read_rules("", LANGUAGE_EN);
    assert_null(rules.set);
    assert_string_equal(rules.notes,
                        "OTELSHIM_RULES: /nonexistent/rules: No such file or directory; left out\n");
    read_rules("binance", LANGUAGE_EN);
    assert_string_equal(rules.notes,
                        "OTELSHIM_RULES: \"binance\": a path with a / or a profile (api, upbit) is "
                        "allowed; left out\n");
    read_rules("messages", LANGUAGE_EN);
    assert_null(rules.set);
    rules.names[0] = "upbit";
    rules.settings.values[SETTING_OTELSHIM_BODY_BYTES] = NULL;
    *rules.notes = 0;
    rules.set = rule_set_create(&rules.settings, note, NULL);
    assert_string_equal(rules.notes,
                        "OTELSHIM_RULES: rules look into bodies: OTELSHIM_BODY_BYTES=2048 is needed in the "
                        "program's environment\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_wrong_is_said),
        cmocka_unit_test(test_the_readme_is_right),
        cmocka_unit_test(test_files_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, end_rules);
}
