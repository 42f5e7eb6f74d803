/* Threads of another process, copied while it runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four headers above before it */
#include <cmocka.h>

#include "elsewhere.h"
#include "sources/process/proc.h"
#include "sources/process/threads.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_THREADS 16

/* What the process tells of itself: where each thread's mark lies on its stack, and how often each came round. */
struct shared {
    uint64_t marks[N_THREADS];
    uint32_t tids[N_THREADS];
    volatile uint64_t rounds[N_THREADS];
    volatile uint32_t n_ready;
};
static struct shared *shared;

static void *work(void *argument)
{
    unsigned i = (unsigned)(uintptr_t)argument;
    volatile uint64_t mark = 0x1122334455667700u + i;
    shared->marks[i] = (uintptr_t)&mark;
    shared->tids[i] = (uint32_t)gettid();
    __atomic_add_fetch(&shared->n_ready, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        shared->rounds[i]++;
        usleep(i % 2 ? 1000 : 100);
    }
    return NULL;
}

static pid_t start(void)
{
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (uintptr_t i = 1; i < N_THREADS; i++)
            pthread_create(&thread, NULL, work, (void *)i);
        work(NULL);
    }
    while (shared->n_ready < N_THREADS)
        usleep(1000);
    return pid;
}

static void stop(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    munmap(shared, sizeof(*shared));
}

static char *read_maps(pid_t pid)
{
    static char maps[1 << 20];
    int proc = proc_open((uint32_t)pid);
    assert_true(proc >= 0 && proc_read(proc, "maps", maps, sizeof(maps)) > 0);
    close(proc);
    return maps;
}

static uint64_t find_mark(const struct crash_thread *thread, uint64_t address)
{
    uint64_t mark = 0;
    for (uint32_t k = 0; k < thread->n_memory; k++) {
        const struct crash_memory *memory = &thread->memory[k];
        if (address >= memory->address && address + 8 <= memory->address + memory->n_bytes)
            memcpy(&mark, memory->bytes + (address - memory->address), 8);
    }
    return mark;
}

static void check_threads(const struct threads *threads, uint32_t n)
{
    assert_null(threads->missing);
    assert_int_equal(threads->n, n);
    for (uint32_t k = 0; k < threads->n; k++) {
        const struct crash_thread *thread = &threads->items[k];
        assert_false(thread->is_incomplete);
        for (unsigned i = 0; i < N_THREADS; i++)
            if (shared->tids[i] == thread->tid)
                assert_int_equal(find_mark(thread, shared->marks[i]), 0x1122334455667700u + i);
    }
}

static void check_goes_on(pid_t pid)
{
    uint64_t before[N_THREADS];
    int status;
    for (unsigned i = 0; i < N_THREADS; i++)
        before[i] = shared->rounds[i];
    for (unsigned i = 0; i < N_THREADS; i++)
        for (unsigned ms = 0; shared->rounds[i] == before[i]; ms++) {
            assert_in_range(ms, 0, 30000);
            usleep(1000);
        }
    assert_int_equal(waitpid(pid, &status, WNOHANG | WUNTRACED | WCONTINUED), 0); /* the parent saw nothing */
}

static void test_threads_all_again_and_again(void **state)
{
    (void)state;
    pid_t pid = start();
    for (int round = 0; round < 20; round++) {
        struct arena arena = {0};
        struct threads threads;
        threads_copy(&arena, (uint32_t)pid, round % 2 ? (uint32_t)pid : 0, read_maps(pid), &threads);
        check_threads(&threads, round % 2 ? N_THREADS - 1 : N_THREADS);
        arena_fini(&arena);
        check_goes_on(pid);
    }
    stop(pid);
}

static void test_threads_without_maps(void **state)
{
    struct arena arena = {0};
    struct threads threads;
    (void)state;
    pid_t pid = start();
    threads_copy(&arena, (uint32_t)pid, 0, NULL, &threads);
    check_threads(&threads, N_THREADS);
    arena_fini(&arena);
    check_goes_on(pid);
    stop(pid);
}

static void test_threads_of_a_stopped_process_stay_stopped(void **state)
{
    struct arena arena = {0};
    struct threads threads;
    int status;
    (void)state;
    pid_t pid = start();
    kill(pid, SIGSTOP);
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    threads_copy(&arena, (uint32_t)pid, 0, read_maps(pid), &threads);
    check_threads(&threads, N_THREADS);
    arena_fini(&arena);
    uint64_t before = shared->rounds[1];
    usleep(50000);
    assert_int_equal(shared->rounds[1], before);
    kill(pid, SIGCONT);
    assert_int_equal(waitpid(pid, &status, WCONTINUED), pid);
    check_goes_on(pid);
    stop(pid);
}

/* A UNIX signal that comes just then is neither lost nor doubled. */
static volatile unsigned *n_signals;

static void count(int number)
{
    (void)number;
    ++*n_signals;
}

static void test_threads_signals_arrive(void **state)
{
    (void)state;
    n_signals = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGUSR1, count);
        ++*n_signals;
        for (;;)
            pause();
    }
    while (!*n_signals)
        usleep(1000);
    for (unsigned i = 2; i < 60; i++) {
        struct arena arena = {0};
        struct threads threads;
        kill(pid, SIGUSR1);
        threads_copy(&arena, (uint32_t)pid, 0, NULL, &threads);
        assert_int_equal(threads.n, 1);
        arena_fini(&arena);
        for (unsigned ms = 0; *n_signals < i; ms++) {
            assert_in_range(ms, 0, 30000);
            usleep(1000);
        }
        assert_int_equal(*n_signals, i);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void do_nothing(int number)
{
    (void)number;
}

/* UNIX signals that the exporter gets itself while it waits (the end of a child) must not cut the copying short. */
static void test_threads_under_interruptions(void **state)
{
    (void)state;
    const struct itimerval often = {{0, 300}, {0, 300}}, never = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = do_nothing};
    pid_t pid = start();
    const char *maps = read_maps(pid);
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    for (unsigned i = 0; i < 20; i++) {
        struct arena arena = {0};
        struct threads threads;
        setitimer(ITIMER_REAL, &often, NULL);
        threads_copy(&arena, (uint32_t)pid, 0, maps, &threads);
        setitimer(ITIMER_REAL, &never, NULL);
        check_threads(&threads, N_THREADS);
        arena_fini(&arena);
    }
    check_goes_on(pid);
    stop(pid);
}

static void test_threads_says_why_not(void **state)
{
    struct arena arena = {0};
    struct threads threads;
    (void)state;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    waitpid(pid, NULL, 0);
    threads_copy(&arena, (uint32_t)pid, 0, NULL, &threads);
    assert_int_equal(threads.n, 0);
    assert_string_equal(threads.missing, "it had ended");
    /* init is root's; as root, it may be looked into */
    if (geteuid() != 0) {
        threads_copy(&arena, 1, 0, NULL, &threads);
        assert_int_equal(threads.n, 0);
        assert_non_null(strstr(threads.missing, "uid 0"));
    }
    assert_non_null(strstr(threads_why_not(&arena, (uint32_t)getpid(), ENOSYS), "ptrace"));
    arena_fini(&arena);
}

static int says_scope(int scope)
{
    static const char *const expected[] = {"seccomp", "ptrace_scope is 1: only a parent",
                                           "ptrace_scope is 2: only root", "ptrace_scope is 3: nobody"};
    struct arena arena = {0};
    if (mkdir("/proc/sys/kernel/yama", 0755) != 0 ||
        !write_text("/proc/sys/kernel/yama/ptrace_scope", "", scope, "\n"))
        return REFUSED;
    const char *said = threads_why_not(&arena, (uint32_t)getpid(), EPERM);
    if (!strstr(said, expected[scope]))
        fprintf(stderr, "ptrace_scope %d: %s\n", scope, said);
    return strstr(said, expected[scope]) ? 0 : 1;
}

static void test_threads_names_yama(void **state)
{
    (void)state;
    for (int scope = 0; scope < 4; scope++) {
        int result = ask_elsewhere("/proc/sys/kernel", says_scope, scope);
        if (result == REFUSED)
            SKIP_REFUSED();
        assert_int_equal(result, 0);
    }
}

static void test_threads_mapping_end(void **state)
{
    static const char maps[] = "1000-2000 r-xp 0 00:00 0 /a\n3000-5000 rw-p 0 00:00 0\nnonsense\n";
    (void)state;
    assert_int_equal(threads_mapping_end(maps, 0x1000), 0x2000);
    assert_int_equal(threads_mapping_end(maps, 0x2000), 0);
    assert_int_equal(threads_mapping_end(maps, 0x4fff), 0x5000);
    assert_int_equal(threads_mapping_end(NULL, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_all_again_and_again),
        cmocka_unit_test(test_threads_without_maps),
        cmocka_unit_test(test_threads_of_a_stopped_process_stay_stopped),
        cmocka_unit_test(test_threads_signals_arrive),
        cmocka_unit_test(test_threads_under_interruptions),
        cmocka_unit_test(test_threads_says_why_not),
        cmocka_unit_test(test_threads_names_yama),
        cmocka_unit_test(test_threads_mapping_end),
    };
#ifdef __SANITIZE_THREAD__
    print_message("skipped: all: ThreadSanitizer adds threads of its own\n");
    (void)tests;
    return 0;
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
