/* The pool of alternate stacks: who has which, that pages stay untouched, that stacks of the dead are used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crash/altstack_priv.h"
#include "crash/crash.h"
#include "crash/entry_priv.h"
#include "crash/onstack.h"
#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

#define MAX_THREADS 300u

/* Of the kernel: 0 none. */
static uint64_t raw_stack(uint64_t *ret_bytes)
{
    stack_t now;
    assert_int_equal(sys_call3(__NR_sigaltstack, 0, (long)&now, 0), 0);
    if (ret_bytes)
        *ret_bytes = now.ss_size;
    return now.ss_flags & SS_DISABLE ? 0 : (uint64_t)(uintptr_t)now.ss_sp;
}

static void assert_reads_none(void)
{
    stack_t now;
    memset(&now, 0x55, sizeof(now));
    assert_int_equal(sigaltstack(NULL, &now), 0);
    assert_int_equal(now.ss_flags, SS_DISABLE);
    assert_null(now.ss_sp);
    assert_int_equal(now.ss_size, 0);
}

static bool may_be_read(uint64_t address)
{
    uint8_t byte;
    return memory_copy(&byte, address, 1) == 1;
}

static int start(void **state)
{
    (void)state;
    crash_setup.is_on = true;
    disposition_start();
    altstack_start();
    return 0;
}

static void test_main_thread_has_one_between_guards(void **state)
{
    uint64_t bytes, at = raw_stack(&bytes), low, high;
    unsigned char resident[256];
    (void)state;
    assert_true(at && bytes >= 65536);
    assert_reads_none();
    assert_true(altstack_find(at, &low, &high));
    assert_int_equal(low, at);
    assert_int_equal(high, at + bytes);
    assert_true(altstack_find(at + bytes - 1, &low, &high));
    assert_false(altstack_find(at - 1, &low, &high));
    assert_false(altstack_find(at + bytes, &low, &high));
    assert_false(altstack_find((uint64_t)(uintptr_t)&low, &low, &high));
    assert_int_equal(mincore((void *)(uintptr_t)at, bytes, resident),
                     0); /* NOLINT(performance-no-int-to-ptr) */
    for (unsigned i = 0; i < bytes / 4096; i++)
        assert_int_equal(resident[i] & 1, 0);
    assert_true(may_be_read(at));
    assert_false(may_be_read(at - 1));
    assert_false(may_be_read(at + bytes));
}

static pid_t said_by;

static void *say_stack(void *argument)
{
    uint64_t *of = argument;
    assert_reads_none();
    said_by = gettid();
    *of = raw_stack(NULL);
    return of + 1;
}

static void test_stacks_of_the_dead_are_used_again(void **state)
{
    uint64_t seen[MAX_THREADS], at = 0;
    unsigned n_seen = 0;
    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        pthread_t thread;
        void *result = NULL;
        assert_int_equal(pthread_create(&thread, NULL, say_stack, &at), 0);
        pthread_join(thread, &result);
        assert_ptr_equal(result, &at + 1);
        while (syscall(SYS_tgkill, getpid(), said_by, 0) == 0) /* joined is not yet gone */
            usleep(100);
        assert_true(at && at != raw_stack(NULL));
        unsigned k = 0;
        while (k < n_seen && seen[k] != at)
            k++;
        if (k == n_seen)
            seen[n_seen++] = at;
        assert_true(n_seen < 40);
    }
}

static pthread_barrier_t all_are_here;

static void *wait_with_stack(void *argument)
{
    *(uint64_t *)argument = raw_stack(NULL);
    pthread_barrier_wait(&all_are_here);
    return NULL;
}

static void test_the_living_share_none(void **state)
{
    static uint64_t at[MAX_THREADS];
    pthread_t threads[MAX_THREADS];
    (void)state;
    pthread_barrier_init(&all_are_here, NULL, MAX_THREADS);
    for (unsigned i = 0; i < MAX_THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, wait_with_stack, &at[i]), 0);
    for (unsigned i = 0; i < MAX_THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < MAX_THREADS; i++) {
        assert_true(at[i] && at[i] != raw_stack(NULL));
        for (unsigned k = 0; k < i; k++)
            assert_true(at[i] - at[k] >= 65536 + 4096 && at[k] - at[i] >= 65536 + 4096);
    }
}

static int c11_thread(void *argument)
{
    *(uint64_t *)argument = raw_stack(NULL);
    return -5;
}

static void test_c11_threads(void **state)
{
    thrd_t thread;
    uint64_t at = 0;
    int result = 0;
    (void)state;
    assert_int_equal(thrd_create(&thread, c11_thread, &at), thrd_success);
    thrd_join(thread, &result);
    assert_int_equal(result, -5);
    assert_true(at);
}

static void test_failure_is_the_real_one_and_gives_back(void **state)
{
    pthread_attr_t attributes;
    pthread_t thread;
    (void)state;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 1ull << 46);
    for (unsigned i = 0; i < 10000; i++) /* more than the pool has */
        assert_int_equal(pthread_create(&thread, &attributes, say_stack, NULL), EAGAIN);
    uint64_t at = 0;
    assert_int_equal(pthread_create(&thread, NULL, say_stack, &at), 0);
    pthread_join(thread, NULL);
    assert_true(at);
}

static void test_fork_child_keeps_its_own(void **state)
{
    (void)state;
    uint64_t mine = raw_stack(NULL);
    pid_t child = fork();
    if (child == 0) {
        uint64_t at = 0;
        bool is_right = raw_stack(NULL) == mine;
        for (unsigned i = 0; i < 50; i++) {
            pthread_t thread;
            is_right &= pthread_create(&thread, NULL, say_stack, &at) == 0 && pthread_join(thread, NULL) == 0;
            is_right &= at && at != mine;
        }
        _exit(is_right ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

static void *exchange_stack(void *argument)
{
    static char own[65536];
    stack_t set = {.ss_sp = own, .ss_size = sizeof(own)}, old, off = {.ss_flags = SS_DISABLE};
    uint64_t before = raw_stack(NULL);
    (void)argument;
    assert_true(before);
    assert_int_equal(sigaltstack(&set, &old), 0);
    assert_int_equal(old.ss_flags, SS_DISABLE);
    assert_int_equal(raw_stack(NULL), (uint64_t)(uintptr_t)own);
    assert_int_equal(sigaltstack(NULL, &old), 0);
    assert_ptr_equal(old.ss_sp, own);
    assert_int_equal(sigaltstack(&off, &old), 0);
    assert_ptr_equal(old.ss_sp, own);
    assert_true(altstack_is_ours((void *)(uintptr_t)raw_stack(NULL))); /* NOLINT(performance-no-int-to-ptr) */
    assert_reads_none();
    errno = 0;
    assert_int_equal(sigaltstack((const stack_t *)(uintptr_t)16, NULL),
                     -1); /* NOLINT(performance-no-int-to-ptr) */
    assert_int_equal(errno, EFAULT);
    return NULL;
}

/* Last: from then on the program has one of its own. */
static void test_the_programs_own_replaces_ours_and_ours_comes_back(void **state)
{
    pthread_t thread;
    uint64_t at = 0;
    struct sigaction action = {.sa_handler = SIG_IGN, .sa_flags = SA_ONSTACK};
    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, exchange_stack, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(pthread_create(&thread, NULL, say_stack, &at), 0);
    pthread_join(thread, NULL);
    assert_true(at);
    /* handlers that ask for one: threads without get none of ours */
    sigaction(SIGUSR1, &action, NULL);
    assert_int_equal(pthread_create(&thread, NULL, say_stack, &at), 0);
    pthread_join(thread, NULL);
    assert_int_equal(at, 0);
}

static void test_flag_is_hidden_until_the_program_has_a_stack(void **state)
{
    struct sigaction action = {.sa_handler = SIG_IGN, .sa_flags = SA_ONSTACK}, now;
    struct disposition_kernel {
        uint64_t handler, flags, restorer, mask;
    } kernel;
    (void)state;
    sigaction(SIGUSR2, &action, NULL);
    assert_true(onstack_is_hidden(SIGUSR2));
    assert_int_equal(sys_call6(__NR_rt_sigaction, SIGUSR2, 0, (long)&kernel, sizeof(kernel.mask), 0, 0), 0);
    assert_false(kernel.flags & SA_ONSTACK);
    sigaction(SIGUSR2, NULL, &now);
    assert_true(now.sa_flags & SA_ONSTACK);
    signal(SIGUSR2, SIG_IGN);
    sigaction(SIGUSR2, NULL, &now);
    assert_false(now.sa_flags & SA_ONSTACK);
    assert_false(onstack_is_hidden(SIGUSR2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_main_thread_has_one_between_guards),
        cmocka_unit_test(test_stacks_of_the_dead_are_used_again),
        cmocka_unit_test(test_the_living_share_none),
        cmocka_unit_test(test_c11_threads),
        cmocka_unit_test(test_failure_is_the_real_one_and_gives_back),
        cmocka_unit_test(test_fork_child_keeps_its_own),
        cmocka_unit_test(test_flag_is_hidden_until_the_program_has_a_stack),
        cmocka_unit_test(test_the_programs_own_replaces_ours_and_ours_comes_back),
    };
    if (crash_has_manager()) { /* the library keeps out, and so nothing of it can be seen */
        print_message("skipped: %s: the sanitizer has the signals\n", "all");
        return 0;
    }
    return cmocka_run_group_tests(tests, start, NULL);
}
