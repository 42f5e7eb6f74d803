/* client: one file from its first record to its removal: reading, acknowledging, restarts, deaths, roots. */
#include "fake_client.h"
#include "reader.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* A process that waits to be killed; its file is ours to write. */
static pid_t start_victim(void)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody who holds its output open */
        for (;;)
            pause();
    }
    return pid;
}

static void kill_victim(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void make(struct reader *reader, struct fake_client *fake, pid_t pid)
{
    if (!reader->dropbox)
        reader_start(reader);
    fake_make(fake, reader->directory, pid, 0, 32);
    fake_publish(fake);
}

static void restart(struct reader *reader)
{
    reader_stop(reader);
    memset(reader->spans, 0, sizeof(reader->spans));
    reader->n_spans = reader->n_acknowledged = 0;
    reader_start(reader);
}

/* ---- reading ---- */

static void test_process_is_described(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    make(reader, &fake, getpid());
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
    make(reader, &fake, getpid());
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

static void test_record_between_reserve_and_commit_is_not_seen(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    make(reader, &fake, getpid());
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
    make(reader, &fake, getpid());
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
    make(reader, &fake, getpid());
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
    make(reader, &fake, getpid());
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

/* ---- acknowledging ---- */

static void test_acknowledgement_follows_the_receipts(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    make(reader, &fake, getpid());
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
    make(reader, &fake, getpid());
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

static void *wait_for_progress(void *context)
{
    struct fake_client *fake = context;
    struct timespec timeout = {.tv_sec = 5};
    return (void *)syscall(SYS_futex, &fake->exporter->progress, FUTEX_WAIT, 0, &timeout, NULL, 0);
}

static void test_waiting_host_is_woken(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    pthread_t thread;
    void *result;
    make(reader, &fake, getpid());
    fake_lease(&fake, 0);
    fake_span(&fake, 0, 1);
    reader_poll(reader);
    fake.header->waiting = 1;
    uint64_t before = fake_now_ns();
    assert_int_equal(pthread_create(&thread, NULL, wait_for_progress, &fake), 0);
    fake_sleep_ms(50);
    reader_acknowledge(reader);
    pthread_join(thread, &result);
    assert_int_equal((long)result, 0);
    assert_true(fake_now_ns() - before < 1000000000u);
    assert_int_equal(fake.exporter->progress, 1);
    fake_unmap(&fake);
}

static void test_restart_repeats_what_was_not_acknowledged_with_its_facts(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    make(reader, &fake, getpid());
    fake_lease(&fake, 0);
    fake_commit(&fake, 0, fake_put_facts(fake_at(&fake, 0), 5, "db.example", 5432));
    fake_commit(&fake, 0, fake_put_span(fake_at(&fake, 0), 1, 5));
    fake_commit(&fake, 0, fake_put_span(fake_at(&fake, 0), 2, 5));
    assert_int_equal(reader_poll(reader), 2);
    dropbox_acknowledge(reader->dropbox, &reader->receipts[0], 1);
    restart(reader);
    assert_int_equal(reader_poll(reader), 1);
    assert_string_equal(reader_find(reader, 2)->server, "db.example"); /* of the acknowledged part */
    reader_acknowledge(reader);
    restart(reader);
    fake_commit(&fake, 0, fake_put_span(fake_at(&fake, 0), 3, 5));
    assert_int_equal(reader_poll(reader), 1);
    assert_int_equal(reader_find(reader, 3)->port, 5432);
    fake_unmap(&fake);
}

/* ---- hostile chunks ---- */

static void test_corrupt_chunk_loses_no_other(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    make(reader, &fake, getpid());
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
    pid_t pid = start_victim();
    make(reader, &fake, pid);
    fake_lease(&fake, 0);
    fake_span(&fake, 0, 1);
    assert_int_equal(reader_poll(reader), 1);
    assert_int_equal(truncate(fake.path, 4096), 0);
    assert_int_equal(reader_poll(reader), 0);
    assert_int_equal(reader->n_notes, 1);
    reader_acknowledge(reader);
    reader_poll_for(reader, 50);
    assert_int_equal(dropbox_n_clients(reader->dropbox), 1);
    kill_victim(pid);
    reader_poll_for(reader, 100);
    assert_int_equal(dropbox_n_clients(reader->dropbox), 0);
    assert_int_equal(access(fake.path, F_OK), -1);
    munmap(fake.base, fake.bytes);
}

/* ---- deaths ---- */

static void test_death_is_noticed_drained_and_the_file_removed(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    pid_t pid = start_victim();
    make(reader, &fake, pid);
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
    kill_victim(pid);
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

/* A host is killed between the commit of a span and its pop. */
static void test_committed_span_is_not_in_flight_as_well(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    for (int round = 0; round < 3; round++) {
        pid_t pid = start_victim();
        make(reader, &fake, pid);
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
                restart(reader);
        }
        kill_victim(pid);
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
    pid_t pid = start_victim();
    make(reader, &fake, pid);
    fake_push(&fake, 0, 50);
    reader_poll(reader);
    kill_victim(pid);
    reader_poll(reader);
    assert_int_equal(reader_count(reader, RAW_IN_FLIGHT, 50), 1);
    restart(reader); /* killed before it was delivered: again */
    reader_poll(reader);
    assert_int_equal(reader_count(reader, RAW_IN_FLIGHT, 50), 1);
    /* dead before anybody looked: the time of death is that of the last thing it did */
    assert_int_equal(reader_find(reader, 50)->end_ns, reader_find(reader, 50)->start_ns);
    fake.exporter->deaths = 1; /* killed between this mark and the removal */
    restart(reader);
    reader_poll(reader);
    assert_int_equal(reader->n_spans, 0);
    assert_int_equal(access(fake.path, F_OK), -1);
    fake_unmap(&fake);
}

static void test_many_open_spans_respect_the_bound(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    pid_t pid = start_victim();
    make(reader, &fake, pid);
    for (uint32_t slot = 0; slot < 200; slot++)
        fake_push(&fake, slot, 1000 + slot);
    reader_poll(reader);
    kill_victim(pid);
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
    pid_t pid = start_victim();
    make(reader, &fake, pid);
    fake_push(&fake, 0, 60);
    fake.header->state = WIRE_STATE_EXITED;
    reader_poll_for(reader, 300);
    assert_int_equal(reader->n_spans, 0); /* it says so, but is still there */
    kill_victim(pid);
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
    pid_t pid = start_victim();
    make(reader, &first, pid);
    fake_push(&first, 0, 70);
    first.header->state = WIRE_STATE_EXECED;
    reader_poll_for(reader, 400);
    assert_int_equal(reader->n_spans, 0); /* exec is being tried */
    fake_unmap(&first);
    reader_poll_for(reader, 400);
    assert_string_equal(reader_find(reader, 70)->death, "exec");
    /* and without that mark: a later file of the same process */
    make(reader, &first, pid);
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
    kill_victim(pid);
    fake_unmap(&first);
    fake_unmap(&second);
}

/* ---- secrets ---- */

static void test_secrets_come_from_the_environment_of_that_process(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    pid_t pid = fake_start_with_secret();
    make(reader, &fake, pid);
    reader_poll(reader);
    assert_string_equal(reader->secrets, "OTEL_EXPORTER_OTLP_HEADERS=k=secret");
    assert_int_equal(reader->first.secrets_bytes, sizeof("OTEL_EXPORTER_OTLP_HEADERS=k=secret"));
    kill_victim(pid);
    fake_unmap(&fake);
}

/* ---- episodes ---- */

static void test_root_is_made_from_the_slot_when_the_thread_does_not_come_back(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    make(reader, &fake, getpid());
    uint64_t end_ns = fake_now_ns();
    fake_episode(&fake, 2, 900, end_ns);
    reader_poll_for(reader, 120);
    assert_int_equal(reader->n_spans, 0); /* a call may still join */
    reader_poll_for(reader, 250);
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
    make(reader, &fake, getpid());
    fake_episode(&fake, 40, 900, fake_now_ns() - 300000000u);
    reader_poll_for(reader, 30);
    assert_int_equal(reader->n_spans, 1);
    restart(reader);
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
    make(reader, &fake, getpid());
    fake_episode(&fake, 0, 900, fake_now_ns() - 400000000u);
    fake.slots[0].episode.open_calls = 1;
    fake_episode(&fake, 1, 901, fake_now_ns() - 400000000u);
    fake_push(&fake, 1, 5);
    fake_episode(&fake, 2, 902, fake_now_ns() - 400000000u);
    fake.slots[2].sequence = 3; /* being changed */
    reader_poll_for(reader, 150);
    assert_int_equal(reader->n_spans, 0);
    fake.slots[0].episode.open_calls = 0;
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
    make(reader, &fake, getpid());
    fake_episode(&fake, 0, 900, fake_now_ns() - 400000000u);
    fake.slots[0].episode.open_calls = 1;
    fake.slots[0].tid = 1; /* not a thread of ours */
    reader_poll_for(reader, 100);
    assert_int_equal(reader->n_spans, 0);
    reader_poll_for(reader, 900);
    assert_int_equal(reader_count(reader, RAW_ROOT, 900), 1);
    fake_unmap(&fake);
}

static void test_roots_of_a_dead_process_come_once(void **state)
{
    struct reader *reader = *state;
    struct fake_client fake;
    pid_t pid = start_victim();
    make(reader, &fake, pid);
    fake_episode(&fake, 0, 900, fake_now_ns()); /* running */
    fake_episode(&fake, 1, 901, fake_now_ns()); /* its record is committed, the next one not begun */
    fake_lease(&fake, 0);
    fake_commit(&fake, 0, fake_put_root(fake_at(&fake, 0), 901, 1));
    fake_push(&fake, 0, 5);
    kill_victim(pid);
    reader_poll_for(reader, 50);
    assert_int_equal(reader_count(reader, RAW_ROOT, 900), 1);
    assert_int_equal(reader_count(reader, RAW_ROOT, 901), 1);
    assert_true(reader_find(reader, 900)->end_ns >=
                reader_find(reader, 5)->end_ns); /* covers what was open */
    assert_int_equal(reader->n_spans, 3);
    assert_int_equal(reader->n_gone, 1);
    fake_unmap(&fake);
}

/* ---- status ---- */

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
    make(reader, &fake, getpid());
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, reader_setup, reader_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_process_is_described),
        TEST(test_records_arrive_with_their_shared_facts),
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
        TEST(test_death_is_noticed_drained_and_the_file_removed),
        TEST(test_committed_span_is_not_in_flight_as_well),
        TEST(test_open_spans_of_a_death_are_exported_once_across_a_restart),
        TEST(test_many_open_spans_respect_the_bound),
        TEST(test_clean_exit_says_so),
        TEST(test_foreign_process_lives_while_it_has_the_file_mapped),
        TEST(test_reused_pid_is_not_the_process),
        TEST(test_exec_is_seen_by_the_lease_or_the_next_file),
        TEST(test_secrets_come_from_the_environment_of_that_process),
        TEST(test_root_is_made_from_the_slot_when_the_thread_does_not_come_back),
        TEST(test_known_root_is_known_after_a_restart),
        TEST(test_episode_with_something_open_is_not_over),
        TEST(test_root_of_a_thread_that_is_gone),
        TEST(test_roots_of_a_dead_process_come_once),
        TEST(test_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
