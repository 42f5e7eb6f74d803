/* client: how a process ends, what was open then, and the removal of its file. */
#include "victim.h"

static void test_death_is_noticed_drained_and_the_file_removed(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    pid_t pid = victim_start();
    reader_make_file(reader, &fake, pid);
    fake_lease(&fake, 0);
    fake_span(&fake, 0, 1);
    reader_poll(reader);
    fake_span(&fake, 0, 2);
    fake_push(&fake, 3, 3);
    fake_push(&fake, 3, 4);
    fake_open(&fake.operations[7].span, fake.operations[7].staged, 5);
    fake.operations[7].owner = (uint32_t)pid;
    fake.operations[7].is_open = 1;
    fake.operations[8].owner = (uint32_t)pid; /* claimed, not open */
    uint64_t before = fake_now_ns();
    victim_kill(pid);
    assert_true(reader_is_readable(reader));
    reader_poll(reader);
    assert_int_equal(reader->n_spans, 5);
    for (uint64_t id = 3; id <= 5; id++) {
        const struct reader_span *span = reader_find(reader, id);
        assert_int_equal(span->kind, RAW_IN_FLIGHT);
        assert_string_equal(span->death, "killed");
        assert_string_equal(span->server, "db.example");
        assert_string_equal(span->query, "SELECT 2");
        assert_true(span->end_ns >= before && span->end_ns <= fake_now_ns());
    }
    assert_int_equal(reader->n_gone, 0);
    assert_int_equal(access(fake.path, F_OK), 0);
    reader_poll(reader);
    assert_int_equal(reader->n_spans, 5);
    /* the file goes when the last one is acknowledged, in whatever order */
    dropbox_acknowledge(reader->dropbox, reader->receipts + 1, 4);
    reader_poll(reader);
    assert_int_equal(access(fake.path, F_OK), -1);
    assert_int_equal(reader->n_gone, 1);
    assert_int_equal(fake.exporter->deaths, 1);
    dropbox_acknowledge(reader->dropbox, reader->receipts, 5); /* of a client that is gone */
    fake_unmap(&fake);
}

/* The pid is nobody's by then: only the pidfd that was opened before can say that it died, and is asked how. */
static void test_death_before_the_file_was_seen(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_start(reader);
    pid_t pid = victim_start();
    dropbox_expect(reader->dropbox, (uint32_t)pid, 0, -1);
    dropbox_expect(reader->dropbox, (uint32_t)pid, 0, -1); /* told twice */
    dropbox_expect(reader->dropbox, 0x7fffffff, 0, -1);    /* nobody's */
    reader_make_file(reader, &fake, pid);
    victim_kill(pid);
    reader_poll(reader);
    reader_poll(reader);
    assert_true(reader->pidfd_at_death >= 0);
    fake_unmap(&fake);
    pid = victim_start();
    reader_make_file(reader, &fake, pid);
    victim_kill(pid);
    reader_poll(reader);
    reader_poll(reader);
    assert_int_equal(reader->pidfd_at_death, -1); /* nobody expected this one */
    fake_unmap(&fake);
}

/* A host is killed between the commit of a span and its pop. */
static void test_committed_span_is_not_in_flight_as_well(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    for (int round = 0; round < 3; round++) {
        pid_t pid = victim_start();
        reader_make_file(reader, &fake, pid);
        uint64_t id = 100 + (uint64_t)round * 10;
        fake_push(&fake, 0, id);
        fake_push(&fake, 0, id + 1);
        fake_lease(&fake, 0);
        fake_span(&fake, 0, id + 1);
        if (round > 0) {
            /* it was delivered before the death was noticed; by an exporter before this one */
            reader_poll(reader);
            reader_acknowledge(reader);
            if (round == 2)
                reader_restart(reader);
        }
        victim_kill(pid);
        reader_poll_for(reader, 50);
        assert_int_equal(reader_count(reader, RAW_IN_FLIGHT, id + 1), 0);
        assert_int_equal(reader_count(reader, RAW_IN_FLIGHT, id), 1);
        assert_int_equal(reader_count(reader, RAW_SPAN, id + 1), round == 2 ? 0 : 1);
        assert_int_equal(access(fake.path, F_OK), -1);
        fake_unmap(&fake);
    }
}

static void test_open_spans_of_a_death_are_exported_once_across_a_restart(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    pid_t pid = victim_start();
    reader_make_file(reader, &fake, pid);
    fake_push(&fake, 0, 50);
    reader_poll(reader);
    victim_kill(pid);
    reader_poll(reader);
    assert_int_equal(reader_count(reader, RAW_IN_FLIGHT, 50), 1);
    reader_restart(reader); /* killed before it was delivered: again */
    reader_poll(reader);
    assert_int_equal(reader_count(reader, RAW_IN_FLIGHT, 50), 1);
    /* dead before anybody looked: the time of death is that of the last thing it did */
    assert_int_equal(reader_find(reader, 50)->end_ns, reader_find(reader, 50)->start_ns);
    fake.exporter->deaths = 1; /* killed between this mark and the removal */
    reader_restart(reader);
    reader_poll(reader);
    assert_int_equal(reader->n_spans, 0);
    assert_int_equal(access(fake.path, F_OK), -1);
    fake_unmap(&fake);
}

static void test_many_open_spans_respect_the_bound(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    pid_t pid = victim_start();
    reader_make_file(reader, &fake, pid);
    for (uint32_t slot = 0; slot < 200; slot++)
        fake_push(&fake, slot, 1000 + slot);
    reader_poll(reader);
    victim_kill(pid);
    uint32_t n, total = 0;
    while ((n = dropbox_poll(reader->dropbox, 64))) {
        assert_true(n <= 64);
        total += n;
    }
    assert_int_equal(total, 200);
    reader_acknowledge(reader);
    reader_poll(reader);
    assert_int_equal(reader->n_gone, 1);
    fake_unmap(&fake);
}

static void test_clean_exit_says_so(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    pid_t pid = victim_start();
    reader_make_file(reader, &fake, pid);
    fake_push(&fake, 0, 60);
    fake.header->state = WIRE_STATE_EXITED;
    reader_poll_for(reader, 300);
    assert_int_equal(reader->n_spans, 0); /* it says so, but is still there */
    victim_kill(pid);
    reader_poll_for(reader, 30);
    assert_string_equal(reader_find(reader, 60)->death, "exit");
    fake_unmap(&fake);
}

/* A process of another pid namespace: only the lease tells. */
static void test_foreign_process_lives_while_it_has_the_file_mapped(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_start(reader);
    fake_make(&fake, reader->directory, getpid(), 0, 8);
    fake.header->pid_namespace = 1;
    fake_publish(&fake);
    fake_lease(&fake, 0);
    fake_span(&fake, 0, 1);
    fake_push(&fake, 0, 2);
    reader_poll_for(reader, 600);
    assert_true(reader->first.is_foreign);
    assert_int_equal(reader->n_spans, 1);
    assert_int_equal(fake.acknowledged[0],
                     fake.lines[0].word & WIRE_STATE_MASK); /* still writable after the tests */
    fake_unmap(&fake);
    reader_poll_for(reader, 400);
    assert_int_equal(reader_count(reader, RAW_IN_FLIGHT, 2), 1);
    assert_int_equal(access(fake.path, F_OK), -1);
}

static void test_reused_pid_is_not_the_process(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    char path[500];
    reader_start(reader);
    fake_make(&fake, reader->directory, getpid(), 0, 8);
    fake.header->start_ticks -= 5; /* an earlier process had our pid */
    snprintf(path, sizeof(path), "%s/%d-%llu-0", reader->directory, getpid(),
             (unsigned long long)fake.header->start_ticks);
    assert_int_equal(rename(fake.path, path), 0);
    fake_publish(&fake);
    fake_push(&fake, 0, 2);
    reader_poll_for(reader, 300);
    assert_int_equal(reader->n_spans,
                     0); /* mapped: alive all the same (a time namespace shifts start times) */
    fake_unmap(&fake);
    reader_poll_for(reader, 400);
    assert_int_equal(reader_count(reader, RAW_IN_FLIGHT, 2), 1);
}

static void test_exec_is_seen_by_the_lease_or_the_next_file(void **state)
{
    struct reader *reader = *state;
    struct fake_client first, second;
    pid_t pid = victim_start();
    reader_make_file(reader, &first, pid);
    fake_push(&first, 0, 70);
    first.header->state = WIRE_STATE_EXECED;
    reader_poll_for(reader, 400);
    assert_int_equal(reader->n_spans, 0); /* exec is being tried */
    fake_unmap(&first);
    reader_poll_for(reader, 400);
    assert_string_equal(reader_find(reader, 70)->death, "exec");
    /* and without that mark: a later file of the same process */
    reader_make_file(reader, &first, pid);
    fake_push(&first, 0, 71);
    reader_poll_for(reader, 30);
    fake_make(&second, reader->directory, pid, 1, 8);
    fake_publish(&second);
    reader_poll_for(reader, 30);
    assert_string_equal(reader_find(reader, 71)->death, "exec");
    assert_int_equal(access(first.path, F_OK), -1);
    assert_int_equal(access(second.path, F_OK), 0);
    /* number 0 is free again, and the next image takes it: the higher number is now the earlier file */
    fake_unmap(&first);
    fake_push(&second, 0, 72);
    fake_make(&first, reader->directory, pid, 0, 8);
    fake_publish(&first);
    reader_poll_for(reader, 30);
    assert_string_equal(reader_find(reader, 72)->death, "exec");
    assert_int_equal(access(first.path, F_OK), 0);
    assert_int_equal(access(second.path, F_OK), -1);
    victim_kill(pid);
    fake_unmap(&first);
    fake_unmap(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_death_is_noticed_drained_and_the_file_removed),
        TEST(test_death_before_the_file_was_seen),
        TEST(test_committed_span_is_not_in_flight_as_well),
        TEST(test_open_spans_of_a_death_are_exported_once_across_a_restart),
        TEST(test_many_open_spans_respect_the_bound),
        TEST(test_clean_exit_says_so),
        TEST(test_foreign_process_lives_while_it_has_the_file_mapped),
        TEST(test_reused_pid_is_not_the_process),
        TEST(test_exec_is_seen_by_the_lease_or_the_next_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
