/* telegram_answer: what the server's words mean, and that no token is in ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "outputs/alerts/telegram_answer.h"
#include <stdio.h>
#include <string.h>

static struct telegram_answer parse(int status, const char *body)
{
    struct http_result result = {.outcome = HTTP_ANSWERED,
                                 .status = status,
                                 .retry_after_ms = -1,
                                 .body = body,
                                 .body_bytes = strlen(body),
                                 .error = ""};
    struct telegram_answer answer;
    telegram_answer_parse(&answer, &result);
    assert_true(strlen(answer.description) < sizeof(answer.description));
    return answer;
}

static void test_success(void **state)
{
    (void)state;
    struct telegram_answer answer =
        parse(200, "{\"ok\":true,\"result\":{\"message_id\":4711,\"chat\":{\"id\":-100}}}");
    assert_int_equal(answer.meaning, TELEGRAM_OK);
    assert_string_equal(answer.message_id, "4711");
    assert_int_equal(parse(200, "{\"ok\":true,\"result\":true}").meaning, TELEGRAM_OK);
}

static const struct {
    int status;
    const char *description;
    enum telegram_meaning meaning;
    const char *remedy;
} errors[] = {
    {401, "Unauthorized", TELEGRAM_TOKEN, "/token"},
    {401, "Unauthorized: invalid token specified", TELEGRAM_TOKEN, "/mybots"},
    {421, "Misdirected Request: unallowed token specified", TELEGRAM_TOKEN, "OTELSHIM_TELEGRAM_API_URL"},
    {404, "Not Found", TELEGRAM_TOKEN, "OTELSHIM_TELEGRAM_API_URL"},
    {404, "Not Found: method not found", TELEGRAM_BAD, ""},
    {409, "Conflict: terminated by other getUpdates request", TELEGRAM_CONFLICT, "second bot"},
    {403, "Forbidden: bot was kicked from the channel chat", TELEGRAM_CHAT, "again"},
    {403, "Forbidden: something new", TELEGRAM_CHAT, "let the bot write there"},
    {400, "Bad Request: chat not found", TELEGRAM_CHAT, "otelshim telegram chats"},
    {400, "Bad Request: TOPIC_CLOSED", TELEGRAM_CHAT, "open the topic"},
    {400, "Bad Request: not enough rights to send text messages to the chat", TELEGRAM_CHAT, "let the bot"},
    {400, "Bad Request: group chat was upgraded to a supergroup chat", TELEGRAM_CHAT, "new id"},
    {400, "Bad Request: can't parse entities: Unclosed start tag at byte offset 0", TELEGRAM_MARKUP, ""},
    {400, "Bad Request: message is not modified: specified new …", TELEGRAM_NOT_MODIFIED, ""},
    {400, "Bad Request: message to edit not found", TELEGRAM_GONE, ""},
    {400, "Bad Request: message is too long", TELEGRAM_BAD, ""},
    {500, "Internal Server Error: restart", TELEGRAM_UNREACHABLE, "tried again"},
    {502, "Bad Gateway", TELEGRAM_UNREACHABLE, "tried again"},
};

static void test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
        char body[300], text[300];
        snprintf(body, sizeof(body), "{\"ok\":false,\"error_code\":%d,\"description\":\"%s\"}",
                 errors[i].status, errors[i].description);
        struct telegram_answer answer = parse(errors[i].status, body);
        assert_int_equal(answer.meaning, errors[i].meaning);
        assert_string_equal(answer.description, errors[i].description);
        telegram_answer_explain(&answer, "-100/7", text, sizeof(text));
        assert_non_null(strstr(text, errors[i].description));
        assert_non_null(strstr(text, errors[i].remedy));
        assert_true(strlen(text) < sizeof(text) - 1); /* whole */
        bool is_of_chat = strncmp(text, "chat -100/7: ", 13) == 0;
        assert_true(is_of_chat || strncmp(text, "Telegram: ", 10) == 0);
        telegram_answer_explain(&answer, NULL, text, sizeof(text));
    }
}

static void test_flood_and_migration(void **state)
{
    (void)state;
    struct telegram_answer answer =
        parse(429, "{\"ok\":false,\"description\":\"Too Many Requests: retry after 7\","
                   "\"parameters\":{\"retry_after\":7}}");
    assert_int_equal(answer.meaning, TELEGRAM_FLOOD);
    assert_int_equal(answer.retry_ms, 7000);
    assert_int_equal(parse(429, "{\"ok\":false}").retry_ms, 1000);
    assert_int_equal(parse(429, "{\"ok\":false,\"parameters\":{\"retry_after\":-5}}").retry_ms, 1000);
    assert_int_equal(parse(429, "{\"ok\":false,\"parameters\":{\"retry_after\":99999999999}}").retry_ms,
                     86400000);
    struct http_result result = {
        .status = 429, .retry_after_ms = 3000, .body = "{\"ok\":false}", .body_bytes = 12};
    telegram_answer_parse(&answer, &result);
    assert_int_equal(answer.retry_ms, 3000); /* of the header */
    answer = parse(
        400, "{\"ok\":false,\"description\":\"Bad Request: group chat was upgraded to a supergroup chat\","
             "\"parameters\":{\"migrate_to_chat_id\":-1001234567890123}}");
    assert_int_equal(answer.meaning, TELEGRAM_MIGRATED);
    assert_string_equal(answer.migrated_to, "-1001234567890123");
}

static void test_what_is_no_answer(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "", "<html>", "{", "[]", "null", "{\"ok\":1}", "{\"ok\":\"true\"}", "true", "{\"ok\":true}x"};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++)
        assert_int_equal(parse(200, bodies[i]).meaning, TELEGRAM_UNREACHABLE);
    assert_int_equal(parse(403, "<html>portal</html>").meaning,
                     TELEGRAM_UNREACHABLE); /* a portal's, not the chat's */
    assert_int_equal(parse(302, "{\"ok\":true}").meaning, TELEGRAM_UNREACHABLE);
    assert_int_equal(parse(413, "<html>").meaning, TELEGRAM_BAD);
    struct http_result result = {.outcome = HTTP_NO_CONNECTION,
                                 .body = "",
                                 .error = "SSL certificate problem: unable to get local issuer certificate"};
    struct telegram_answer answer;
    char text[300];
    telegram_answer_parse(&answer, &result);
    telegram_answer_explain(&answer, "4711", text, sizeof(text));
    assert_string_equal(
        text, "Telegram: SSL certificate problem: unable to get local issuer certificate (a server with "
              "a certificate of its own needs OTELSHIM_TELEGRAM_CERTIFICATE)");
}

static void test_redact(void **state)
{
    (void)state;
    static const struct {
        const char *text, *redacted;
    } rows[] = {
        {"POST /bot4711:AAHfake-token_0123/sendMessage", "POST /bot***/sendMessage"},
        {"token 4711:AAHfake-token_0123, again 12345:BBBBBBBBBBB", "token ***, again ***"},
        {"/bot1/x", "/bot*/x"},
        {"/bot47", "/bot**"},
        {"https://h/BOT4711:short?x", "https://h/BOT***?x"},
        {"12:34:56.789 and 2025-11-06 03:02:15", "12:34:56.789 and 2025-11-06 03:02:15"},
        {"127.0.0.1:8081 refused", "127.0.0.1:8081 refused"},
        {"/bots/12", "/bots/12"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char text[100];
        strcpy(text, rows[i].text);
        telegram_redact(text);
        assert_string_equal(text, rows[i].redacted);
    }
    struct telegram_answer answer = parse(
        400, "{\"ok\":false,\"description\":\"Bad Request: /bot4711:AAHfake-token_0123456789/x\\n\\u0007\"}");
    assert_string_equal(answer.description, "Bad Request: /bot***/x  ");
    char body[1000] = "{\"ok\":false,\"description\":\"";
    for (int i = 0; i < 100; i++)
        strcat(body, "매수");
    strcat(body, "\"}");
    answer = parse(400, body); /* cut at a character */
    assert_int_equal(utf8_valid_bytes(answer.description, strlen(answer.description)),
                     strlen(answer.description));
    assert_true(strlen(answer.description) > 150);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_success),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_flood_and_migration),
        cmocka_unit_test(test_what_is_no_answer),
        cmocka_unit_test(test_redact),
    };
    return cmocka_run_group_tests_name("telegram_answer", tests, NULL, NULL);
}
