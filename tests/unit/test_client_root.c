/* client: roots of episodes, from the slot or from their records, each once. */
#include "victim.h"

static void test_root_is_made_from_the_slot_when_the_thread_does_not_come_back(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_make_file(reader, &fake, getpid());
    fake.header->trace_gap_ns = 2000000000u; /* of a machine that is busy: it may not run for long */
    uint64_t end_ns = fake_now_ns();
    fake_episode(&fake, 2, 900, end_ns);
    do {
        reader_poll_for(reader, 20);
        if (fake_now_ns() - end_ns < 2000000000u)
            assert_int_equal(reader->n_spans, 0); /* a call may still join */
    } while (fake_now_ns() - end_ns < 2200000000u);
    reader_poll_for(reader, 60);
    assert_int_equal(reader_count(reader, RAW_ROOT, 900), 1);
    const struct reader_span *root = reader_find(reader, 900);
    assert_int_equal(root->end_ns, end_ns);
    assert_int_equal(root->calls, 2);
    assert_string_equal(root->thread_name, "worker");
    assert_int_equal(fake.closed_roots[2], 900);
    /* its record comes later: known */
    fake_lease(&fake, 0);
    fake_commit(&fake, 0, fake_put_root(fake_at(&fake, 0), 900, 2));
    fake_commit(&fake, 0, fake_put_root(fake_at(&fake, 0), 901, 2));
    reader_poll_for(reader, 50);
    assert_int_equal(reader->n_spans, 2);
    assert_int_equal(reader_count(reader, RAW_ROOT, 901), 1);
    assert_int_equal(fake.acknowledged[0], fake.lines[0].word & WIRE_STATE_MASK);
    fake_unmap(&fake);
}

static void test_known_root_is_known_after_a_restart(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_make_file(reader, &fake, getpid());
    fake_episode(&fake, 40, 900, fake_now_ns() - 300000000u);
    reader_poll_for(reader, 30);
    assert_int_equal(reader->n_spans, 1);
    reader_restart(reader);
    reader_poll_for(reader, 100);
    fake_lease(&fake, 0);
    fake_commit(&fake, 0, fake_put_root(fake_at(&fake, 0), 900, 40));
    reader_poll_for(reader, 30);
    assert_int_equal(reader->n_spans, 0);
    fake_unmap(&fake);
}

static void test_episode_with_something_open_is_not_over(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_make_file(reader, &fake, getpid());
    fake_episode(&fake, 0, 900, fake_now_ns() - 400000000u);
    fake.slots[0].episode.open_calls = 3;
    fake.slots[0].closed_calls = 2;
    fake_episode(&fake, 1, 901, fake_now_ns() - 400000000u);
    fake_push(&fake, 1, 5);
    fake_episode(&fake, 2, 902, fake_now_ns() - 400000000u);
    fake.slots[2].sequence = 3; /* being changed */
    reader_poll_for(reader, 150);
    assert_int_equal(reader->n_spans, 0);
    fake.slots[0].closed_calls = 3; /* another thread has ended it */
    fake.slots[1].depth = 0;
    fake.slots[2].sequence = 4;
    reader_poll_for(reader, 150);
    assert_int_equal(reader->n_spans, 3);
    fake_unmap(&fake);
}

static void test_root_of_a_thread_that_is_gone(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_make_file(reader, &fake, getpid());
    uint64_t end_ns = fake_now_ns();
    fake_episode(&fake, 0, 900, end_ns);
    fake.slots[0].episode.open_calls = 1;
    fake.slots[0].tid = 1; /* not a thread of ours */
    do {
        reader_poll_for(reader, 20);
        if (fake_now_ns() - end_ns < 1000000000u)
            assert_int_equal(reader->n_spans, 0);
    } while (fake_now_ns() - end_ns < 1100000000u);
    reader_poll_for(reader, 60);
    assert_int_equal(reader_count(reader, RAW_ROOT, 900), 1);
    fake_unmap(&fake);
}

static void test_roots_of_a_dead_process_come_once(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    pid_t pid = victim_start();
    reader_make_file(reader, &fake, pid);
    fake_episode(&fake, 0, 900, fake_now_ns()); /* running */
    fake_episode(&fake, 1, 901, fake_now_ns()); /* its record is committed, the next one not begun */
    fake_lease(&fake, 0);
    fake_commit(&fake, 0, fake_put_root(fake_at(&fake, 0), 901, 1));
    fake_push(&fake, 0, 5);
    victim_kill(pid);
    reader_poll_for(reader, 50);
    assert_int_equal(reader_count(reader, RAW_ROOT, 900), 1);
    assert_int_equal(reader_count(reader, RAW_ROOT, 901), 1);
    assert_true(reader_find(reader, 900)->end_ns >=
                reader_find(reader, 5)->end_ns); /* covers what was open */
    assert_int_equal(reader->n_spans, 3);
    assert_int_equal(reader->n_gone, 1);
    fake_unmap(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_root_is_made_from_the_slot_when_the_thread_does_not_come_back),
        TEST(test_known_root_is_known_after_a_restart),
        TEST(test_episode_with_something_open_is_not_over),
        TEST(test_root_of_a_thread_that_is_gone),
        TEST(test_roots_of_a_dead_process_come_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
