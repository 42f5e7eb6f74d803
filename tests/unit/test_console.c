/* console: which traces are printed when, and how they look, against golden text. */
#include "base/terminal.h"
#include "outputs/console/console.h"
#include "telemetry/resource.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define MS_NS 1000000ull
#define BEGIN_UNIX_NS (1735722753123 * MS_NS) /* 2025-01-01 09:12:33.123 UTC */

struct screen {
    char *text;
    size_t bytes;
    FILE *out;
    struct console *console;
    struct arena arena;
    struct resource resource;
};

static void screen_init(struct screen *screen, bool is_utf8, bool is_coloured, uint32_t columns)
{
    memset(screen, 0, sizeof(*screen));
    screen->out = open_memstream(&screen->text, &screen->bytes);
    struct console_style style = {.is_utf8 = is_utf8, .is_coloured = is_coloured, .columns = columns};
    screen->console = console_create(screen->out, &style);
    screen->resource.service_name = "trader";
}

static void screen_fini(struct screen *screen)
{
    console_destroy(screen->console);
    fclose(screen->out);
    free(screen->text);
    arena_fini(&screen->arena);
}

static const char *screen_text(struct screen *screen)
{
    fflush(screen->out);
    return screen->text;
}

/* A span of trace 01 02 … 10; parent 0: none. */
static struct span *span_new(struct screen *screen, uint8_t id, uint8_t parent, const char *name,
                             uint64_t start_us, uint64_t duration_us)
{
    struct span *span = arena_zalloc(&screen->arena, sizeof(*span));
    for (uint8_t i = 0; i < 16; i++)
        span->trace_id[i] = (uint8_t)(i + 1);
    span->span_id[7] = id;
    span->parent_span_id[7] = parent;
    span->has_parent = parent != 0;
    span->flags = 0x101;
    span->name = name;
    span->start_unix_ns = BEGIN_UNIX_NS + start_us * 1000;
    span->end_unix_ns = span->start_unix_ns + duration_us * 1000;
    span->resource = &screen->resource;
    return span;
}

static void set_text(struct screen *screen, struct span *span, const char *key, const char *value)
{
    attribute_set_string(&span->attributes, &screen->arena, key, value);
}

static void set_int(struct screen *screen, struct span *span, const char *key, int64_t value)
{
    attribute_set_int(&span->attributes, &screen->arena, key, value);
}

static void add_event(struct screen *screen, struct span *span, const char *name, uint64_t after_us)
{
    struct span_event *events = arena_zalloc(&screen->arena, (span->n_events + 1) * sizeof(*events));
    if (span->n_events > 0)
        memcpy(events, span->events, span->n_events * sizeof(*events));
    events[span->n_events].name = name;
    events[span->n_events].time_unix_ns = span->start_unix_ns + after_us * 1000;
    span->events = events;
    span->n_events++;
}

static void add_iteration(struct screen *screen)
{
    struct span *get = span_new(screen, 2, 1, "GET", 0, 42100);
    set_text(screen, get, "http.request.method", "GET");
    set_text(screen, get, "url.full",
             "https://user:x@api.example.com:8443/v1/candles/minutes/1?market=KRW-BTC#a");
    set_int(screen, get, "http.response.status_code", 200);
    add_event(screen, get, "otelshim.http.dns.end", 1200);
    add_event(screen, get, "otelshim.http.connect.end", 1530);
    add_event(screen, get, "otelshim.http.tls.end", 13530);
    add_event(screen, get, "otelshim.http.response.first_byte", 41000);
    console_add(screen->console, get, 0);

    struct span *query = span_new(screen, 3, 1, "SELECT candles", 45000, 4070);
    set_text(screen, query, "db.system.name", "postgresql");
    set_text(screen, query, "db.query.text", "SELECT ts, price\n  FROM candles WHERE market = ?");
    set_int(screen, query, "db.response.returned_rows", 3);
    console_add(screen->console, query, 0);

    struct span *set = span_new(screen, 4, 1, "SET", 50000, 131);
    set_text(screen, set, "db.system.name", "redis");
    set_text(screen, set, "db.query.text", "SET candles:KRW-BTC ?");
    console_add(screen->console, set, 0);

    struct span *order = span_new(screen, 5, 1, "POST", 55000, 66000);
    set_text(screen, order, "http.request.method", "POST");
    set_text(screen, order, "url.full", "https://api.example.com/v1/orders");
    set_int(screen, order, "http.response.status_code", 400);
    set_text(screen, order, "error.type", "400");
    order->status = SPAN_ERROR;
    console_add(screen->console, order, 0);

    struct span *insert = span_new(screen, 6, 1, "INSERT orders", 121500, 1000);
    set_text(screen, insert, "db.system.name", "postgresql");
    set_text(screen, insert, "error.type", "23505");
    set_text(screen, insert, "db.query.text", "INSERT INTO orders VALUES (?)");
    insert->status = SPAN_ERROR;
    insert->status_message = "duplicate key value violates unique constraint";
    console_add(screen->console, insert, 0);

    console_add(screen->console, span_new(screen, 1, 0, "worker-1", 0, 123000), 0);
}

static const char golden_utf8[] =
    "\n"
    "trader · 09:12:33.123 · 123 ms · 6 spans · 2 errors · trace 0102030405060708090a0b0c0d0e0f10\n"
    "  worker-1            ━━━━━━━━━━━━━━━━━━━━    123 ms\n"
    "  ├─ GET              ━━━━━━━                42.1 ms  200     api.example.com:8443/v1/candles/minut…\n"
    "  │                   dns 1.20 ms · connect 330 µs · tls 12.0 ms · first byte 27.5 ms\n"
    "  ├─ SELECT candles          ━               4.07 ms  3 rows  SELECT ts, price FROM candles WHERE m…\n"
    "  ├─ SET                      ╸               131 µs  redis   candles:KRW-BTC ?\n"
    "  ├─ ✗ POST                   ╺━━━━━━━━━━╸   66.0 ms  400     api.example.com/v1/orders\n"
    "  └─ ✗ INSERT orders                     ╺   1.00 ms  23505   INSERT INTO orders VALUES (?)\n"
    "                      duplicate key value violates unique constraint\n";

static const char golden_ascii[] =
    "\n"
    "trader | 09:12:33.123 | 123 ms | 6 spans | 2 errors | trace 0102030405060708090a0b0c0d0e0f10\n"
    "  worker-1            ====================    123 ms\n"
    "  |- GET              =======                42.1 ms  200     api.example.com:8443/v1/candles/minut~\n"
    "  |                   dns 1.20 ms, connect 330 us, tls 12.0 ms, first byte 27.5 ms\n"
    "  |- SELECT candles          =               4.07 ms  3 rows  SELECT ts, price FROM candles WHERE m~\n"
    "  |- SET                      =               131 us  redis   candles:KRW-BTC ?\n"
    "  |- x POST                   ============   66.0 ms  400     api.example.com/v1/orders\n"
    "  `- x INSERT orders                     =   1.00 ms  23505   INSERT INTO orders VALUES (?)\n"
    "                      duplicate key value violates unique constraint\n";

static void test_draw_looks(void **state)
{
    (void)state;
    static const char *const golden[] = {golden_ascii, golden_utf8};
    for (int is_utf8 = 0; is_utf8 < 2; is_utf8++) {
        struct screen screen;
        screen_init(&screen, is_utf8, false, 100);
        add_iteration(&screen);
        assert_int_equal(console_print_due(screen.console, CONSOLE_QUIET_MS), UINT32_MAX);
        assert_string_equal(screen_text(&screen), golden[is_utf8]);
        assert_true(console_is_empty(screen.console));
        screen_fini(&screen);
    }
}

static void test_draw_colours_errors(void **state)
{
    (void)state;
    struct screen screen;
    screen_init(&screen, true, true, 100);
    add_iteration(&screen);
    console_flush(screen.console);
    const char *text = screen_text(&screen);
    assert_non_null(strstr(text, "\033[1;31m✗ \033[0m"));
    assert_non_null(strstr(text, "\033[32m200\033[0m"));
    assert_non_null(strstr(text, "\033[31mduplicate key"));
    screen_fini(&screen);
}

/* No line is wider than the terminal, whatever the names. */
static void test_draw_keeps_width(void **state)
{
    (void)state;
    for (uint32_t columns = 60; columns <= 260; columns += 25) {
        struct screen screen;
        screen_init(&screen, true, false, columns);
        char name[151] = "";
        for (int i = 0; i < 50; i++)
            strcat(name, i % 2 ? "가" : "abc");
        for (uint8_t i = 1; i < 70; i++) {
            struct span *span = span_new(&screen, i, (uint8_t)(i - 1), i == 69 ? name : "x", 0, 1000u + i);
            set_text(&screen, span, "db.system.name", "redis");
            set_text(&screen, span, "db.query.text", name);
            console_add(screen.console, span, 0);
        }
        console_flush(screen.console);
        char *copy = strdup(screen_text(&screen)), *rest = NULL;
        char *line = strtok_r(copy, "\n", &rest); /* the header is as long as it must be */
        while ((line = strtok_r(NULL, "\n", &rest))) {
            /* below 40 % of the width the tree's own lines push the rest to the right */
            if (terminal_text_columns(line) > columns + 3 * 64)
                fail_msg("%u columns: %s", columns, line);
        }
        free(copy);
        screen_fini(&screen);
    }
}

static void test_add_waits_for_the_root(void **state)
{
    (void)state;
    struct screen screen;
    screen_init(&screen, true, false, 100);
    console_add(screen.console, span_new(&screen, 2, 1, "GET", 0, 100), 1000);
    assert_int_equal(console_print_due(screen.console, 1000), CONSOLE_QUIET_MS);
    console_print_due(screen.console, 60000);
    assert_string_equal(screen_text(&screen), "");
    console_add(screen.console, span_new(&screen, 1, 0, "main", 0, 200), 60100);
    assert_int_equal(console_print_due(screen.console, 60100), CONSOLE_QUIET_MS);
    assert_string_equal(screen_text(&screen), "");
    console_print_due(screen.console, 60100 + CONSOLE_QUIET_MS);
    assert_non_null(strstr(screen_text(&screen), "  └─ GET"));
    screen_fini(&screen);
}

/* Whose root never comes is shown all the same, once. */
static void test_add_gives_up_on_the_root(void **state)
{
    (void)state;
    struct screen screen;
    screen_init(&screen, true, false, 100);
    console_add(screen.console, span_new(&screen, 2, 1, "GET", 0, 100), 0);
    console_print_due(screen.console, CONSOLE_GIVE_UP_MS);
    assert_non_null(strstr(screen_text(&screen), "  GET"));
    console_add(screen.console, span_new(&screen, 1, 0, "main", 0, 200), CONSOLE_GIVE_UP_MS);
    console_flush(screen.console);
    assert_non_null(strstr(screen_text(&screen), "(continued)"));
    screen_fini(&screen);
}

static void test_add_takes_a_remote_parent_for_a_root(void **state)
{
    (void)state;
    struct screen screen;
    screen_init(&screen, true, false, 100);
    struct span *span = span_new(&screen, 2, 9, "GET", 0, 100);
    span->flags |= 0x200;
    console_add(screen.console, span, 0);
    console_print_due(screen.console, CONSOLE_REMOTE_QUIET_MS - 1);
    assert_string_equal(screen_text(&screen), "");
    console_print_due(screen.console, CONSOLE_REMOTE_QUIET_MS);
    assert_non_null(strstr(screen_text(&screen), "GET"));
    screen_fini(&screen);
}

static void test_add_shows_repeats_once(void **state)
{
    (void)state;
    struct screen screen;
    screen_init(&screen, true, false, 100);
    for (int i = 0; i < 3; i++)
        console_add(screen.console, span_new(&screen, 1, 0, "main", 0, 200), 0);
    console_flush(screen.console);
    assert_non_null(strstr(screen_text(&screen), "1 span "));
    screen_fini(&screen);
}

static void test_add_prints_the_oldest_when_full(void **state)
{
    (void)state;
    struct screen screen;
    screen_init(&screen, true, false, 100);
    for (uint32_t i = 0; i <= CONSOLE_MAX_SPANS; i++) {
        struct span *span = span_new(&screen, 2, 1, "GET", 0, 100);
        memcpy(span->trace_id, &i, sizeof(i));
        console_add(screen.console, span, 0);
    }
    assert_non_null(strstr(screen_text(&screen), "trace 000000000506"));
    assert_null(strstr(screen_text(&screen), "trace 010000000506"));
    screen_fini(&screen);
}

/* Ids are the program's word: a ring and a span that is its own parent must end. */
static void test_add_survives_rings(void **state)
{
    (void)state;
    struct screen screen;
    screen_init(&screen, true, false, 100);
    console_add(screen.console, span_new(&screen, 1, 2, "a", 0, 200), 0);
    console_add(screen.console, span_new(&screen, 2, 3, "b", 1, 200), 0);
    console_add(screen.console, span_new(&screen, 3, 1, "c", 2, 200), 0);
    console_add(screen.console, span_new(&screen, 4, 4, "d", 3, 200), 0);
    console_flush(screen.console);
    assert_non_null(strstr(screen_text(&screen), "4 spans"));
    for (const char *name = "abcd"; *name; name++) {
        char line[4] = {' ', *name, ' ', 0};
        assert_non_null(strstr(screen_text(&screen), line));
    }
    screen_fini(&screen);
}

static void test_terminal_disarms_text(void **state)
{
    (void)state;
    static const struct {
        const char *input, *utf8, *ascii;
    } rows[] = {
        {"plain", "plain", "plain"},
        {"\033[31mred\a", "?[31mred?", "?[31mred?"},
        {"a\n\t b", "a b", "a b"},
        {"가", "가", "?"},
        {"\xc2\x9b"
         "31m",
         "?31m", "?31m"}, /* CSI of C1 */
        {"a\xe2\x80\xae"
         "b",
         "a?b", "a?b"}, /* right-to-left override */
        {"bad\xff\xc3", "bad??", "bad??"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[64];
        terminal_copy_text(out, sizeof(out), rows[i].input, true);
        assert_string_equal(out, rows[i].utf8);
        terminal_copy_text(out, sizeof(out), rows[i].input, false);
        assert_string_equal(out, rows[i].ascii);
    }
    char cut[6];
    assert_int_equal(terminal_copy_text(cut, sizeof(cut), "ab가나", true), 5);
    assert_string_equal(cut, "ab가");
    assert_int_equal(terminal_text_columns("ab가"), 4);
    assert_int_equal(terminal_text_fit("ab가나", 5), 5);
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_draw_looks),
        cmocka_unit_test(test_draw_colours_errors),
        cmocka_unit_test(test_draw_keeps_width),
        cmocka_unit_test(test_add_waits_for_the_root),
        cmocka_unit_test(test_add_gives_up_on_the_root),
        cmocka_unit_test(test_add_takes_a_remote_parent_for_a_root),
        cmocka_unit_test(test_add_shows_repeats_once),
        cmocka_unit_test(test_add_prints_the_oldest_when_full),
        cmocka_unit_test(test_add_survives_rings),
        cmocka_unit_test(test_terminal_disarms_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
