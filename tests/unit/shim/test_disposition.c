/*
 * Dispositions from inside: what the kernel is told, that views are never torn, that nobody waits for ever. What a program sees
 * is in tests/integration/crash/disposition.c. SEGV, BUS, ILL, FPE and SYS are cmocka's while a test runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crash/disposition_priv.h"
#include "crash/entry_priv.h"
#include "crash/sharing.h"
#include "real_libc.h"
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void handler_one(int number)
{
    (void)number;
}

static volatile int n_calls;

static void count_call(int number)
{
    (void)number;
    n_calls++;
}

static void handler_two(int number, siginfo_t *info, void *context)
{
    (void)number, (void)info, (void)context;
}

static struct disposition_kernel kernel_of(int number)
{
    struct disposition_kernel kernel = {0};
    assert_int_equal(sys_call6(__NR_rt_sigaction, number, 0, (long)&kernel, sizeof(kernel.mask), 0, 0), 0);
    return kernel;
}

static bool is_entry(int number)
{
    return kernel_of(number).handler == (uint64_t)(uintptr_t)crash_entry;
}

static int start(void **state)
{
    (void)state;
    crash_setup.is_on = true;
    return 0;
}

static void test_before_start_all_passes(void **state)
{
    (void)state;
    assert_ptr_equal(signal(SIGTRAP, handler_one), SIG_DFL);
    assert_int_equal(kernel_of(SIGTRAP).handler, (uint64_t)(uintptr_t)handler_one);
    assert_ptr_equal(signal(SIGXCPU, SIG_IGN), SIG_DFL);
    void (*of_cmocka)(int) =
        signal(SIGSEGV, SIG_DFL); /* as in nearly every process: then the others are taken in one call each */
    disposition_start();
    assert_true(is_entry(SIGSEGV));
    signal(SIGSEGV, of_cmocka);
}

static void test_start_takes_what_is_default_or_handled(void **state)
{
    (void)state;
    assert_true(is_entry(SIGABRT));
    assert_true(kernel_of(SIGABRT).flags & SA_ONSTACK);
    assert_true(is_entry(SIGTRAP)); /* the handler of before is the program's own */
    assert_false(kernel_of(SIGTRAP).flags & SA_ONSTACK);
    assert_int_equal(kernel_of(SIGXCPU).handler, (uint64_t)(uintptr_t)SIG_IGN);
    assert_int_equal(kernel_of(SIGUSR1).handler, 0);
    assert_int_equal(kernel_of(SIGQUIT).handler, 0);
    assert_int_equal(kernel_of(SIGXFSZ).restorer, kernel_of(SIGABRT).restorer);
    assert_int_equal(kernel_of(SIGXFSZ).flags, kernel_of(SIGABRT).flags);
    struct disposition view;
    disposition_get(SIGTRAP, &view);
    assert_int_equal(view.handler, (uint64_t)(uintptr_t)handler_one);
    assert_false(view.flags & SA_RESTORER);
    assert_ptr_equal(signal(SIGTRAP, SIG_DFL), handler_one);
    assert_ptr_equal(signal(SIGXCPU, SIG_DFL), SIG_IGN);
    assert_true(is_entry(SIGXCPU));
}

static void test_kernel_has_the_programs_mask_and_flags(void **state)
{
    struct sigaction action = {.sa_sigaction = handler_two,
                               .sa_flags = (int)(SA_SIGINFO | SA_RESETHAND | SA_NODEFER)};
    (void)state;
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaddset(&action.sa_mask, SIGKILL);
    assert_int_equal(sigaction(SIGXFSZ, &action, NULL), 0);
    struct disposition_kernel kernel = kernel_of(SIGXFSZ);
    assert_true(is_entry(SIGXFSZ));
    assert_int_equal(kernel.mask, 1ull << (SIGUSR2 - 1));
    assert_int_equal(kernel.flags & ~(uint64_t)SA_RESTORER, SA_SIGINFO | SA_NODEFER);
    assert_int_equal(sigaction(SIGXFSZ, NULL, &action), 0);
    assert_false(sigismember(&action.sa_mask, SIGKILL));
    assert_ptr_equal(signal(SIGXFSZ, SIG_DFL), (void (*)(int))(void (*)(void))handler_two);
}

static void test_reset_happens_once(void **state)
{
    struct sigaction action = {.sa_handler = handler_one, .sa_flags = (int)SA_RESETHAND};
    struct disposition view;
    (void)state;
    assert_int_equal(sigaction(SIGABRT, &action, NULL), 0);
    disposition_get(SIGABRT, &view);
    assert_true(disposition_note_call(SIGABRT, &view));
    assert_false(disposition_note_call(SIGABRT, &view)); /* a second thread that had seen the same */
    disposition_get(SIGABRT, &view);
    assert_int_equal(view.handler, 0);
    assert_true(is_entry(SIGABRT));
    assert_true(kernel_of(SIGABRT).flags & SA_ONSTACK);
}

static void test_our_entry_given_back_means_the_view(void **state)
{
    struct sigaction stolen = {.sa_flags = 0}, now;
    (void)state;
    assert_ptr_equal(signal(SIGXFSZ, handler_one), SIG_DFL);
    stolen.sa_handler = (void (*)(int))(void (*)(void))crash_entry; /* as a raw system call shows it */
    assert_int_equal(sigaction(SIGXFSZ, &stolen, NULL), 0);
    assert_int_equal(sigaction(SIGXFSZ, NULL, &now), 0);
    assert_ptr_equal(now.sa_handler, handler_one);
    assert_true(now.sa_flags & SA_RESTART);
    signal(SIGXFSZ, SIG_DFL);
}

static void assert_same_action(const struct sigaction *a, const struct sigaction *b)
{
    assert_ptr_equal(a->sa_handler, b->sa_handler);
    assert_int_equal(a->sa_flags, b->sa_flags);
    assert_ptr_equal(a->sa_restorer, b->sa_restorer);
    for (int number = 1; number <= 64; number++)
        assert_int_equal(sigismember(&a->sa_mask, number), sigismember(&b->sa_mask, number));
}

/* One through libc, one past it: kernel and program see the same. */
static void test_signals_that_are_not_ours_go_to_the_kernel_as_libc_sends_them(void **state)
{
    int (*of_libc)(int, const struct sigaction *, struct sigaction *) =
        (__typeof__(of_libc))libc_find_own("sigaction");
    struct sigaction action = {.sa_handler = count_call, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)}, ours,
                     libcs;
    (void)state;
    sigaddset(&action.sa_mask, SIGTERM);
    sigaddset(&action.sa_mask, 64);
    memset(&ours, 0xff, sizeof(ours));
    memset(&libcs, 0xff, sizeof(libcs));
    assert_int_equal(sigaction(SIGUSR1, NULL, NULL), 0); /* the first one finds the way */
    assert_int_equal(disposition_words.way, DISPOSITION_BY_KERNEL);
    assert_int_equal(sigaction(SIGUSR1, &action, &ours), 0);
    assert_int_equal(of_libc(SIGUSR2, &action, &libcs), 0);
    assert_same_action(&ours, &libcs); /* what there was */
    struct disposition_kernel kernel = kernel_of(SIGUSR1), by_libc = kernel_of(SIGUSR2);
    assert_memory_equal(&kernel, &by_libc, sizeof(kernel));
    assert_int_equal(sigaction(SIGUSR1, NULL, &ours), 0);
    assert_int_equal(of_libc(SIGUSR1, NULL, &libcs), 0);
    assert_same_action(&ours, &libcs);
    raise(SIGUSR1); /* and it comes back */
    assert_int_equal(n_calls, 1);
    assert_int_equal(kernel_of(SIGUSR1).handler, 0);
}

static void test_what_is_no_signal_is_refused_as_by_libc(void **state)
{
    static const int numbers[] = {INT_MIN, -1, 0, 32, 33, SIGKILL, SIGSTOP, 65, 100, INT_MAX};
    struct sigaction action = {.sa_handler = handler_one};
    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        errno = 0;
        assert_int_equal(sigaction(numbers[i], &action, NULL), -1);
        assert_int_equal(errno, EINVAL);
    }
    errno = 77;
    assert_int_equal(sigaction(SIGUSR1, NULL, &action), 0);
    assert_int_equal(errno, 77);
}

static void test_let_die_tells_the_kernel_only(void **state)
{
    struct disposition view;
    (void)state;
    signal(SIGXFSZ, handler_one);
    disposition_let_die(SIGXFSZ);
    assert_int_equal(kernel_of(SIGXFSZ).handler, 0);
    disposition_get(SIGXFSZ, &view);
    assert_int_equal(view.handler, (uint64_t)(uintptr_t)handler_one);
    signal(SIGXFSZ, SIG_DFL);
}

/* ---- many at once ---- */
#define MASK_ONE (1ull << (SIGUSR1 - 1))
#define MASK_TWO (1ull << (SIGUSR2 - 1) | 1ull << (SIGPIPE - 1))
static uint32_t is_over;

static void set_one_of_two(bool first)
{
    struct sigaction action = {.sa_flags = 0};
    uint64_t mask = first ? MASK_ONE : MASK_TWO;
    memcpy(&action.sa_mask, &mask, sizeof(mask));
    if (first) {
        action.sa_handler = handler_one;
        action.sa_flags = SA_RESTART;
    } else {
        action.sa_sigaction = handler_two;
        action.sa_flags = SA_SIGINFO;
    }
    assert_int_equal(sigaction(SIGTRAP, &action, NULL), 0);
}

static void *set_for_ever(void *first)
{
    for (bool is_first = first != NULL; !__atomic_load_n(&is_over, __ATOMIC_RELAXED); is_first = !is_first)
        set_one_of_two(is_first);
    return NULL;
}

static void test_views_are_whole(void **state)
{
    pthread_t threads[2];
    uint64_t n_of[2] = {0, 0};
    (void)state;
    is_over = 0;
    set_one_of_two(true);
    for (uintptr_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, set_for_ever, i ? &is_over : NULL), 0);
    for (unsigned i = 0; i < 200000 || !n_of[0] || !n_of[1]; i++) {
        struct disposition view;
        disposition_get(SIGTRAP, &view);
        bool is_first = view.handler == (uint64_t)(uintptr_t)handler_one;
        n_of[is_first]++;
        assert_int_equal(view.mask, is_first ? MASK_ONE : MASK_TWO);
        assert_int_equal(view.flags, is_first ? SA_RESTART : SA_SIGINFO);
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    signal(SIGTRAP, SIG_DFL);
}

static uint32_t n_alarms;

static void on_alarm(int number)
{
    (void)number;
    set_one_of_two(n_alarms++ & 1);
}

static void test_handlers_may_call_it_at_any_instruction(void **state)
{
    const struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
    (void)state;
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &often, NULL);
    for (unsigned i = 0; n_alarms < 2000 && i < 2000000; i++)
        set_one_of_two(i & 1);
    setitimer(ITIMER_REAL, &never, NULL);
    signal(SIGALRM, SIG_DFL);
    assert_true(n_alarms > 50);
    signal(SIGTRAP, SIG_DFL);
}

static void test_fork_child_finds_the_lock_open(void **state)
{
    pthread_t thread;
    (void)state;
    is_over = 0;
    assert_int_equal(pthread_create(&thread, NULL, set_for_ever, NULL), 0);
    for (unsigned i = 0; i < 200; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(60); /* its default action ends a child that waits */
            set_one_of_two(true);
            struct disposition view;
            disposition_get(SIGTRAP, &view);
            _exit(view.mask == MASK_ONE && sharing_is_own() ? 0 : 1);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    __atomic_store_n(&is_over, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    signal(SIGTRAP, SIG_DFL);
}

static void test_vfork_child_borrows(void **state)
{
    static volatile bool was_own;
    (void)state;
    pid_t child = vfork();
    if (child == 0) {
        was_own = sharing_is_own();
        signal(SIGABRT, SIG_IGN);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    assert_false(was_own);
    assert_true(sharing_is_own());
    struct disposition view;
    disposition_get(SIGABRT, &view);
    assert_int_equal(view.handler, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before_start_all_passes),
        cmocka_unit_test(test_start_takes_what_is_default_or_handled),
        cmocka_unit_test(test_kernel_has_the_programs_mask_and_flags),
        cmocka_unit_test(test_reset_happens_once),
        cmocka_unit_test(test_our_entry_given_back_means_the_view),
        cmocka_unit_test(test_signals_that_are_not_ours_go_to_the_kernel_as_libc_sends_them),
        cmocka_unit_test(test_what_is_no_signal_is_refused_as_by_libc),
        cmocka_unit_test(test_let_die_tells_the_kernel_only),
        cmocka_unit_test(test_views_are_whole),
        cmocka_unit_test(test_handlers_may_call_it_at_any_instruction),
        cmocka_unit_test(test_fork_child_finds_the_lock_open),
        cmocka_unit_test(test_vfork_child_borrows),
    };
    if (crash_has_manager()) { /* the library keeps out, and so nothing of it can be seen */
        print_message("skipped: %s: the sanitizer has the signals\n", "all");
        return 0;
    }
    return cmocka_run_group_tests(tests, start, NULL);
}
