/* client: one file from its first record: reading, acknowledging, restarts, hostile chunks, secrets, counts. */
#include "victim.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>

static void test_process_is_described(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_make_file(reader, &fake, getpid());
    reader_poll(reader);
    assert_int_equal(reader->n_processes, 1);
    const struct process *process = &reader->first;
    assert_int_equal(process->pid, getpid());
    assert_int_equal(process->uid, geteuid());
    assert_false(process->is_foreign);
    assert_string_equal(process->exe, "/bin/trader");
    assert_int_equal(process->arguments_bytes, 9);
    assert_memory_equal(process->arguments, "trader\0-x", 9);
    assert_string_equal(
        process_find_setting(process->settings_text, process->settings_bytes, "OTEL_SERVICE_NAME"), "trader");
    assert_null(
        process_find_setting(process->settings_text, process->settings_bytes, "OTEL_EXPORTER_OTLP_HEADERS"));
    assert_null(process_find_setting(process->settings_text, process->settings_bytes, "OTEL_SERVICE"));
    assert_int_equal(process->n_instrumentations, 2);
    assert_string_equal(process->instrumentations[0].system, "postgresql");
    assert_int_equal(fake.exporter->pid, getpid());
    fake_unmap(&fake);
}

static void test_records_arrive_with_their_shared_facts(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_make_file(reader, &fake, getpid());
    fake_lease(&fake, 0);
    fake_commit(&fake, 0, fake_put_facts(fake_at(&fake, 0), 5, "db.example", 5432));
    fake_commit(&fake, 0, fake_put_span(fake_at(&fake, 0), 1, 5));
    fake_lease(&fake, 1);
    fake_span(&fake, 1, 2);
    assert_int_equal(reader_poll(reader), 2);
    const struct reader_span *span = reader_find(reader, 1);
    assert_int_equal(span->kind, RAW_SPAN);
    assert_string_equal(span->server, "db.example");
    assert_int_equal(span->port, 5432);
    assert_string_equal(span->query, "SELECT 1");
    assert_string_equal(span->scope, "libpq");
    assert_string_equal(reader_find(reader, 2)->server, "");
    int64_t unix_s = (int64_t)(span->end_ns + (uint64_t)span->mono_to_unix_ns) / 1000000000;
    assert_true(llabs(unix_s - time(NULL)) <= 2);
    assert_int_equal(reader_poll(reader), 0);
    fake_unmap(&fake);
}

/* They are handed on, timed and acknowledged as spans are. */
static void test_logs_and_measurements(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_make_file(reader, &fake, getpid());
    fake_lease(&fake, 0);
    fake_commit(&fake, 0, fake_put_log(fake_at(&fake, 0), "bought"));
    fake_commit(&fake, 0, fake_put_measurement(fake_at(&fake, 0), "orders", 3));
    fake_span(&fake, 0, 1);
    assert_int_equal(reader_poll(reader), 3);
    assert_string_equal(reader->spans[0].scope, "log");
    assert_string_equal(reader->spans[0].query, "bought");
    assert_string_equal(reader->spans[1].scope, "measurement");
    assert_string_equal(reader->spans[1].query, "orders");
    for (uint32_t i = 0; i < 2; i++) {
        int64_t unix_s = ((int64_t)fake_now_ns() + reader->spans[i].mono_to_unix_ns) / 1000000000;
        assert_true(llabs(unix_s - time(NULL)) <= 2);
        assert_int_equal(reader->receipts[i].kind, RECEIPT_CHUNK);
        assert_true(reader->receipts[i].word < reader->receipts[i + 1].word);
    }
    assert_int_equal(fake.acknowledged[0], WIRE_CLOSED);
    dropbox_acknowledge(reader->dropbox, &reader->receipts[0], 1);
    assert_int_equal(fake.acknowledged[0], reader->receipts[0].word);
    dropbox_acknowledge(reader->dropbox, &reader->receipts[2], 1);
    assert_int_equal(fake.acknowledged[0], fake.lines[0].word & WIRE_STATE_MASK);
    fake_unmap(&fake);
}

static void test_record_between_reserve_and_commit_is_not_seen(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_make_file(reader, &fake, getpid());
    fake_lease(&fake, 0);
    fake_put_span(fake_at(&fake, 0), 1, 0); /* written, never committed */
    assert_int_equal(reader_poll(reader), 0);
    fake_lease(&fake, 31);
    fake.lines[31].word |= WIRE_BUSY;
    fake_put_span(fake_at(&fake, 31), 2, 0);
    assert_int_equal(reader_poll(reader), 0);
    fake_unmap(&fake);
}

static void test_never_more_than_asked_and_none_twice(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_make_file(reader, &fake, getpid());
    for (uint32_t i = 0; i < 3; i++) {
        fake_lease(&fake, i);
        for (uint64_t k = 0; k < 100; k++)
            fake_span(&fake, i, 1 + i * 100 + k);
    }
    uint32_t n, polls = 0;
    while ((n = dropbox_poll(reader->dropbox, 7))) {
        assert_true(n <= 7);
        polls++;
    }
    assert_int_equal(reader->n_spans, 300);
    assert_int_equal(polls, 43);
    for (uint64_t id = 1; id <= 300; id++)
        assert_int_equal(reader_count(reader, RAW_SPAN, id), 1);
    fake_unmap(&fake);
}

static void test_full_pool_is_drained_and_free_again(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_make_file(reader, &fake, getpid());
    uint64_t id = 1;
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 32; i++) {
            assert_int_equal(fake.lines[i].word, fake.acknowledged[i]); /* free */
            fake_lease(&fake, i);
            for (int k = 0; k < 60; k++)
                fake_span(&fake, i, id++);
            fake_close(&fake, i);
        }
        reader_poll(reader);
        assert_int_equal(dropbox_pool_pct(reader->dropbox), 100);
        reader_acknowledge(reader);
        reader_poll(reader);
        assert_int_equal(dropbox_pool_pct(reader->dropbox), 0);
    }
    assert_int_equal(reader->n_spans, 3840);
    fake_unmap(&fake);
}

static void test_gate_keeps_records_in_the_file(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_make_file(reader, &fake, getpid());
    fake_lease(&fake, 0);
    fake_span(&fake, 0, 1);
    reader->is_closed = true;
    assert_int_equal(reader_poll(reader), 0);
    assert_true(dropbox_fall_asleep(reader->dropbox)); /* and is no news */
    dropbox_wake(reader->dropbox);
    reader->is_closed = false;
    assert_int_equal(reader_poll(reader), 1);
    fake_unmap(&fake);
}

static void test_acknowledgement_follows_the_receipts(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_make_file(reader, &fake, getpid());
    fake_lease(&fake, 0);
    fake_span(&fake, 0, 1);
    uint64_t first = fake.lines[0].word & WIRE_STATE_MASK;
    fake_span(&fake, 0, 2);
    fake_close(&fake, 0);
    assert_int_equal(reader_poll(reader), 2);
    assert_int_equal(fake.acknowledged[0], WIRE_CLOSED); /* handed on is not delivered */
    dropbox_acknowledge(reader->dropbox, &reader->receipts[0], 1);
    assert_int_equal(fake.acknowledged[0], first);
    dropbox_acknowledge(reader->dropbox, &reader->receipts[1], 1);
    assert_int_equal(fake.acknowledged[0], fake.lines[0].word);    /* free */
    dropbox_acknowledge(reader->dropbox, &reader->receipts[0], 1); /* late */
    assert_int_equal(fake.acknowledged[0], fake.lines[0].word);
    fake_unmap(&fake);
}

static void test_what_has_no_receipt_is_acknowledged_with_what_is_before_it(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_make_file(reader, &fake, getpid());
    fake_lease(&fake, 0);
    fake_commit(&fake, 0, fake_put_facts(fake_at(&fake, 0), 5, "db.example", 5432));
    assert_int_equal(reader_poll(reader), 0);
    assert_int_equal(fake.acknowledged[0],
                     fake.lines[0].word & WIRE_STATE_MASK); /* nobody has to wait for them */
    fake_span(&fake, 0, 1);
    assert_int_equal(reader_poll(reader), 1);
    fake_commit(&fake, 0, fake_put_facts(fake_at(&fake, 0), 6, "db.example", 5432));
    fake_close(&fake, 0);
    assert_int_equal(reader_poll(reader), 0);
    assert_int_not_equal(fake.acknowledged[0], fake.lines[0].word);
    reader_acknowledge(reader);
    assert_int_equal(fake.acknowledged[0], fake.lines[0].word);
    fake_unmap(&fake);
}

static _Atomic int waiting_tid;

static void *wait_for_progress(void *context)
{
    struct fake_client *fake = context;
    struct timespec timeout = {.tv_sec = 60};
    waiting_tid = (int)syscall(SYS_gettid);
    return (void *)syscall(SYS_futex, &fake->exporter->progress, FUTEX_WAIT, 0, &timeout, NULL, 0);
}

static bool is_waiting(void)
{
    char path[64], line[300] = "";
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", waiting_tid);
    FILE *file = waiting_tid ? fopen(path, "re") : NULL;
    bool is_asleep = file && fgets(line, sizeof(line), file) && strstr(line, ") S ");
    if (file)
        fclose(file);
    return is_asleep;
}

static void test_waiting_host_is_woken(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    pthread_t thread;
    void *result;
    reader_make_file(reader, &fake, getpid());
    fake_lease(&fake, 0);
    fake_span(&fake, 0, 1);
    reader_poll(reader);
    fake.header->waiting = 1;
    uint64_t before = fake_now_ns();
    assert_int_equal(pthread_create(&thread, NULL, wait_for_progress, &fake), 0);
    while (!is_waiting())
        fake_sleep_ms(1);
    reader_acknowledge(reader);
    pthread_join(thread, &result);
    assert_int_equal((long)result, 0);
    assert_true(fake_now_ns() - before < 50000000000u);
    assert_int_equal(fake.exporter->progress, 1);
    fake_unmap(&fake);
}

static void test_restart_repeats_what_was_not_acknowledged_with_its_facts(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_make_file(reader, &fake, getpid());
    fake_lease(&fake, 0);
    fake_commit(&fake, 0, fake_put_facts(fake_at(&fake, 0), 5, "db.example", 5432));
    fake_commit(&fake, 0, fake_put_span(fake_at(&fake, 0), 1, 5));
    fake_commit(&fake, 0, fake_put_span(fake_at(&fake, 0), 2, 5));
    assert_int_equal(reader_poll(reader), 2);
    dropbox_acknowledge(reader->dropbox, &reader->receipts[0], 1);
    reader_restart(reader);
    assert_int_equal(reader_poll(reader), 1);
    assert_string_equal(reader_find(reader, 2)->server, "db.example"); /* of the acknowledged part */
    reader_acknowledge(reader);
    reader_restart(reader);
    fake_commit(&fake, 0, fake_put_span(fake_at(&fake, 0), 3, 5));
    assert_int_equal(reader_poll(reader), 1);
    assert_int_equal(reader_find(reader, 3)->port, 5432);
    fake_unmap(&fake);
}

static void test_corrupt_chunk_loses_no_other(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_make_file(reader, &fake, getpid());
    for (uint32_t i = 0; i < 4; i++) {
        fake_lease(&fake, i);
        fake_span(&fake, i, 10 + i);
    }
    fake.lines[0].word = fake_word(7, 80, 0); /* leases skipped */
    struct wire_record record = {.bytes = 1u << 20, .kind = WIRE_RECORD_SPAN};
    memcpy(fake_at(&fake, 1), &record, sizeof(record)); /* longer than what was committed */
    fake_commit(&fake, 1, 64);
    record.bytes = 0;
    memcpy(fake_at(&fake, 2), &record, sizeof(record));
    fake_commit(&fake, 2, 64);
    reader_poll(reader);
    assert_int_equal(reader_count(reader, RAW_SPAN, 10), 0);
    for (uint64_t id = 11; id <= 13; id++)
        assert_int_equal(reader_count(reader, RAW_SPAN, id), 1);
    assert_int_equal(reader->n_notes, 1);
    /* behind a commit that made no sense the next one is looked at again */
    fake_span(&fake, 1, 21);
    reader_poll(reader);
    assert_int_equal(reader_count(reader, RAW_SPAN, 21), 1);
    assert_int_equal(reader->n_notes, 1);
    reader_acknowledge(reader);
    assert_int_equal(fake.acknowledged[1], fake.lines[1].word & WIRE_STATE_MASK);
    fake_unmap(&fake);
}

static void test_truncated_file_is_left_alone(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    pid_t pid = victim_start();
    reader_make_file(reader, &fake, pid);
    fake_lease(&fake, 0);
    fake_span(&fake, 0, 1);
    assert_int_equal(reader_poll(reader), 1);
    assert_int_equal(truncate(fake.path, 4096), 0);
    assert_int_equal(reader_poll(reader), 0);
    assert_int_equal(reader->n_notes, 1);
    reader_acknowledge(reader);
    reader_poll_for(reader, 50);
    assert_int_equal(dropbox_n_clients(reader->dropbox), 1);
    victim_kill(pid);
    reader_poll_for(reader, 100);
    assert_int_equal(dropbox_n_clients(reader->dropbox), 0);
    assert_int_equal(access(fake.path, F_OK), -1);
    munmap(fake.base, fake.bytes);
}

static void test_secrets_come_from_the_environment_of_that_process(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    pid_t pid = fake_start_with_secret();
    reader_make_file(reader, &fake, pid);
    reader_poll(reader);
    assert_string_equal(reader->secrets, "OTEL_EXPORTER_OTLP_HEADERS=k=secret");
    assert_int_equal(reader->first.secrets_bytes, sizeof("OTEL_EXPORTER_OTLP_HEADERS=k=secret"));
    victim_kill(pid);
    fake_unmap(&fake);
}

static struct dropbox_counts last_counts;
static void keep_counts(void *context, const struct process *process, const struct dropbox_counts *counts)
{
    (void)context, (void)process;
    last_counts = *counts;
}

static void test_counts(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    reader_make_file(reader, &fake, getpid());
    fake_lease(&fake, 0);
    fake_span(&fake, 0, 1);
    fake_span(&fake, 0, 2);
    fake_push(&fake, 900, 3);
    fake_push(&fake, 900, 4);
    uint64_t *dropped = (uint64_t *)(fake.base + WIRE_COUNTERS_OFFSET);
    dropped[3] = 17;
    reader_poll(reader);
    reader_acknowledge(reader);
    dropbox_each(reader->dropbox, keep_counts, NULL);
    assert_int_equal(last_counts.recorded, 2);
    assert_int_equal(last_counts.acknowledged_bytes, fake_used(&fake, 0));
    assert_int_equal(last_counts.corrupt, 0);
    assert_int_equal(last_counts.dropped[3], 17);
    assert_int_equal(last_counts.n_in_flight, 2);
    assert_true(last_counts.is_alive);
    fake_unmap(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_process_is_described),
        TEST(test_records_arrive_with_their_shared_facts),
        TEST(test_logs_and_measurements),
        TEST(test_record_between_reserve_and_commit_is_not_seen),
        TEST(test_never_more_than_asked_and_none_twice),
        TEST(test_full_pool_is_drained_and_free_again),
        TEST(test_gate_keeps_records_in_the_file),
        TEST(test_acknowledgement_follows_the_receipts),
        TEST(test_what_has_no_receipt_is_acknowledged_with_what_is_before_it),
        TEST(test_waiting_host_is_woken),
        TEST(test_restart_repeats_what_was_not_acknowledged_with_its_facts),
        TEST(test_corrupt_chunk_loses_no_other),
        TEST(test_truncated_file_is_left_alone),
        TEST(test_secrets_come_from_the_environment_of_that_process),
        TEST(test_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
