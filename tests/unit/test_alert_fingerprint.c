/* alert_fingerprint: which alerts are the same; and the documents' Python, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "outputs/alerts/alert_fingerprint.h"

static void test_normalise(void **state)
{
    (void)state;
    const char *const cases[][2] = {
        {"", ""},
        {"no answer", "no answer"},
        {"order 12345 of 7", "order 0 of 0"},
        {"at 0x7fffab12 and 0X1f", "at 0x and 0x"},
        {"id 3f2504e0-4f89-41d3-9a0c-0305e82c3301 gone", "id 0x gone"},
        {"key deadbeef01 lost", "key 0x lost"},
        {"facade decade", "facade decade"},
        {"beef 12ab", "beef 0ab"},
        {"took 1.25s, 30ms", "took 0.0s, 0ms"},
        {"\"BTC-1\" is quoted", "\"BTC-0\" is quoted"},
        {"잔고 부족: 보유 5,000원", "잔고 부족: 보유 0,0원"},
        {"v2 of a1b2c3d4e5f", "v0 of 0x"},
        {"host-a1b2c3 failed", "host-0x failed"},
        {"line_a1b2c3", "line_a0b0c0"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[128];
        alert_fingerprint_normalise(out, cases[i][0]);
        assert_string_equal(out, cases[i][1]);
    }
}

static const char *printed(const struct alert *alert)
{
    static char texts[4][17];
    static int n;
    alert_fingerprint_print(alert, texts[++n % 4]);
    return texts[n % 4];
}

static void test_print(void **state)
{
    (void)state;
    struct alert a = {.type = "TimeoutError", .message = "order 12 timed out", .frame = "trader+place_order"};
    struct alert b = a;
    /* printf 'TimeoutError:order 0 timed out:trader+place_order' | sha256sum | cut -c-16 */
    assert_string_equal(printed(&a), "a1788d251223f3ad");
    b.message = "order 4711 timed out";
    b.service = "other";
    b.pid = 7;
    assert_string_equal(printed(&a), printed(&b));
    b.frame = "trader+cancel_order";
    assert_string_not_equal(printed(&a), printed(&b));
    b = a;
    b.type = "ConnectionError";
    assert_string_not_equal(printed(&a), printed(&b));
    b = (struct alert){.type = NULL};
    assert_int_equal(strlen(printed(&b)), 16);
    /* two hundred characters, not bytes; the rest does not count */
    char long_a[1024] = "", long_b[1024] = "";
    for (int i = 0; i < 200; i++) {
        strcat(long_a, "가");
        strcat(long_b, "가");
    }
    strcat(long_a, "a");
    strcat(long_b, "b");
    a.message = long_a;
    b = a;
    b.message = long_b;
    assert_string_equal(printed(&a), printed(&b));
    long_b[3 * 199] = 'x';
    assert_string_not_equal(printed(&a), printed(&b));
}

/*
 * hashlib.sha256(f"{type}:{message[:200]}:{first_stack_line}".encode()).hexdigest()[:16], where first_stack_line is the first stripped line of
 * traceback.format_exc() that begins with "File": the outermost frame.
 */
static void test_print_python(void **state)
{
    (void)state;
    char text[17], message[1024] = "";
    const char *const stack[] = {"  File \"app/b.py\", line 2, in inner", "    raise ValueError(x)",
                                 "  File \"app/a.py\", line 142, in place_buy_order", "Traceback"};
    struct alert alert = {.type = "InsufficientFundsError",
                          .message = "잔고 부족: 보유 5,000원, 필요 50,000원"};
    alert_fingerprint_print_python(&alert, text);
    assert_string_equal(text, "adad78760c6e83c4");
    alert.stack = stack;
    alert.n_stack = 4;
    alert_fingerprint_print_python(&alert, text);
    assert_string_equal(text, "f1ab874743c93ff3");
    for (int i = 0; i < 300; i++)
        strcat(message, i % 2 ? "원" : "7");
    alert.message = message;
    alert_fingerprint_print_python(&alert, text);
    assert_string_equal(text, "064874a47a9699c8");
}

static void test_print_identity(void **state)
{
    (void)state;
    char first[17], second[17];
    struct alert trade = {.class = ALERT_TRADE, .type = "buy", .body = "bought", .time_unix_ns = 5, .pid = 1};
    alert_fingerprint_print_identity(&trade, first);
    alert_fingerprint_print_identity(&trade, second);
    assert_string_equal(first, second);
    trade.time_unix_ns = 6;
    alert_fingerprint_print_identity(&trade, second);
    assert_string_not_equal(first, second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalise),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_print_python),
        cmocka_unit_test(test_print_identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
