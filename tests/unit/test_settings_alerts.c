/* settings->alerts: what the settings say of alerts, one line per mistake, no secret in any of them, none sent where it should not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "settings/settings_priv.h"
#include "temporary.h"

#define TOKEN "123456:ABC-def_GHI"
static char directory[64];

static const char *lookup(void *context, const char *name)
{
    const char *const *pairs = context;
    for (; *pairs; pairs += 2)
        if (strcmp(pairs[0], name) == 0)
            return pairs[1];
    return NULL;
}

#define WITH(...) ((const char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static struct settings *create(const char **pairs)
{
    return settings_create(lookup, pairs);
}

static const char *write_file(const char *text, mode_t mode)
{
    static char path[96];
    snprintf(path, sizeof(path), "%s/telegram-token", directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
    return path;
}

static void assert_problem(const struct settings *s, const char *text)
{
    for (uint32_t i = 0; i < s->n_problems; i++) {
        assert_null(strstr(s->problems[i].text, "ABC-def"));
        if (strstr(s->problems[i].text, text))
            return;
    }
    fail_msg("no problem says \"%s\"", text);
}

static void test_defaults(void **state)
{
    (void)state;
    struct settings *s = create(WITH());
    const struct alert_settings *a = &s->alerts;
    assert_true(a->is_on);
    assert_null(a->telegram_token);
    assert_string_equal(a->telegram_api_url, "https://api.telegram.org");
    assert_true(!a->telegram_proxy && !a->webhook_url && !a->redis_url && !a->trace_url && !a->templates);
    assert_int_equal(a->error_chats.n + a->trade_chats.n + a->rules.n + a->ignore.n + a->silent.n, 0);
    for (int i = 0; i < N_ALERT_CLASSES; i++)
        assert_int_equal(a->sounds[i], ALERT_ON);
    assert_int_equal(a->min_level, ALERT_LEVEL_ERROR);
    assert_int_equal(a->window_ns, 300000000000);
    assert_int_equal(a->dedup, DEDUP_LOCAL);
    assert_int_equal(a->slow_ns, 0);
    assert_int_equal(a->streak, 5);
    assert_true(a->error_rate == 0.5);
    assert_int_equal(a->store_bytes, 16 << 20);
    assert_int_equal(a->language, LANGUAGE_EN);
    assert_int_equal(s->n_problems, 0);
    settings_destroy(s);
}

static void test_values(void **state)
{
    (void)state;
    struct settings *s = create(
        WITH("OTELSHIM_ALERT_CLASSES", "slow=silent, Trade = off", "OTELSHIM_ALERT_LEVEL", "warn",
             "OTELSHIM_ALERT_DEDUP", "redis-python", "OTELSHIM_REDIS_URL", "redis://:p@h:1/2",
             "OTELSHIM_ALERT_SLOW", "1500", "OTELSHIM_ALERT_STREAK", "0", "OTELSHIM_ALERT_ERROR_RATE", "0.25",
             "OTELSHIM_ALERT_RESOLVED", "true", "OTELSHIM_ALERT_TRACE_URL", "http://g/{trace_id}?a=b c",
             "OTELSHIM_ALERT_STORE_SIZE", "1M", "OTELSHIM_LANG", "ko", "OTELSHIM_TEMPLATES", "/t",
             "OTELSHIM_RULES", "upbit, /etc/r.rules", "OTELSHIM_WEBHOOK_URL", "https://hooks/x",
             "OTELSHIM_WEBHOOK_FORMAT", "discord", "OTELSHIM_TELEGRAM_API_URL", "http://127.0.0.1:8081/base/",
             "OTELSHIM_TELEGRAM_PROXY", "socks5h://p:1"));
    const struct alert_settings *a = &s->alerts;
    assert_int_equal(a->sounds[ALERT_SLOW], ALERT_SILENT);
    assert_int_equal(a->sounds[ALERT_TRADE], ALERT_OFF);
    assert_int_equal(a->sounds[ALERT_CRASH], ALERT_ON);
    assert_int_equal(a->min_level, ALERT_LEVEL_WARN);
    assert_int_equal(a->dedup, DEDUP_REDIS_PYTHON);
    assert_string_equal(a->redis_url, "redis://:p@h:1/2");
    assert_int_equal(a->slow_ns, 1500000000);
    assert_int_equal(a->streak, 0);
    assert_true(a->error_rate == 0.25);
    assert_true(a->says_resolved);
    assert_null(a->trace_url); /* a blank in it */
    assert_int_equal(a->store_bytes, 1 << 20);
    assert_int_equal(a->language, LANGUAGE_KO);
    assert_string_equal(a->templates, "/t");
    assert_int_equal(a->rules.n, 2);
    assert_string_equal(a->rules.items[1], "/etc/r.rules");
    assert_string_equal(a->webhook_url, "https://hooks/x");
    assert_int_equal(a->webhook_format, WEBHOOK_DISCORD);
    assert_string_equal(a->telegram_api_url, "http://127.0.0.1:8081/base");
    assert_string_equal(a->telegram_proxy, "socks5h://p:1");
    assert_int_equal(s->n_problems, 1);
    settings_destroy(s);
}

/* The documents' names. */
static void test_aliases(void **state)
{
    (void)state;
    struct settings *s =
        create(WITH("TELEGRAM_TOKEN", TOKEN, "TELEGRAM_CHAT_IDS", "123, -100456", "ERROR_REPORTING_CHAT_ID",
                    "-7", "ERROR_DUPLICATE_WINDOW", "60", "ERROR_REPORTING_ENABLED", "True", "REDIS_URL",
                    "rediss://cache", "TELEGRAM_API_URL", "http://fake:1"));
    assert_string_equal(s->alerts.telegram_token, TOKEN);
    assert_int_equal(s->alerts.trade_chats.n, 2);
    assert_string_equal(s->alerts.trade_chats.items[1], "-100456");
    assert_int_equal(s->alerts.error_chats.n, 1);
    assert_int_equal(s->alerts.window_ns, 60000000000);
    assert_true(s->alerts.is_on);
    assert_string_equal(s->alerts.telegram_api_url, "http://fake:1");
    assert_int_equal(s->n_problems, 0); /* the Redis is the program's own */
    settings_destroy(s);
    s = create(WITH("TELEGRAM_ERROR_DEDUP_MINUTES", "10", "TELEGRAM_ERROR_REPORTING_ENABLED", "false"));
    assert_int_equal(s->alerts.window_ns, 600000000000);
    assert_false(s->alerts.is_on);
    settings_destroy(s);
}

static void test_chats(void **state)
{
    (void)state;
    struct settings *s = create(WITH("OTELSHIM_TELEGRAM_CHATS", "-100123/7, @name_x, 5, 5,, -100123"));
    assert_int_equal(s->alerts.error_chats.n, 4);
    assert_string_equal(s->alerts.error_chats.items[0], "-100123/7");
    assert_string_equal(s->alerts.error_chats.items[3], "-100123");
    assert_int_equal(s->alerts.trade_chats.n, 4);
    assert_int_equal(s->n_problems, 0);
    settings_destroy(s);
    const char *const bad[] = {"abc",  "-",    "@", "1/", "1/x", "--1", "1 2", "12345678901234567890",
                               "@a b", "1/2/3"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        s = create(WITH("OTELSHIM_TELEGRAM_ERROR_CHATS", bad[i], "OTELSHIM_TELEGRAM_CHATS", "9"));
        assert_int_equal(s->alerts.error_chats.n, 0);
        assert_int_equal(s->alerts.trade_chats.n, 1);
        assert_int_equal(s->n_problems, 1);
        assert_problem(s, "OTELSHIM_TELEGRAM_ERROR_CHATS: \"");
        settings_destroy(s);
    }
    s = create(WITH("OTELSHIM_TELEGRAM_TOKEN", TOKEN));
    assert_problem(s, "OTELSHIM_TELEGRAM_CHATS: chat ids or @names");
    settings_destroy(s);
}

static void test_filters(void **state)
{
    (void)state;
    struct settings *s = create(WITH(
        "OTELSHIM_ALERT_IGNORE", "host=api.x and status=404, Type = Timeout*,message=a=b and c and url=/h*"));
    const struct alert_filters *f = &s->alerts.ignore;
    assert_int_equal(f->n, 2);
    assert_int_equal(f->items[0].n, 2);
    assert_int_equal(f->items[0].parts[1].subject, ALERT_STATUS);
    assert_string_equal(f->items[0].parts[0].glob, "api.x");
    assert_string_equal(f->items[1].parts[0].glob, "Timeout*");
    assert_int_equal(s->n_problems, 1); /* "c" is no condition */
    settings_destroy(s);
    s = create(WITH("OTELSHIM_ALERT_SILENT", "host, =x, port=1, host=", "OTELSHIM_ALERT_CLASSES",
                    "slow, slow=loud, crashes=on"));
    assert_int_equal(s->alerts.silent.n, 0);
    assert_int_equal(s->n_problems, 7);
    settings_destroy(s);
}

static void test_servers(void **state)
{
    (void)state;
    const char *const cases[][3] = {
        {"OTELSHIM_TELEGRAM_API_URL", "http://a b", "OTELSHIM_TELEGRAM_API_URL=\"http://a b\""},
        {"OTELSHIM_TELEGRAM_API_URL", "ftp://a", "OTELSHIM_TELEGRAM_API_URL="},
        {"OTELSHIM_TELEGRAM_API_URL", "http://a/?x=1", "OTELSHIM_TELEGRAM_API_URL="},
        {"OTELSHIM_TELEGRAM_PROXY", "p:1", "OTELSHIM_TELEGRAM_PROXY: http://"},
        {"OTELSHIM_WEBHOOK_URL", "hooks/ABC-def", "OTELSHIM_WEBHOOK_URL: http://"},
        {"OTELSHIM_ALERT_TRACE_URL", "http://a/x",
         "OTELSHIM_ALERT_TRACE_URL=\"http://a/x\": URL with {trace_id}"},
        {"OTELSHIM_ALERT_DEDUP", "redis", "OTELSHIM_ALERT_DEDUP=\"redis\": OTELSHIM_REDIS_URL says"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct settings *s = create(WITH(cases[i][0], cases[i][1]));
        assert_int_equal(s->n_problems, 1);
        assert_problem(s, cases[i][2]);
        assert_string_equal(s->alerts.telegram_api_url, "https://api.telegram.org");
        assert_true(!s->alerts.telegram_proxy && !s->alerts.webhook_url && !s->alerts.trace_url);
        assert_int_equal(s->alerts.dedup, DEDUP_LOCAL);
        settings_destroy(s);
    }
}

static void test_token(void **state)
{
    (void)state;
    const char *const bad[] = {"ABC-def", ":ABC-def", "1:", "1:ABC-def/../x", "1:ABC-def x", "x1:ABC-def"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct settings *s = create(WITH("OTELSHIM_TELEGRAM_TOKEN", bad[i], "OTELSHIM_TELEGRAM_CHATS", "1"));
        assert_null(s->alerts.telegram_token);
        assert_int_equal(s->n_problems, 1);
        assert_problem(s, "OTELSHIM_TELEGRAM_TOKEN: a token");
        settings_destroy(s);
    }
}

static void test_token_file(void **state)
{
    (void)state;
    const char *path = write_file(TOKEN "\n", 0600);
    struct settings *s = create(WITH("OTELSHIM_TELEGRAM_TOKEN_FILE", path, "OTELSHIM_TELEGRAM_CHATS", "1"));
    assert_string_equal(s->alerts.telegram_token, TOKEN);
    assert_int_equal(s->n_problems, 0);
    settings_destroy(s);

    s = create(WITH("OTELSHIM_TELEGRAM_TOKEN_FILE", path, "TELEGRAM_TOKEN", "1:x", "TELEGRAM_CHAT_ID", "1"));
    assert_string_equal(s->alerts.telegram_token, "1:x");
    settings_destroy(s);

    write_file(TOKEN, 0644);
    s = create(WITH("OTELSHIM_TELEGRAM_TOKEN_FILE", path, "OTELSHIM_TELEGRAM_CHATS", "1"));
    assert_string_equal(s->alerts.telegram_token, TOKEN);
    assert_problem(s, "other users may read it; chmod 600");
    settings_destroy(s);

    write_file("ABC-def", 0600);
    s = create(WITH("OTELSHIM_TELEGRAM_TOKEN_FILE", path));
    assert_null(s->alerts.telegram_token);
    assert_problem(s, "OTELSHIM_TELEGRAM_TOKEN_FILE: a token");
    settings_destroy(s);

    s = create(WITH("OTELSHIM_TELEGRAM_TOKEN_FILE", "/nowhere/x"));
    assert_problem(s, "OTELSHIM_TELEGRAM_TOKEN_FILE=\"/nowhere/x\": cannot be read: No such file");
    settings_destroy(s);
}

static void test_credential(void **state)
{
    (void)state;
    write_file(TOKEN, 0400);
    setenv("CREDENTIALS_DIRECTORY", directory, 1);
    struct settings *s = create(WITH("OTELSHIM_TELEGRAM_CHATS", "1"));
    assert_string_equal(s->alerts.telegram_token, TOKEN);
    assert_int_equal(s->n_problems, 0);
    settings_destroy(s);

    /* Another user's program may choose the chat, but not where the machine's token goes. */
    uint32_t other = geteuid() + 4711;
    s = settings_create_for(lookup, WITH("OTELSHIM_TELEGRAM_CHATS", "1"), other);
    assert_string_equal(s->alerts.telegram_token, TOKEN);
    settings_destroy(s);
    const char *const servers[] = {"OTELSHIM_TELEGRAM_API_URL", "TELEGRAM_API_URL", "OTELSHIM_TELEGRAM_PROXY",
                                   "OTELSHIM_TELEGRAM_CERTIFICATE"};
    for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
        s = settings_create_for(lookup, WITH(servers[i], "http://evil"), other);
        assert_null(s->alerts.telegram_token);
        assert_problem(s, "credential telegram-token is not sent to a server");
        settings_destroy(s);
        s = create(WITH(servers[i], "http://mine", "OTELSHIM_TELEGRAM_CHATS", "1"));
        assert_non_null(s->alerts.telegram_token);
        settings_destroy(s);
    }
    unsetenv("CREDENTIALS_DIRECTORY");
    /* Nor does it have the exporter read a file that is not his. */
    char path[96];
    snprintf(path, sizeof(path), "%s/telegram-token", directory);
    s = settings_create_for(lookup, WITH("OTELSHIM_TELEGRAM_TOKEN_FILE", path), other);
    assert_null(s->alerts.telegram_token);
    assert_problem(s, "must belong to the program's user");
    settings_destroy(s);
}

static int init(void **state)
{
    (void)state;
    temporary_make(directory, sizeof(directory));
    setenv("XDG_CONFIG_HOME", directory, 1);
    unsetenv("CREDENTIALS_DIRECTORY");
    return 0;
}

static int fini(void **state)
{
    (void)state;
    temporary_remove(directory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_values),     cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_chats),    cmocka_unit_test(test_filters),    cmocka_unit_test(test_servers),
        cmocka_unit_test(test_token),    cmocka_unit_test(test_token_file), cmocka_unit_test(test_credential),
    };
    return cmocka_run_group_tests(tests, init, fini);
}
