/* compose: what an alert says, in English and Korean, within what a phone shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "outputs/alerts/compose.h"

static struct arena arena;

static const char *composed(const struct alert *alert, const struct compose_options *options)
{
    struct rich_text rich = {.arena = &arena};
    compose_alert(&rich, alert, options);
    return rich_print_plain(&rich, &arena);
}

static struct alert timeout_error(void)
{
    static struct alert_pair context[] = {
        {"coin", "이더리움"}, {"api_endpoint", "/v1/candles/days"}, {"timeout", "10s"}};
    static const char *const stack[] = {"place_order+0x1c4 order.c:142", "loop main.c:20", "main main.c:9"};
    return (struct alert){.class = ALERT_ERROR,
                          .level = ALERT_LEVEL_ERROR,
                          .time_unix_ns = 1762398135000000000u,
                          .type = "TimeoutError",
                          .message = "Upbit API 타임아웃",
                          .context = context,
                          .n_context = 3,
                          .stack = stack,
                          .n_stack = 3,
                          .trace_id = "7f3a00000000000000000000000000c1",
                          .phases = "dns 12 ms · connect 38 ms",
                          .service = "trader",
                          .version = "1.4.2",
                          .host = "pi5",
                          .environment = "production",
                          .pid = 4121};
}

static void test_compose_all(void **state)
{
    (void)state;
    struct alert alert = timeout_error();
    struct compose_options options = {.trace_url = "https://t/{trace_id}?s={span_id}",
                                      .n_suppressed = 37,
                                      .suppressed_unix_ns = 1762398000000000000u};
    assert_string_equal(composed(&alert, &options),
                        "⚠️ ERROR: TimeoutError · trader 1.4.2 on pi5 (production)\n"
                        "🕒 2025-11-06 12:02:15 KST · pid 4121\n"
                        "Message:\nUpbit API 타임아웃\n"
                        "Context:\n  • coin: 이더리움\n  • api_endpoint: /v1/candles/days\n  • timeout: 10s\n"
                        "dns 12 ms · connect 38 ms\n"
                        "Stack Trace:\nplace_order+0x1c4 order.c:142\nloop main.c:20\nmain main.c:9\n"
                        "Trace: 7f3a00000000000000000000000000c1 "
                        "(https://t/7f3a00000000000000000000000000c1?s=)\n"
                        "37 more of these since 12:00:00 were not told one by one");
    options = (struct compose_options){
        .language = LANGUAGE_KO, .n_suppressed = 2, .suppressed_unix_ns = 1762398000000000000u};
    alert.level = ALERT_LEVEL_CRITICAL;
    assert_string_equal(
        composed(&alert, &options),
        "🔴 CRITICAL: TimeoutError · trader 1.4.2 @ pi5 (production)\n"
        "🕒 2025-11-06 12:02:15 KST · pid 4121\n"
        "메시지:\nUpbit API 타임아웃\n"
        "상세 정보:\n  • coin: 이더리움\n  • api_endpoint: /v1/candles/days\n  • timeout: 10s\n"
        "dns 12 ms · connect 38 ms\n"
        "스택 트레이스:\nplace_order+0x1c4 order.c:142\nloop main.c:20\nmain main.c:9\n"
        "트레이스: 7f3a00000000000000000000000000c1\n"
        "12:00:00 이후 같은 알림 2건은 따로 보내지 않았습니다");
    alert.version = "88d4961b56827547be84154a57a496365d167d38"; /* a build id */
    assert_non_null(strstr(composed(&alert, &options), " · trader 88d4961b5682 @ pi5"));
    alert.version = "a-version-of-more-than-thirty-characters";
    assert_non_null(strstr(composed(&alert, &options), " · trader a-version-of-more-than-thirty-… @ pi5"));
}

static void test_compose_little(void **state)
{
    (void)state;
    struct compose_options options = {.language = LANGUAGE_EN};
    struct alert empty = {.class = ALERT_ERROR, .level = ALERT_LEVEL_ERROR};
    assert_string_equal(composed(&empty, &options), "⚠️ ERROR: ?");
    struct alert titled = {
        .class = ALERT_CRASH, .level = ALERT_LEVEL_CRITICAL, .title = "CRASH SIGSEGV", .service = "x"};
    assert_string_equal(composed(&titled, &options), "🔴 CRASH SIGSEGV · x");
    struct alert trade = timeout_error();
    trade.body = "💰 *매수 주문 체결*\n종목: `BTC`";
    assert_string_equal(composed(&trade, &options), "💰 매수 주문 체결\n종목: BTC");
}

/* Whatever an alert holds, the message is short, valid, and says the type. */
static void test_compose_any(void **state)
{
    (void)state;
    static const char *const pieces[] = {"a",    "원",  "💰", "\xff",       "\n",
                                         "<b>&", "*_`", " ", "0123456789", "\x01"};
    srand(3);
    for (int round = 0; round < 3000; round++) {
        char text[6][3000];
        for (int i = 0; i < 6; i++) {
            int n = rand() % (rand() % 10 ? 20 : 700);
            text[i][0] = 0;
            for (int j = 0; j < n; j++)
                strcat(text[i], pieces[rand() % 10]);
        }
        struct alert_pair context[40];
        const char *stack[40];
        for (int i = 0; i < 40; i++) {
            context[i] = (struct alert_pair){text[rand() % 6], text[rand() % 6]};
            stack[i] = text[rand() % 6];
        }
        struct alert alert = timeout_error();
        alert.type = text[0];
        alert.message = rand() % 4 ? text[1] : NULL;
        alert.title = rand() % 4 ? NULL : text[2];
        alert.service = text[3];
        alert.host = text[4];
        alert.phases = text[5];
        alert.context = context;
        alert.n_context = (uint32_t)rand() % 40;
        alert.stack = stack;
        alert.n_stack = (uint32_t)rand() % 40;
        struct compose_options options = {.language = (enum language)(round % 2),
                                          .n_suppressed = (uint64_t)rand()};
        const char *plain = composed(&alert, &options);
        assert_int_equal(utf8_valid_bytes(plain, strlen(plain)), strlen(plain));
        assert_true(rich_utf16_units(plain) <= 1200); /* 900, where nothing is as long as it may be */
        arena_reset(&arena);
    }
}

static int setup(void **state)
{
    (void)state;
    setenv("TZ", "KST-9", 1);
    tzset();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compose_all),
        cmocka_unit_test(test_compose_little),
        cmocka_unit_test(test_compose_any),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
