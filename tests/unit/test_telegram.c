/* telegram: the destination against a server that refuses as the real one does, over TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fake_telegram.h"
#include "outputs/alerts/destination.h"
#include "outputs/alerts/pace.h"

static struct fake_telegram fake;
static struct loop *loop;
static struct http_client *client;
static struct settings settings;
static struct arena arena;

static void done(void *context, const struct sent *sent)
{
    *(struct sent *)context = *sent;
    loop_stop(loop);
}

static struct target target_of(const char *chat)
{
    static const char *items[1];
    struct target target;
    items[0] = chat;
    settings.alerts.error_chats = (struct text_list){.items = items, .n = 1};
    assert_int_equal(telegram_destination.list(&settings, ALERT_ERROR, &target, 1), 1);
    return target;
}

static struct sent send_outgoing(const char *chat, const struct outgoing *outgoing)
{
    struct sent sent = {.outcome = SENT_BAD, .problem = "done was never called"};
    struct target target = target_of(chat);
    assert_non_null(telegram_destination.send(client, &settings, &target, outgoing, done, &sent));
    loop_run(loop);
    assert_null(strstr(sent.problem, "AAHfake"));
    return sent;
}

static struct rich_text *rich_of(const char *plain)
{
    struct rich_text *rich = arena_zalloc(&arena, sizeof(*rich));
    rich->arena = &arena;
    rich_add(rich, RICH_PLAIN, plain);
    return rich;
}

static struct sent send_text(const char *chat, const char *text)
{
    return send_outgoing(chat, &(struct outgoing){.text = rich_of(text)});
}

/* The n-th message from the end that a chat shows. Borrowed until the next call. */
static json_t *message_of(const char *chat, size_t from_end)
{
    static json_t *messages;
    char path[64];
    json_decref(messages);
    snprintf(path, sizeof(path), "/messages?chat=%s", chat);
    messages = fake_telegram_ask(&fake, "GET", path, "");
    size_t n = json_array_size(messages);
    return from_end < n ? json_array_get(messages, n - 1 - from_end) : NULL;
}

static const char *text_of(const json_t *message)
{
    const char *text = json_string_value(json_object_get(message, "text"));
    return text ? text : "";
}

static int64_t number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static int64_t count_of(const char *key)
{
    json_t *counts = fake_telegram_ask(&fake, "GET", "/counts", "");
    int64_t n = number_of(counts, key);
    json_decref(counts);
    return n;
}

static int fresh(void **state)
{
    (void)state;
    fake_telegram_tell(&fake, "/reset", "{}");
    fake_telegram_tell(&fake, "/token", "{\"state\":\"ok\"}");
    pace_clear();
    arena_reset(&arena);
    settings.alerts = (struct alert_settings){.is_on = true,
                                              .telegram_token = FAKE_TOKEN,
                                              .telegram_api_url = fake.url,
                                              .telegram_certificate = fake.ca_file};
    return 0;
}

static void test_message_with_styles(void **state)
{
    (void)state;
    struct rich_text *rich = rich_of("⚠️ ");
    rich_add(rich, RICH_BOLD, "ERROR <TimeoutError> & \"more\"");
    rich_add(rich, RICH_PRE, "if (a < b && c > d)\n  &amp; stays");
    rich_add_link(rich, "trace", "https://t.example/?a=1&b=\"2\"");
    rich_add(rich, RICH_QUOTE, "#0 place_order");
    rich_add_time(rich, "03:02:15 KST", 1762365735);
    struct sent sent = send_outgoing("4711", &(struct outgoing){.text = rich, .is_silent = true});
    assert_int_equal(sent.outcome, SENT);
    assert_int_equal(sent.n_parts_sent, 1);
    json_t *message = message_of("4711", 0);
    assert_string_equal(text_of(message),
                        "⚠️ ERROR <TimeoutError> & \"more\"\nif (a < b && c > d)\n  &amp; stays\n"
                        "trace\n#0 place_order\n03:02:15 KST");
    assert_true(json_is_true(json_object_get(message, "silent")));
    assert_true(json_is_false(json_object_get(message, "preview")));
    json_t *entities = json_object_get(message, "entities"), *entity;
    static const char *const types[] = {"bold", "pre", "text_link", "expandable_blockquote", "date_time"};
    size_t i;
    assert_int_equal(json_array_size(entities), 5);
    json_array_foreach(entities, i, entity)
        assert_string_equal(json_string_value(json_object_get(entity, "type")), types[i]);
    assert_string_equal(json_string_value(json_object_get(json_array_get(entities, 2), "url")),
                        "https://t.example/?a=1&b=\"2\"");
    assert_int_equal(number_of(json_array_get(entities, 4), "unix_time"), 1762365735);
    char id[32];
    snprintf(id, sizeof(id), "%d", (int)number_of(message, "message_id"));
    assert_string_equal(sent.message_id, id);
}

static void test_edit_reply_topic(void **state)
{
    (void)state;
    struct sent sent = send_text("-1004714/7", "first");
    assert_int_equal(sent.outcome, SENT);
    assert_int_equal(number_of(message_of("-1004714", 0), "topic"), 7);
    struct outgoing edit = {.text = rich_of("first ×2"), .edits = sent.message_id};
    assert_int_equal(send_outgoing("-1004714/7", &edit).outcome, SENT);
    assert_string_equal(text_of(message_of("-1004714", 0)), "first ×2");
    assert_int_equal(send_outgoing("-1004714/7", &edit).outcome, SENT); /* not modified */
    struct outgoing reply = {.text = rich_of("resolved"), .replies_to = sent.message_id, .is_silent = true};
    assert_int_equal(send_outgoing("-1004714/7", &reply).outcome, SENT);
    assert_int_equal(number_of(message_of("-1004714", 0), "reply_to"),
                     number_of(message_of("-1004714", 1), "message_id"));
    reply.replies_to = "999"; /* deleted by somebody: sent without */
    pace_clear();
    fake_telegram_tell(&fake, "/limits", "{\"is_on\":false}");
    assert_int_equal(send_outgoing("-1004714", &reply).outcome, SENT);
    edit.edits = "999";
    struct sent gone = send_outgoing("-1004714", &edit);
    assert_int_equal(gone.outcome, SENT_BAD);
    assert_non_null(strstr(gone.problem, "message to edit not found"));
    assert_int_equal(send_text("-1004714/1", "general").outcome,
                     SENT); /* the topic that has no id in requests */
    fake_telegram_tell(&fake, "/limits", "{\"is_on\":true}");
}

/* ---- refusals ---- */

static void test_markup_that_is_refused(void **state)
{
    (void)state;
    static const char rule[] =
        "{\"method\":\"sendMessage\",\"status\":400,\"description\":\"Bad Request: can't parse "
        "entities: Unsupported start tag \\\"b\\\" at byte offset 0\"}";
    struct rich_text *rich = rich_of("");
    rich_add(rich, RICH_BOLD, "a <b>");
    fake_telegram_tell(&fake, "/script", rule);
    struct sent sent = send_outgoing("4711", &(struct outgoing){.text = rich});
    assert_int_equal(sent.outcome, SENT);
    assert_string_not_equal(sent.message_id, "");
    assert_string_equal(text_of(message_of("4711", 0)), "a <b>");
    assert_int_equal(json_array_size(json_object_get(message_of("4711", 0), "entities")), 0);
    fake_telegram_tell(&fake, "/script", rule); /* and the plain text, too: not again for ever */
    fake_telegram_tell(&fake, "/script", rule);
    int64_t n = count_of("requests");
    assert_int_equal(send_outgoing("4711", &(struct outgoing){.text = rich}).outcome, SENT_BAD);
    assert_int_equal(count_of("requests"), n + 2);
}

/* Called last: it is remembered for the life of the exporter. */
static void test_server_without_time_tag(void **state)
{
    (void)state;
    struct fake_telegram old;
    fake_telegram_start(&old, "--no-tg-time", NULL);
    settings.alerts.telegram_api_url = old.url;
    settings.alerts.telegram_certificate = old.ca_file;
    struct rich_text *rich = rich_of("");
    rich_add(rich, RICH_BOLD, "at ");
    rich_add_time(rich, "03:02 KST", 1762365735);
    for (int i = 0; i < 2; i++)
        assert_int_equal(send_outgoing("4711", &(struct outgoing){.text = rich}).outcome, SENT);
    json_t *requests = fake_telegram_ask(&old, "GET", "/requests", "");
    assert_int_equal(json_array_size(requests),
                     3); /* refused, without the tag; the second time at once without */
    json_t *entities = json_object_get(json_array_get(requests, 1), "entities");
    assert_int_equal(json_array_size(entities), 1); /* it is still bold */
    json_decref(requests);
    fake_telegram_stop(&old);
}

static const struct {
    const char *chat, *state;
    enum sent_outcome outcome;
    const char *problem, *remedy;
} refusals[] = {
    {"4712", "blocked", SENT_DEAD, "chat 4712: Forbidden: bot was blocked by the user", "Unblock"},
    {"4712", "deactivated", SENT_DEAD, "user is deactivated", "OTELSHIM_TELEGRAM_CHATS"},
    {"4712", "not-started", SENT_DEAD, "can't initiate conversation", "press Start"},
    {"-4713", "kicked", SENT_DEAD, "bot was kicked from the group chat", "add the bot to the group again"},
    {"-1004715", "not-member", SENT_DEAD, "not a member of the supergroup chat", "add the bot to it"},
    {"-4713", "deleted", SENT_DEAD, "the group chat was deleted", "take it out"},
    {"-4713", "no-rights", SENT_DEAD, "not enough rights", "let the bot write there"},
    {"4712", "missing", SENT_DEAD, "chat not found", "otelshim telegram chats"},
};

static void test_chats_that_refuse(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
        char chat[100];
        snprintf(chat, sizeof(chat), "{\"id\":%s,\"state\":\"%s\"}", refusals[i].chat, refusals[i].state);
        fake_telegram_tell(&fake, "/chat", chat);
        struct sent sent = send_text(refusals[i].chat, "x");
        assert_int_equal(sent.outcome, refusals[i].outcome);
        assert_non_null(strstr(sent.problem, refusals[i].problem));
        assert_non_null(strstr(sent.problem, refusals[i].remedy));
        snprintf(chat, sizeof(chat), "{\"id\":%s,\"state\":\"ok\"}", refusals[i].chat);
        fake_telegram_tell(&fake, "/chat", chat);
    }
    struct sent sent = send_text("-1004714/99", "x");
    assert_int_equal(sent.outcome, SENT_DEAD);
    assert_non_null(strstr(sent.problem, "message thread not found (no such topic"));
    assert_int_equal(send_text("@nobody_here", "x").outcome, SENT_DEAD);
    assert_int_equal(send_text("@trader_alerts", "x").outcome, SENT);
}

static void test_group_that_moved(void **state)
{
    (void)state;
    fake_telegram_tell(&fake, "/chat", "{\"id\":-4713,\"state\":\"migrated:-1004714\"}");
    struct sent sent = send_text("-4713", "x");
    assert_int_equal(sent.outcome, SENT_RETRY);
    assert_int_equal(sent.retry_ms, 0);
    assert_string_equal(sent.address, "-1004714");
    assert_string_equal(sent.problem, "chat -4713 is now -1004714: write that into OTELSHIM_TELEGRAM_CHATS");
    assert_string_equal(send_text("-4713/7", "x").address, "-1004714/7");
    assert_int_equal(send_text(sent.address, "x").outcome, SENT);
    fake_telegram_tell(&fake, "/chat", "{\"id\":-4713,\"state\":\"ok\"}");
}

static void test_token_that_is_refused(void **state)
{
    (void)state;
    fake_telegram_tell(&fake, "/token", "{\"state\":\"revoked\"}");
    struct sent sent = send_text("4711", "x");
    assert_int_equal(sent.outcome, SENT_REFUSED);
    assert_non_null(strstr(sent.problem, "Telegram: Unauthorized (the token was revoked"));
    settings.alerts.telegram_token = "12:short";
    assert_non_null(strstr(send_text("4711", "x").problem, "the token is not whole"));
    char url[120];
    snprintf(url, sizeof(url), "%s/elsewhere", fake.url);
    settings.alerts.telegram_api_url = url;
    sent = send_text("4711", "x");
    assert_int_equal(sent.outcome, SENT_REFUSED);
    assert_non_null(strstr(sent.problem, "OTELSHIM_TELEGRAM_API_URL"));
}

static void test_floods(void **state)
{
    (void)state;
    struct target target = target_of("4711"), other = target_of("4712");
    uint64_t now = loop_now_ms(loop);
    fake_telegram_tell(&fake, "/script", "{\"status\":429,\"retry_after\":7,\"hold\":0.05}");
    struct sent sent = send_text("4711", "x");
    assert_int_equal(sent.outcome, SENT_RETRY);
    assert_int_equal(sent.retry_ms, 7000);
    uint64_t took = loop_now_ms(loop) - now;
    assert_in_range(telegram_destination.wait_ms(&target, now), 7000, 8000 + took);
    assert_in_range(telegram_destination.wait_ms(&other, now), 7000, 8000 + took); /* the whole bot pauses */
    pace_clear();
    uint64_t begin = loop_now_ms(loop); /* one after the other as fast as we may: never refused */
    for (unsigned n_sent = 0; n_sent < 6; n_sent++) {
        uint64_t wait = telegram_destination.wait_ms(&target, loop_now_ms(loop));
        if (wait)
            usleep((useconds_t)wait * 1000);
        assert_int_equal(send_text("4711", "x").outcome, SENT);
    }
    assert_in_range(loop_now_ms(loop) - begin, 1000, 60000); /* four at once, then one a second */
}

static void test_server_out_of_reach(void **state)
{
    (void)state;
    struct sent sent;
    static const struct {
        const char *rule, *problem;
        bool is_unsure;
    } rows[] = {{"{\"misbehave\":\"html\"}", "HTTP 502, and not the Bot API's JSON", false},
                {"{\"status\":500,\"description\":\"Internal Server Error\"}", "in trouble itself", false},
                {"{\"misbehave\":\"close\"}", "Telegram: ", true},
                {"{\"misbehave\":\"garbage\"}", "HTTP 200, and not the Bot API's JSON", false},
                {"{\"misbehave\":\"lost\"}", "Telegram: ", true}};
    uint64_t failed_ms = 0, most_ms = 1200;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        fake_telegram_tell(&fake, "/script", rows[i].rule);
        sent = send_text("4711", "x");
        assert_int_equal(sent.outcome, SENT_RETRY);
        assert_int_equal(sent.is_unsure, rows[i].is_unsure);
        assert_non_null(strstr(sent.problem, rows[i].problem));
        uint64_t now_ms = loop_now_ms(loop);
        if (failed_ms &&
            now_ms - failed_ms > 700) /* on a machine that is so slow it is over, and this a second failure */
            most_ms *= 2;
        assert_in_range(sent.retry_ms, 1, most_ms); /* that pause is not over yet: one failure */
        failed_ms = now_ms;
    }
    assert_int_equal(count_of("messages"), 1); /* the one that was lost; nobody sent again by himself */
    settings.alerts.telegram_certificate = NULL;
    sent = send_text("4711", "x");
    assert_int_equal(sent.outcome, SENT_RETRY);
    assert_false(sent.is_unsure);
    assert_non_null(strstr(sent.problem, "OTELSHIM_TELEGRAM_CERTIFICATE"));
    assert_int_equal(count_of("messages"), 1);
    settings.alerts.telegram_certificate = fake.ca_file;
    settings.alerts.telegram_api_url = "https://127.0.0.1:1";
    assert_int_equal(send_text("4711", "x").outcome, SENT_RETRY);
    settings.alerts.telegram_api_url = fake.url;
    settings.alerts.telegram_proxy = "http://127.0.0.1:1";
    assert_int_equal(send_text("4711", "x").outcome, SENT_RETRY);
}

/* ---- parts and documents ---- */

static void make_report(char *path, const char *content)
{
    int fd = mkstemps(path, 4);
    assert_true(write(fd, content, strlen(content)) >= 0);
    close(fd);
}

static void test_parts_and_report(void **state)
{
    (void)state;
    char path[] = "/tmp/otelshim-test-crash-XXXXXX.txt", *text = arena_zalloc(&arena, 5001);
    make_report(path, "SIGSEGV at 0x18\n");
    memset(text, 'a', 5000);
    memcpy(text, "title\n", 6);
    struct outgoing outgoing = {.text = rich_of(text), .document = path};
    struct sent sent = send_outgoing("-4713", &outgoing);
    assert_int_equal(sent.outcome, SENT_PART);
    assert_int_equal(sent.n_parts_sent, 1);
    assert_string_not_equal(sent.message_id, "");
    outgoing.n_parts_sent = 1;
    fake_telegram_tell(&fake, "/script", "{\"status\":429,\"retry_after\":1}");
    sent = send_outgoing("-4713", &outgoing);
    assert_int_equal(sent.outcome, SENT_RETRY);
    assert_int_equal(sent.n_parts_sent, 1); /* the first is not sent again */
    sent = send_outgoing("-4713", &outgoing);
    assert_int_equal(sent.outcome, SENT_PART);
    outgoing.n_parts_sent = sent.n_parts_sent;
    sent = send_outgoing("-4713", &outgoing);
    assert_int_equal(sent.outcome, SENT);
    assert_string_equal(sent.problem, "");
    assert_int_equal(strlen(text_of(message_of("-4713", 2))) + strlen(text_of(message_of("-4713", 1))), 5000);
    json_t *message = message_of("-4713", 0), *document = json_object_get(message, "document");
    assert_string_equal(text_of(message), "title");
    assert_string_equal(json_string_value(json_object_get(document, "name")), strrchr(path, '/') + 1);
    assert_string_equal(json_string_value(json_object_get(document, "type")), "text/plain");
    assert_string_equal(json_string_value(json_object_get(document, "begin")), "SIGSEGV at 0x18\n");
    assert_true(json_is_true(json_object_get(message, "silent")));
    unlink(path); /* removed meanwhile: what counts was sent */
    assert_int_equal(send_outgoing("-4713", &outgoing).outcome, SENT);
    assert_int_equal(
        json_array_size(message_of("-4713", 0) ? json_object_get(message_of("-4713", 0), "entities") : NULL),
        0);
    assert_int_equal(count_of("documents"), 1);
}

static void test_document_that_is_refused(void **state)
{
    (void)state;
    char path[] = "/tmp/otelshim-test-crash-XXXXXX.txt";
    make_report(path, "x");
    struct outgoing outgoing = {.text = rich_of("x"), .document = path, .n_parts_sent = 1};
    fake_telegram_tell(
        &fake, "/script",
        "{\"method\":\"sendDocument\",\"status\":413,\"description\":\"Request Entity Too Large\"}");
    struct sent sent = send_outgoing("4711", &outgoing);
    assert_int_equal(sent.outcome, SENT); /* the alert was told */
    assert_non_null(strstr(sent.problem, "Request Entity Too Large"));
    unlink(path);
}

static void test_very_long_text(void **state)
{
    (void)state;
    char *text = arena_zalloc(&arena, 60001);
    for (int i = 0; i < 60000; i++)
        text[i] = i % 60 == 59 ? '\n' : 'b';
    struct outgoing outgoing = {.text = rich_of(text)};
    struct sent sent = send_outgoing("4711", &outgoing);
    assert_int_equal(sent.outcome, SENT_PART);
    outgoing.n_parts_sent = 1;
    assert_int_equal(send_outgoing("4711", &outgoing).outcome, SENT);
    json_t *document = json_object_get(message_of("4711", 0), "document");
    assert_string_equal(json_string_value(json_object_get(document, "name")), "message.txt");
    assert_int_equal(number_of(document, "bytes"), 60000);
}

static void test_targets(void **state)
{
    (void)state;
    static const char *const errors[] = {"4711", "-100123/7"}, *const trades[] = {"@trades"};
    struct target targets[4];
    settings.alerts.error_chats = (struct text_list){.items = errors, .n = 2};
    settings.alerts.trade_chats = (struct text_list){.items = trades, .n = 1};
    assert_int_equal(telegram_destination.list(&settings, ALERT_CRASH, targets, 4), 2);
    assert_string_equal(targets[1].address, "-100123/7");
    assert_int_equal(strlen(targets[1].account), 16);
    assert_null(strstr(FAKE_TOKEN, targets[1].account));
    assert_int_equal(telegram_destination.list(&settings, ALERT_CRASH, targets, 1), 1);
    assert_int_equal(telegram_destination.list(&settings, ALERT_TRADE, targets, 4), 1);
    assert_string_equal(targets[0].address, "@trades");
    struct outgoing outgoing = {.text = rich_of("x")};
    struct sent sent = {.outcome = SENT};
    settings.alerts.telegram_token = NULL;
    assert_int_equal(telegram_destination.list(&settings, ALERT_CRASH, targets + 1, 3), 0);
    assert_non_null(telegram_destination.send(client, &settings, targets, &outgoing, done, &sent));
    loop_run(loop);
    assert_int_equal(sent.outcome, SENT_RETRY);
    telegram_destination.cancel(telegram_destination.send(client, &settings, targets, &outgoing, done, NULL));
    settings.alerts.telegram_token = FAKE_TOKEN;
    telegram_destination.cancel(telegram_destination.send(client, &settings, targets, &outgoing, done, NULL));
    assert_int_equal(count_of("requests"), 0);
}

int main(void)
{
    loop = loop_create();
    client = http_client_create(loop);
    fake_telegram_start(&fake, "--hold", "0.05", "--flood-wait", "2", NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_message_with_styles, fresh),
        cmocka_unit_test_setup(test_edit_reply_topic, fresh),
        cmocka_unit_test_setup(test_markup_that_is_refused, fresh),
        cmocka_unit_test_setup(test_chats_that_refuse, fresh),
        cmocka_unit_test_setup(test_group_that_moved, fresh),
        cmocka_unit_test_setup(test_token_that_is_refused, fresh),
        cmocka_unit_test_setup(test_floods, fresh),
        cmocka_unit_test_setup(test_server_out_of_reach, fresh),
        cmocka_unit_test_setup(test_parts_and_report, fresh),
        cmocka_unit_test_setup(test_document_that_is_refused, fresh),
        cmocka_unit_test_setup(test_very_long_text, fresh),
        cmocka_unit_test_setup(test_targets, fresh),
        cmocka_unit_test_setup(test_server_without_time_tag, fresh),
    };
    int status = cmocka_run_group_tests_name("telegram", tests, NULL, NULL);
    http_client_destroy(client);
    loop_destroy(loop);
    arena_fini(&arena);
    pace_clear();
    fake_telegram_stop(&fake);
    return status;
}
