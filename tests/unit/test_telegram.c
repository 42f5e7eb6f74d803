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

int main(void)
{
    loop = loop_create();
    client = http_client_create(loop);
    fake_telegram_start(&fake, "--hold", "0.05", "--flood-wait", "2", NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_message_with_styles, fresh),
        cmocka_unit_test_setup(test_edit_reply_topic, fresh),
    };
    int status = cmocka_run_group_tests_name("telegram", tests, NULL, NULL);
    json_decref(NULL);
    http_client_destroy(client);
    loop_destroy(loop);
    arena_fini(&arena);
    pace_clear();
    fake_telegram_stop(&fake);
    (void)count_of;
    return status;
}
