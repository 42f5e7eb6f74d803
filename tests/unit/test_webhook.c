/* webhook: bodies for machines, Slack and Discord, taken by servers that check them; what their answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake_telegram.h"
#include "outputs/alerts/destination.h"
#include "outputs/alerts/marked_text.h"
#include "outputs/alerts/pace.h"
#include "outputs/alerts/webhook_body.h"

static struct fake_telegram fake;
static struct loop *loop;
static struct http_client *client;
static struct settings settings;
static struct arena arena;

static int fresh(void **state)
{
    (void)state;
    fake_telegram_tell(&fake, "/reset", "{}");
    pace_clear();
    arena_reset(&arena);
    settings.alerts = (struct alert_settings){.is_on = true};
    return 0;
}

static void done(void *context, const struct sent *sent)
{
    *(struct sent *)context = *sent;
    loop_stop(loop);
}

static void set_url(const char *path)
{
    static char url[120];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", fake.control_port, path);
    settings.alerts.webhook_url = url;
    pace_clear();
}

static struct sent send_outgoing(const struct outgoing *outgoing)
{
    struct sent sent = {.outcome = SENT_BAD};
    struct target target;
    assert_int_equal(webhook_destination.list(&settings, ALERT_TRADE, &target, 1), 1);
    assert_non_null(webhook_destination.send(client, &settings, &target, outgoing, done, &sent));
    loop_run(loop);
    assert_null(strstr(sent.problem, "s3cret"));
    return sent;
}

static struct rich_text *rich_of(enum rich_style style, const char *text)
{
    struct rich_text *rich = arena_zalloc(&arena, sizeof(*rich));
    rich->arena = &arena;
    rich_add(rich, style, text);
    return rich;
}

static void test_document_for_machines(void **state)
{
    (void)state;
    struct alert_pair context[] = {{"coin", "비트코인"}, {"url", "https://h/\xff"}};
    const char *const stack[] = {"#0 place_order order.c:142", "#1 \xc0"};
    struct alert alert = {.class = ALERT_AMBIGUOUS,
                          .level = ALERT_LEVEL_CRITICAL,
                          .time_unix_ns = 1762365735123000000ull,
                          .type = "TimeoutError",
                          .message = "may or may not have happened",
                          .context = context,
                          .n_context = 2,
                          .stack = stack,
                          .n_stack = 2,
                          .service = "trader",
                          .pid = 4121,
                          .trace_id = "7f3a",
                          .is_late = true};
    struct outgoing outgoing = {.text = rich_of(RICH_BOLD, "shown"), .alert = &alert, .is_silent = true};
    char *body = webhook_body_make(WEBHOOK_JSON, &outgoing);
    assert_string_equal(
        body,
        "{\"schema\":1,\"class\":\"ambiguous\",\"level\":\"critical\",\"time\":\"2025-11-05T18:02:15.123Z\","
        "\"type\":\"TimeoutError\",\"message\":\"may or may not have happened\",\"service\":\"trader\","
        "\"pid\":4121,\"trace_id\":\"7f3a\",\"context\":[{\"name\":\"coin\",\"value\":\"비트코인\"},"
        "{\"name\":\"url\",\"value\":\"https://h/\ufffd\"}],\"stack\":[\"#0 place_order order.c:142\",\"#1 "
        "\ufffd\"],\"late\":true,\"silent\":true,\"text\":\"shown\"}");
    free(body);
    outgoing.alert = NULL;
    outgoing.is_silent = false;
    body = webhook_body_make(WEBHOOK_JSON, &outgoing);
    assert_string_equal(body, "{\"schema\":1,\"text\":\"shown\"}");
    free(body);
}

static void test_marks_are_escaped(void **state)
{
    (void)state;
    struct rich_text *rich = rich_of(RICH_BOLD, "ERROR <!channel> & *x*");
    rich_add(rich, RICH_PLAIN, " a_b @everyone https://h/a_b*c ");
    rich_add(rich, RICH_CODE, "x`y<z");
    rich_add(rich, RICH_PRE, "p```q");
    rich_add_link(rich, "trace [1]", "https://t/?a=1&b=2");
    rich_add(rich, RICH_QUOTE, "one\ntwo");
    assert_string_equal(marked_text_print(rich, MARKUP_SLACK, 3500, &arena),
                        "*ERROR &lt;!channel&gt; &amp; *x** a_b @everyone https://h/a_b*c `x\u02cby&lt;z`\n"
                        "```\np\u02cb\u02cb\u02cbq\n```\n<https://t/?a=1&amp;b=2|trace [1]>\n> one\n> two");
    assert_string_equal(
        marked_text_print(rich, MARKUP_DISCORD, 2000, &arena),
        "**ERROR \\<!channel\\> & \\*x\\*** a\\_b @everyone https://h/a_b*c `x\u02cby<z`\n"
        "```\np\u02cb\u02cb\u02cbq\n```\n[trace \\[1\\]](<https://t/?a=1&b=2>)\n> one\n> two");
    assert_string_equal(marked_text_print(rich_of(RICH_PRE, " \u200b"), MARKUP_SLACK, 100, &arena),
                        "(empty message)");
}

/* Every length: what is open is closed, and it is never longer. */
static void test_cut_closes_what_is_open(void **state)
{
    (void)state;
    struct rich_text *rich = rich_of(RICH_BOLD, "abc 💰 <&> def");
    rich_add(rich, RICH_PRE, "code `x`\nmore code 💰💰💰");
    rich_add_link(rich, "text", "https://t/");
    rich_add(rich, RICH_QUOTE, "one\ntwo");
    for (uint32_t max = 2; max < 140; max++)
        for (enum markup markup = MARKUP_SLACK; markup <= MARKUP_DISCORD; markup++) {
            const char *text = marked_text_print(rich, markup, max, &arena);
            unsigned n_fences = 0;
            for (const char *at = text; (at = strstr(at, "```")); at += 3)
                n_fences++;
            assert_int_equal(n_fences % 2, 0);
            assert_true(rich_utf16_units(text) <= max || strcmp(text, "(empty message)") == 0);
        }
}

static void test_bodies_are_taken(void **state)
{
    (void)state;
    char *large = malloc(100001);
    memset(large, '*', 100000);
    large[100000] = 0;
    struct outgoing outgoings[] = {{.text = rich_of(RICH_BOLD, "short")},
                                   {.text = rich_of(RICH_PLAIN, large)},
                                   {.text = rich_of(RICH_PRE, large)},
                                   {.text = rich_of(RICH_PLAIN, "\u200b")},
                                   {.text = rich_of(RICH_QUOTE, "\xff\xfe")}};
    static const char *const paths[] = {"/hook/json/s3cret", "/hook/slack/s3cret", "/hook/discord/s3cret"};
    for (enum webhook_format format = WEBHOOK_JSON; format <= WEBHOOK_DISCORD; format++)
        for (size_t i = 0; i < sizeof(outgoings) / sizeof(*outgoings); i++) {
            settings.alerts.webhook_format = format;
            set_url(paths[format]);
            struct sent sent = send_outgoing(&outgoings[i]);
            assert_string_equal(sent.problem, "");
            assert_int_equal(sent.outcome, SENT);
            assert_string_equal(sent.message_id, "");
        }
    json_t *requests = fake_telegram_ask(&fake, "GET", "/requests", "");
    assert_int_equal(json_array_size(requests), 15);
    json_t *discord = json_object_get(json_array_get(requests, 10), "params");
    assert_int_equal(json_array_size(json_object_get(json_object_get(discord, "allowed_mentions"), "parse")),
                     0);
    assert_true(json_is_array(json_object_get(json_object_get(discord, "allowed_mentions"), "parse")));
    json_decref(requests);
    free(large);
}

static void test_answers(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        enum sent_outcome outcome;
        uint64_t retry_from_ms, retry_to_ms;
        const char *problem;
    } rows[] = {
        {"\"status\":200", SENT, 0, 0, ""},
        {"\"status\":429,\"retry_after\":7", SENT_RETRY, 7000, 7000, "too many messages"},
        {"\"status\":429,\"description\":\"{\\\"retry_after\\\":0.65}\"", SENT_RETRY, 650, 652, "too many"},
        {"\"status\":429", SENT_RETRY, 1000, 1000, "too many"},
        {"\"status\":500", SENT_RETRY, 1000, 1200, "HTTP 500"},
        {"\"status\":503,\"retry_after\":30", SENT_RETRY, 30000, 30000, "HTTP 503"},
        {"\"misbehave\":\"close\"", SENT_RETRY, 1000, 1200, "webhook 127.0.0.1: "},
        {"\"status\":404", SENT_REFUSED, 0, 0, "make a new one"},
        {"\"status\":400", SENT_BAD, 0, 0, "OTELSHIM_WEBHOOK_FORMAT"},
        {"\"status\":307", SENT_REFUSED, 0, 0, "leads elsewhere"},
    };
    struct outgoing outgoing = {.text = rich_of(RICH_PLAIN, "x")};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char rule[200];
        snprintf(rule, sizeof(rule), "{\"method\":\"hook\",%s}", rows[i].rule);
        fake_telegram_tell(&fake, "/script", rule);
        set_url("/hook/json/s3cret");
        struct sent sent = send_outgoing(&outgoing);
        assert_int_equal(sent.outcome, rows[i].outcome);
        assert_in_range(sent.retry_ms, rows[i].retry_from_ms, rows[i].retry_to_ms);
        assert_non_null(strstr(sent.problem, rows[i].problem));
        assert_int_equal(sent.is_unsure, strstr(rows[i].rule, "close") != NULL);
    }
}

static void test_other_program_has_the_url(void **state)
{
    (void)state;
    struct outgoing outgoing = {.text = rich_of(RICH_PLAIN, "x")};
    struct target target;
    struct sent sent = {.outcome = SENT};
    set_url("/hook/json/s3cret");
    assert_int_equal(webhook_destination.list(&settings, ALERT_CRASH, &target, 1), 1);
    assert_null(strstr(target.address, "s3cret"));
    settings.alerts.webhook_url = NULL;
    assert_int_equal(webhook_destination.list(&settings, ALERT_CRASH, &(struct target){0}, 1), 0);
    webhook_destination.send(client, &settings, &target, &outgoing, done, &sent);
    loop_run(loop);
    assert_int_equal(sent.outcome, SENT_RETRY);
    assert_true(sent.retry_ms > 0);
    webhook_destination.cancel(webhook_destination.send(client, &settings, &target, &outgoing, done, NULL));
    set_url("/hook/json/s3cret");
    webhook_destination.cancel(webhook_destination.send(client, &settings, &target, &outgoing, done, NULL));
}

int main(void)
{
    loop = loop_create();
    client = http_client_create(loop);
    fake_telegram_start(&fake, "--plain", NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_document_for_machines, fresh),
        cmocka_unit_test_setup(test_marks_are_escaped, fresh),
        cmocka_unit_test_setup(test_cut_closes_what_is_open, fresh),
        cmocka_unit_test_setup(test_bodies_are_taken, fresh),
        cmocka_unit_test_setup(test_answers, fresh),
        cmocka_unit_test_setup(test_other_program_has_the_url, fresh),
    };
    int status = cmocka_run_group_tests_name("webhook", tests, NULL, NULL);
    http_client_destroy(client);
    loop_destroy(loop);
    arena_fini(&arena);
    pace_clear();
    fake_telegram_stop(&fake);
    return status;
}
