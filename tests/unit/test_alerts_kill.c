/*
 * An exporter that is killed at any moment: every alert reaches every chat, and what comes twice says so.
 *
 * The child is the exporter: it raises record after record, and says which is done (acknowledged) only when alerts_raise() has returned; one
 * that was killed in between raises that record again. The chats are in the parent's memory: they have a message when it is sent, not when
 * the answer has come.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "alerting.h"

#define N_RECORDS 120
#define N_CHATS 2
#define MAX_TAKEN 20000

static struct shared {
    _Atomic int acknowledged, n_taken;
    struct {
        int record;
        char chat;
        bool is_repetition;
    } taken[MAX_TAKEN];
} * shared;

static int n_until_killed; /* messages, where the parent of a busy machine comes too late */

static void take(const struct fake_message *message)
{
    int record = -1, i = shared->n_taken;
    const char *number = strstr(message->text, "number ");
    assert_non_null(number);
    for (const char *c = number + 7; *c >= 'g' && *c <= 'p'; c++)
        record = (record < 0 ? 0 : record) * 10 + (*c - 'g');
    assert_in_range(i, 0, MAX_TAKEN - 1);
    shared->taken[i].record = record;
    shared->taken[i].chat = message->address[0];
    shared->taken[i].is_repetition = message->is_repetition;
    shared->n_taken = i + 1;
    if (--n_until_killed == 0)
        kill(getpid(), SIGKILL);
}

/* Letters for digits, so that no two are the same error; a service each, so that there are not too many of one. */
static void raise_record(const struct settings *settings, int record)
{
    char message[32], service[16];
    snprintf(message, sizeof(message), "number %c%c%c", 'g' + record / 100, 'g' + record / 10 % 10,
             'g' + record % 10);
    snprintf(service, sizeof(service), "s%d", record);
    struct alert alert = an_alert("TimeoutError", message);
    alert.service = service;
    alert.time_unix_ns = 1730833335000000000u + (uint64_t)record;
    if (record % 3 == 0) {
        alert.is_distinct = true;
        alert.class = ALERT_CRASH;
    }
    alerts_raise(alerts, settings, &alert);
}

static struct settings *settings;

static void next_record(void *context)
{
    struct loop_timer **timer = context;
    if (shared->acknowledged < N_RECORDS) {
        raise_record(settings, shared->acknowledged);
        shared->acknowledged++;
    }
    if (shared->acknowledged == N_RECORDS && alerts_is_idle(alerts))
        loop_stop(loop);
    loop_timer_start(*timer, 1);
}

static void exporter(void)
{
    struct loop_timer *timer;
    start_with(&quick);
    fake.taken = take;
    n_until_killed = 8 + rand() % 8;
    fake.answer_after_ms = (uint64_t)(rand() % 4);
    settings = SETTINGS("OTELSHIM_TELEGRAM_ERROR_CHATS", "10, 20");
    alerts_learn(alerts, settings);
    timer = loop_timer_create(loop, next_record, &timer);
    loop_timer_start(timer, 0);
    loop_run(loop);
    _exit(0);
}

/* True: it ended by itself, having done everything. */
static bool run_and_kill(unsigned seed)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    srand(seed);
    if (pid == 0)
        exporter();
    /* longer and longer: a slow machine gets to the end, too */
    int after_us = 3000 + rand() % (40000 + 200 * (int)seed);
    for (int waited_us = 0; waited_us < after_us; waited_us += 500) {
        usleep(500);
        if (waitpid(pid, &status, WNOHANG) == pid)
            return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void test_alerts_killed(void **state)
{
    (void)state;
    int n_kills = 0, n_repeated = 0;
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    temporary_make(directory, sizeof(directory));
    while (!run_and_kill((unsigned)n_kills) && n_kills < 3000)
        n_kills++;
    assert_int_equal(shared->acknowledged, N_RECORDS);
    for (int record = 0; record < N_RECORDS; record++)
        for (char chat = '1'; chat < '1' + N_CHATS; chat++) {
            int n = 0, n_unmarked = 0;
            for (int i = 0; i < shared->n_taken; i++)
                if (shared->taken[i].record == record && shared->taken[i].chat == chat) {
                    n++;
                    n_unmarked += !shared->taken[i].is_repetition;
                }
            if (n < 1 || n_unmarked > 1)
                fail_msg("record %d came %d times to chat %c0, %d times without saying so", record, n, chat,
                         n_unmarked);
            n_repeated += n > 1;
        }
    printf("%d kills, %d messages, %d of them twice and marked\n", n_kills, shared->n_taken, n_repeated);
    assert_true(n_kills > 10);
    assert_true(n_repeated > 0);
    temporary_remove(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_alerts_killed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
