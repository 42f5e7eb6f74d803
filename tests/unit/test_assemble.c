/* assemble: raw facts in, a span by the conventions out: roots, parents, ends, and whatever a file may hold. */
#include "assembling.h"

static void test_assemble_root(void **state)
{
    (void)state;
    begin("", "", 0);
    given.raw.kind = RAW_ROOT;
    given.raw.instrumentation = NULL;
    given.raw.calls = 4;
    given.raw.errors = 1;
    given.raw.span.flags = WIRE_SPAN_SAMPLED;
    memset(given.raw.span.parent_span_id, 0, 8);
    strcpy(given.raw.thread_name, "poller");
    struct span *span = assemble();
    assert_string_equal(span->name, "poller");
    assert_int_equal(span->kind, SPAN_INTERNAL);
    assert_false(span->has_parent);
    assert_int_equal(span->flags, 0x101);
    assert_string_equal(span->scope, "otelshim");
    assert_string_equal(print(span), "thread.id=42\nthread.name=poller\notelshim."
                                     "calls=4\notelshim.errors=1\n");
    given.raw.thread_name[0] = 0;
    assert_string_equal(assemble()->name, "trader");
    given.process.exe = "";
    assert_string_equal(assemble()->name, "otelshim");
}

static void test_assemble_unsampled_and_remote(void **state)
{
    (void)state;
    begin_http("GET", "http://h/");
    given.raw.span.flags = WIRE_SPAN_HAS_PARENT;
    assert_int_equal(assemble()->flags, 0x100);
    given.raw.span.flags |= WIRE_SPAN_SAMPLED | WIRE_SPAN_REMOTE_PARENT;
    given.settings.values[SETTING_TRACESTATE] = "a=1";
    struct span *span = assemble();
    assert_int_equal(span->flags, 0x301);
    assert_null(span->trace_state); /* another trace than TRACEPARENT's */
    given.process.has_parent = true;
    memset(given.process.parent_trace_id, 1, 16);
    assert_string_equal(assemble()->trace_state, "a=1");
    given.raw.end_mono_ns = START_NS - 1;
    span = assemble();
    assert_true(span->end_unix_ns == span->start_unix_ns);
}

static void test_assemble_in_flight_and_abandoned(void **state)
{
    (void)state;
    begin_http("GET", "http://h/");
    given.raw.kind = RAW_IN_FLIGHT;
    given.raw.death = "killed";
    struct span *span = assemble();
    assert_int_equal(span->status, SPAN_ERROR);
    assert_string_equal(conformance_text(&span->attributes, "error.type"), "process_ended");
    assert_string_equal(conformance_text(&span->attributes, "otelshim.ended_by"), "killed");
    begin_sql("h", "5432", "SELECT 1");
    given.raw.outcome = WIRE_ABANDONED;
    number(WIRE_ERROR_CODE, 7);
    span = assemble();
    assert_int_equal(span->status, SPAN_UNSET);
    assert_true(attribute_find(&span->attributes, "otelshim.abandoned")->value.flag);
}

/* Whatever the mapped file holds, the span is by the conventions. */
static void test_assemble_hostile_facts(void **state)
{
    (void)state;
    static const char *const odd[] = {"",       "\xff\xfe", "-1", "99999999999999999999", "a\nb", "/", "@",
                                      "%s%b%n", "://",      "é"};
    srand(7);
    for (int round = 0; round < 20000; round++) {
        uint16_t family = (uint16_t)(rand() % 5);
        begin("x\xff", family == WIRE_DATABASE ? (rand() % 2 ? "redis" : "postgresql") : "\xff", family);
        for (int i = rand() % 40; i > 0; i--) {
            uint16_t key = (uint16_t)(rand() % 70);
            const char *value = odd[(size_t)rand() % (sizeof(odd) / sizeof(odd[0]))];
            if (rand() % 3)
                text(key, value);
            else
                number(key, rand() % 2 ? rand() : INT64_MIN + rand());
        }
        given.raw.kind = (enum raw_kind)(rand() % 3);
        given.raw.outcome = (enum wire_outcome)(rand() % 4);
        given.raw.span.operation = (uint8_t)rand();
        given.settings.raw = rand() % 2;
        struct span *span = assemble_call(&given.arena, &given.raw, &given.settings);
        const char *broken = conformance_check_list(
            &span->attributes, attribute_find(&span->attributes, "http.request.method") ? "http"
                               : attribute_find(&span->attributes, "db.system.name")    ? "database"
                                                                                        : "root");
        if (broken)
            fail_msg("round %d: %s", round, broken);
        assert_true(*span->name && span->end_unix_ns >= span->start_unix_ns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assemble_root),
        cmocka_unit_test(test_assemble_unsampled_and_remote),
        cmocka_unit_test(test_assemble_in_flight_and_abandoned),
        cmocka_unit_test(test_assemble_hostile_facts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
