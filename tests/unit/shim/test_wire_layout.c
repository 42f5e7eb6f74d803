/* The mapped file's layout is frozen: last year's files are read by next year's exporter. Append, never move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <crash_slot.h>
#include <wire.h>

struct place {
    const char *name;
    size_t offset, expected;
};

static void check_places(const struct place *places, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (places[i].offset != places[i].expected)
            print_error("%s has moved\n", places[i].name);
        assert_int_equal(places[i].offset, places[i].expected);
    }
}

#define PLACE(type, field, expected)                             \
    {                                                            \
#type "." #field, offsetof(struct type, field), expected \
    }
#define CHECK_PLACES(...)                                       \
    do {                                                        \
        static const struct place places[] = {__VA_ARGS__};     \
        check_places(places, sizeof places / sizeof places[0]); \
    } while (0)

static void test_header_does_not_move(void **state)
{
    (void)state;
    CHECK_PLACES(PLACE(wire_header, magic, 0), PLACE(wire_header, version, 8),
                 PLACE(wire_header, header_bytes, 12), PLACE(wire_header, features_compatible, 16),
                 PLACE(wire_header, features_incompatible, 24), PLACE(wire_header, chunk_lines, 32),
                 PLACE(wire_header, acknowledged, 48), PLACE(wire_header, closed_roots, 64),
                 PLACE(wire_header, thread_slots, 80), PLACE(wire_header, operation_slots, 96),
                 PLACE(wire_header, crash_slot, 112), PLACE(wire_header, chunks, 128),
                 PLACE(wire_header, pid_namespace, 144), PLACE(wire_header, start_ticks, 152),
                 PLACE(wire_header, created_mono_ns, 160), PLACE(wire_header, created_unix_ns, 168),
                 PLACE(wire_header, trace_gap_ns, 176), PLACE(wire_header, pid, 184),
                 PLACE(wire_header, uid, 188), PLACE(wire_header, page_bytes, 192),
                 PLACE(wire_header, flags, 196), PLACE(wire_header, exe_offset, 200),
                 PLACE(wire_header, settings_offset, 216), PLACE(wire_header, entry_points_offset, 232),
                 PLACE(wire_header, trace_parent, 240), PLACE(wire_header, state, 272),
                 PLACE(wire_header, waiting, 276), PLACE(wire_header, rung, 280));
    CHECK_PLACES(PLACE(wire_exporter, asleep, 0), PLACE(wire_exporter, progress, 4),
                 PLACE(wire_exporter, captured, 8), PLACE(wire_exporter, deaths, 12),
                 PLACE(wire_exporter, pid, 16), PLACE(wire_exporter, settings, 20));
    CHECK_PLACES(PLACE(wire_told, by_program, 0), PLACE(wire_told, by_exporter, 256));
}

static void test_records_do_not_move(void **state)
{
    (void)state;
    CHECK_PLACES(PLACE(wire_count, mono_ns, 8), PLACE(wire_count, delta, 16), PLACE(wire_count, tid, 24),
                 PLACE(wire_count, instrumentation, 28), PLACE(wire_count, counter, 30),
                 PLACE(wire_count, connection, 32));
    CHECK_PLACES(PLACE(wire_stack, span_id, 8), PLACE(wire_stack, mono_ns, 16), PLACE(wire_stack, tid, 24),
                 PLACE(wire_stack, machine, 28), PLACE(wire_stack, stack_bytes, 36),
                 PLACE(wire_stack, stack_from, 40), PLACE(wire_stack, registers, 48));
    CHECK_PLACES(PLACE(wire_record, bytes, 0), PLACE(wire_record, kind, 4), PLACE(wire_record, flags, 6),
                 PLACE(wire_facts, number, 8), PLACE(wire_facts, fact_bytes, 12), PLACE(wire_fact, key, 0),
                 PLACE(wire_fact, type, 2), PLACE(wire_fact, flags, 3), PLACE(wire_fact, bytes, 4),
                 PLACE(wire_fact, original, 6), PLACE(wire_span_facts, trace_id, 0),
                 PLACE(wire_span_facts, span_id, 16), PLACE(wire_span_facts, parent_span_id, 24),
                 PLACE(wire_span_facts, start_mono_ns, 32), PLACE(wire_span_facts, tid, 40),
                 PLACE(wire_span_facts, instrumentation, 44), PLACE(wire_span_facts, operation, 46),
                 PLACE(wire_span_facts, flags, 47), PLACE(wire_span, facts, 8),
                 PLACE(wire_span, end_mono_ns, 56), PLACE(wire_span, connection, 64),
                 PLACE(wire_span, statement, 68), PLACE(wire_span, outcome, 72), PLACE(wire_root, facts, 8),
                 PLACE(wire_root, end_mono_ns, 56), PLACE(wire_root, calls, 64), PLACE(wire_root, errors, 68),
                 PLACE(wire_root, slot, 72), PLACE(wire_root, thread_name, 80));
}

static void test_slots_do_not_move(void **state)
{
    (void)state;
    CHECK_PLACES(PLACE(wire_open_span, handle, 48), PLACE(wire_open_span, stack_pointer, 56),
                 PLACE(wire_open_span, from, 64), PLACE(wire_open_span, bytes, 68),
                 PLACE(wire_open_span, n_shared, 72), PLACE(wire_open_span, cut, 74),
                 PLACE(wire_episode, end_mono_ns, 48), PLACE(wire_episode, calls, 56),
                 PLACE(wire_episode, errors, 60), PLACE(wire_episode, open_calls, 64),
                 PLACE(wire_episode, open_operations, 68), PLACE(wire_thread_slot, tid, 0),
                 PLACE(wire_thread_slot, sequence, 4), PLACE(wire_thread_slot, depth, 8),
                 PLACE(wire_thread_slot, thread_name, 16), PLACE(wire_thread_slot, claims, 32),
                 PLACE(wire_thread_slot, episode, 40), PLACE(wire_thread_slot, closed_calls, 112),
                 PLACE(wire_thread_slot, closed_operations, 116), PLACE(wire_thread_slot, open, 128),
                 PLACE(wire_thread_slot, staged, 4096), PLACE(wire_operation_slot, owner, 0),
                 PLACE(wire_operation_slot, sequence, 4), PLACE(wire_operation_slot, is_open, 8),
                 PLACE(wire_operation_slot, span, 16), PLACE(wire_operation_slot, staged, 160));
}

static void test_crash_slot_does_not_move(void **state)
{
    (void)state;
    CHECK_PLACES(PLACE(wire_crash, state, 0), PLACE(wire_crash, sequence, 4), PLACE(wire_crash, flags, 8),
                 PLACE(wire_crash, n_modules, 12), PLACE(wire_crash, fault, 16),
                 PLACE(wire_crash, stack_from, 624), PLACE(wire_crash, outer_from, 632),
                 PLACE(wire_crash, stack_bytes, 640), PLACE(wire_crash, outer_bytes, 644),
                 PLACE(wire_crash, modules_bytes, 648), PLACE(wire_crash, message_bytes, 652),
                 PLACE(wire_crash, message, 656), PLACE(wire_crash, thrown_bytes, 1680),
                 PLACE(wire_crash, n_thrown_frames, 1684), PLACE(wire_crash, thrown_type, 1688),
                 PLACE(wire_crash, thrown_what, 1944), PLACE(wire_crash, thrown_frames, 2200));
    CHECK_PLACES(PLACE(wire_fault, sequence, 0), PLACE(wire_fault, tid, 4), PLACE(wire_fault, pid, 8),
                 PLACE(wire_fault, machine, 12), PLACE(wire_fault, kind, 14), PLACE(wire_fault, flags, 15),
                 PLACE(wire_fault, mono_ns, 16), PLACE(wire_fault, repeats, 24),
                 PLACE(wire_fault, thread_name, 32), PLACE(wire_fault, siginfo, 48),
                 PLACE(wire_fault, registers, 176), PLACE(wire_fault, stack_low, 496),
                 PLACE(wire_fault, stack_high, 504), PLACE(wire_fault, context, 512));
    CHECK_PLACES(PLACE(wire_module, bytes, 0), PLACE(wire_module, path_bytes, 4),
                 PLACE(wire_module, build_id_bytes, 6), PLACE(wire_module, bias, 8),
                 PLACE(wire_module, low, 16), PLACE(wire_module, high, 24), PLACE(wire_module, build_id, 32));
    assert_int_equal(WIRE_CRASH_STACK_OFFSET, 8192);
    assert_int_equal(WIRE_CRASH_OUTER_OFFSET, 73728);
    assert_int_equal(WIRE_CRASH_MODULES_OFFSET, 90112);
    assert_int_equal(WIRE_CRASH_FAULTS_OFFSET, 106496);
}

/* Bits of H and E: another meaning needs a bit in features_incompatible. */
static void test_chunk_word_bits(void **state)
{
    (void)state;
    uint64_t word =
        5ull << WIRE_SEQ_SHIFT | 77ull << WIRE_TID_SHIFT | WIRE_BUSY | WIRE_CLOSED | WIRE_OWNED | 100;
    assert_int_equal(word & WIRE_STATE_MASK, 5ull << 38 | 1ull << 14 | 100);
    assert_int_equal(WIRE_BUSY, 1u << 15);
    assert_int_equal(WIRE_CLOSED, 1u << 14);
    assert_int_equal(WIRE_OWNED, 1u << 13);
    assert_true(WIRE_CHUNK_BYTES / 8 <= WIRE_BYTES_MASK);
    /* Nothing of a word lies in two fields. */
    assert_int_equal(WIRE_TID_MASK << WIRE_TID_SHIFT & (WIRE_SEQ_MASK << WIRE_SEQ_SHIFT), 0);
    assert_int_equal(WIRE_BYTES_MASK & (WIRE_BUSY | WIRE_CLOSED | WIRE_OWNED), 0);
    assert_int_equal(WIRE_SEQ_MASK << WIRE_SEQ_SHIFT >> WIRE_SEQ_SHIFT, WIRE_SEQ_MASK);
}

static void test_numbers_are_frozen(void **state)
{
    (void)state;
    assert_int_equal(WIRE_MAGIC, 0x4d4948534c45544full);
    assert_int_equal(WIRE_RECORD_FACTS, 1);
    assert_int_equal(WIRE_RECORD_SPAN, 2);
    assert_int_equal(WIRE_RECORD_ROOT, 3);
    assert_int_equal(WIRE_HTTP, 1);
    assert_int_equal(WIRE_DATABASE, 2);
    assert_int_equal(WIRE_MESSAGING, 3);
    assert_int_equal(WIRE_INTERNAL, 4);
    assert_int_equal(WIRE_FAULT_FATAL, 1);
    assert_int_equal(WIRE_FAULT_HANDLED, 2);
    assert_int_equal(WIRE_FAULT_OTHER, 3);
    assert_int_equal(WIRE_FAULT_ASKED, 4);
    assert_int_equal(WIRE_CRASH_REGISTERS, 2);
    assert_int_equal(WIRE_CRASH_WHOLE, 4);
    assert_int_equal(WIRE_STRING, 1);
    assert_int_equal(WIRE_INT, 2);
    assert_int_equal(WIRE_DOUBLE, 3);
    assert_int_equal(WIRE_BYTES, 4);
    assert_int_equal(WIRE_OK, 0);
    assert_int_equal(WIRE_FAILED, 1);
    assert_int_equal(WIRE_ABANDONED, 2);
    assert_int_equal(WIRE_COUNTERS_OFFSET, 1024);
    assert_int_equal(WIRE_EXPORTER_OFFSET, 2048);
    assert_int_equal(WIRE_INSTRUMENTATIONS_OFFSET, 4096);
    assert_int_equal(WIRE_TEXT_OFFSET, 8192);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_does_not_move),     cmocka_unit_test(test_records_do_not_move),
        cmocka_unit_test(test_slots_do_not_move),        cmocka_unit_test(test_chunk_word_bits),
        cmocka_unit_test(test_crash_slot_does_not_move), cmocka_unit_test(test_numbers_are_frozen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
