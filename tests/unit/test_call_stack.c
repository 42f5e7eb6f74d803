/* call_stack: where a call failed: its record, its lines, which stacks are like it, and what alert and span show of it. */
#include "assembling.h"

#include "signals/alerts/judge.h"
#include "signals/crash/call_stack.h"
#include "signals/crash/own.h"
#include "sources/crash/call.h"
#include "sources/dropbox/record.h"
#include <elf.h>
#include <stdlib.h>

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&given.arena);
    given.arena = (struct arena){0};
    return 0;
}

/* ---- the record ---- */

static struct {
    struct wire_stack stack;
    uint8_t bytes[WIRE_STACK_MAX + 8];
} made;

static enum record_result decode(uint32_t n_bytes, struct record *ret_record)
{
    static struct record_context context;
    struct record_memory memory = {.bytes = 0};
    made.stack.record.bytes = n_bytes;
    return record_decode(&context, &memory, (const uint8_t *)&made, n_bytes, ret_record);
}

static void make_stack(void)
{
    made.stack = (struct wire_stack){.record = {.kind = WIRE_RECORD_STACK},
                                     .mono_ns = 5,
                                     .tid = 7,
                                     .machine = EM_X86_64,
                                     .stack_bytes = 64,
                                     .stack_from = 0x7f0000001000};
}

static void test_records_right_and_wrong(void **state)
{
    (void)state;
    struct record record;
    uint32_t n = sizeof(struct wire_stack) + 64;
    make_stack();
    assert_int_equal(decode(n, &record), RECORD_STACK);
    assert_int_equal(record.stack.stack.tid, 7);
    assert_ptr_equal(record.stack.bytes, made.bytes);
    assert_int_equal(decode(n - 8, &record), RECORD_INVALID); /* less than it says */
    assert_int_equal(decode(sizeof(struct wire_stack) - 8, &record), RECORD_INVALID);
    make_stack();
    made.stack.stack_bytes = WIRE_STACK_MAX + 8;
    assert_int_equal(decode(sizeof(made), &record), RECORD_INVALID);
    make_stack();
    made.stack.stack_from = UINT64_MAX - 63;
    assert_int_equal(decode(n, &record), RECORD_INVALID);
    make_stack();
    made.stack.mono_ns = 0;
    assert_int_equal(decode(n, &record), RECORD_INVALID);
    make_stack();
    made.stack.stack_bytes = 0;
    assert_int_equal(decode(sizeof(struct wire_stack), &record), RECORD_STACK);
}

/* ---- lines ---- */

#define STACK_AT 0x7ffd00001000ull

static struct crash_frame frames[] = {
    {.function = "fill", .module = "/usr/lib/libotelshim.so", .address = 0x5000, .cfa = STACK_AT + 32},
    {.function = "curl_easy_perform",
     .module = "/usr/lib/libotelshim.so",
     .address = 0x5100,
     .cfa = STACK_AT + 64},
    {.function = "place_order",
     .module = "/usr/bin/trader",
     .file = "/src/orders.c",
     .line = 57,
     .address = 0x1100,
     .is_inlined = true,
     .cfa = STACK_AT + 96},
    {.function = "round",
     .module = "/usr/bin/trader",
     .file = "main.c",
     .line = 9,
     .address = 0x1100,
     .cfa = STACK_AT + 96},
    {.function = "main", .module = "/usr/bin/trader", .address = 0x1200, .cfa = STACK_AT + 128},
    {.module = "/usr/lib/libc.so.6", .offset = 0x29d0, .address = 0x9000},
};

static uint64_t words[16];
static const struct crash_memory memory = {STACK_AT, (const uint8_t *)words, sizeof(words)};

/* As a compiler leaves them: each return address below the end of its callee's frame. */
static void make_words(void)
{
    memset(words, 0, sizeof(words));
    words[3] = 0x5100;
    words[7] = words[5] = 0x1100; /* the one below is a stale one */
    words[11] = 0x1200;
    words[15] = 0x9000;
}

static bool print_and_read(uint32_t n_frames, struct call_stack *ret_stack)
{
    char *text;
    size_t bytes;
    struct crash_stack stack = {.frames = frames, .n_frames = n_frames};
    own_mark(&stack);
    FILE *out = open_memstream(&text, &bytes);
    call_stack_print_marks(out, &stack, &memory);
    call_stack_print(out, &given.arena, &stack);
    fclose(out);
    bool is_read = call_stack_read(ret_stack, &given.arena, text, bytes);
    free(text);
    return is_read;
}

static void test_own_frames_come_first(void **state)
{
    (void)state;
    struct call_stack stack;
    make_words();
    assert_true(print_and_read(6, &stack));
    assert_int_equal(stack.n_lines, 4);
    assert_string_equal(stack.lines[0], "#0 place_order (orders.c:57)");
    assert_string_equal(stack.lines[1], "#1 round (main.c:9)");
    assert_string_equal(stack.lines[2], "#2 main (trader)");
    assert_string_equal(stack.lines[3], "#3 libc.so.6+0x29d0");
    assert_string_equal(
        stack.text,
        "#0 place_order (orders.c:57)\n#1 round (main.c:9)\n#2 main (trader)\n#3 libc.so.6+0x29d0");
    assert_false(print_and_read(2, &stack)); /* nothing but this library */
}

static void test_what_is_read_is_bounded(void **state)
{
    (void)state;
    struct call_stack stack;
    static char much[3 * CALL_STACK_MAX_BYTES];
    memset(much, '\n', sizeof(much));
    for (size_t i = 0; i < sizeof(much); i += 2)
        much[i] = 'x';
    assert_true(call_stack_read(&stack, &given.arena, much, sizeof(much)));
    assert_int_equal(stack.n_lines, 64);
    assert_false(call_stack_read(&stack, &given.arena, "", 0));
    assert_false(call_stack_read(&stack, &given.arena, "\n\n", 2));
    assert_true(call_stack_read(&stack, &given.arena, "=zz 1\n\xff!", 8)); /* no mark, no UTF-8 */
    assert_int_equal(stack.n_marks, 0);
    assert_int_equal(stack.n_lines, 2);
}

/* ---- which stacks are alike ---- */

static void test_like_stacks(void **state)
{
    (void)state;
    struct call_stack stack;
    struct crash_thread thread = {.memory = &memory, .n_memory = 1, .registers = {[WIRE_X86_64_IP] = 0x5000}};
    struct crash_case crash = {.machine = EM_X86_64, .threads = &thread, .n_threads = 1};
    make_words();
    assert_true(print_and_read(6, &stack));
    assert_int_equal(stack.n_marks, 4);
    assert_int_equal(stack.marks[1].offset, 56); /* not the stale one */
    words[5] = words[0] = 77;                    /* what is no return address may change */
    assert_true(call_is_like(&crash, 0x5000, stack.marks, stack.n_marks));
    assert_false(call_is_like(&crash, 0x5001, stack.marks, stack.n_marks));
    words[11] = 0x1300; /* called from elsewhere */
    assert_false(call_is_like(&crash, 0x5000, stack.marks, stack.n_marks));
    make_words();
    assert_false(call_is_like(&crash, 0x5000, stack.marks, 0));
    const struct call_mark beyond = {.offset = UINT64_MAX - 3, .address = 0};
    assert_false(call_is_like(&crash, 0x5000, &beyond, 1));
    frames[3].guess = "scan"; /* a guess: the next one may be another */
    assert_true(print_and_read(6, &stack));
    assert_int_equal(stack.n_marks, 0);
    frames[3].guess = NULL;
}

/* ---- what is shown ---- */

static const char *const lines[] = {"#0 place_order (orders.c:57)", "#1 main (main.c:9)"};
static const struct call_stack shown = {
    .lines = lines, .n_lines = 2, .text = "#0 place_order (orders.c:57)\n#1 main (main.c:9)"};

static void judge_request(const struct call_stack *stack, struct verdict *ret_verdict)
{
    struct judge *judge = judge_create();
    begin_http("GET", "https://api.upbit.com/v1/orders");
    given.settings.alerts =
        (struct alert_settings){.is_on = true, .min_level = ALERT_LEVEL_ERROR, .streak = 1};
    number(WIRE_HTTP_RESPONSE_STATUS_CODE, 503);
    given.raw.outcome = WIRE_REFUSED;
    given.raw.stack = stack;
    judge_span(judge, &given.settings, &given.raw, assemble(), &given.arena, ret_verdict);
    judge_destroy(judge);
}

static void test_alert_has_the_stack(void **state)
{
    (void)state;
    struct verdict verdict;
    judge_request(&shown, &verdict);
    assert_int_equal(verdict.n, 2);
    assert_int_equal(verdict.alerts[0].n_stack, 2);
    assert_string_equal(verdict.alerts[0].stack[0], lines[0]);
    assert_null(verdict.alerts[0].frame); /* with names or without: the same error */
    assert_string_equal(verdict.alerts[1].type, "HostFailing");
    assert_int_equal(verdict.alerts[1].n_stack, 0); /* the host's trouble is nobody's line */
    judge_request(NULL, &verdict);
    assert_int_equal(verdict.alerts[0].n_stack, 0);
}

static void test_span_has_the_stack(void **state)
{
    (void)state;
    begin_http("GET", "https://api.upbit.com/v1/orders");
    given.raw.stack = &shown;
    const struct attribute *item = attribute_find(&assemble()->attributes, "code.stacktrace");
    assert_non_null(item);
    assert_string_equal(item->value.string.bytes, shown.text);
    given.raw.stack = NULL;
    assert_null(attribute_find(&assemble()->attributes, "code.stacktrace"));
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_records_right_and_wrong), TEST(test_own_frames_come_first),
        TEST(test_what_is_read_is_bounded), TEST(test_like_stacks),
        TEST(test_alert_has_the_stack),     TEST(test_span_has_the_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
