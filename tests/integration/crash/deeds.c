/* deeds: dies, or does not, in the way that its argument says: what crash.py runs without and with the library. */
#include <assert.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

static volatile int *volatile nowhere = (volatile int *)8;
static sigjmp_buf back;

static void null(void)
{
    *nowhere = 1;
}

static void assertion(void)
{
    assert(nowhere == NULL);
}

static void raised(void)
{
    raise(SIGSEGV);
}

static void trap(void)
{
    __builtin_trap();
}

static void call_null(void)
{
    void (*volatile function)(void) = NULL;
    function();
}

#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Winfinite-recursion"
static int __attribute__((noinline)) descend(int n)
{
    volatile char frame[512];
    frame[n & 511] = (char)n;
    return descend(n + 1) + frame[n & 511];
}

static void overflow(void)
{
    (void)descend(0);
}

static void *overflow_in_thread(void *unused)
{
    (void)unused;
    (void)descend(0);
    return NULL;
}

static void thread_overflow(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, overflow_in_thread, NULL);
    pthread_join(thread, NULL);
}

static void *crash_in_thread(void *barrier)
{
    pthread_barrier_wait(barrier);
    *nowhere = 1;
    return NULL;
}

static void many_threads(void)
{
    pthread_barrier_t barrier;
    pthread_t threads[8];
    pthread_barrier_init(&barrier, NULL, 8);
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, crash_in_thread, &barrier);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
}

static void jump(int signal)
{
    (void)signal;
    siglongjmp(back, 1);
}

static void leave(int signal)
{
    (void)signal;
    _exit(3);
}

static void give_up(int signal)
{
    (void)signal;
    abort();
}

static void recovered(void)
{
    signal(SIGSEGV, jump);
    for (volatile int i = 0; i < 1000; i++)
        if (!sigsetjmp(back, 1))
            *nowhere = 1;
}

static void left(void)
{
    signal(SIGSEGV, leave);
    *nowhere = 1;
}

static void given_up(void)
{
    signal(SIGSEGV, give_up);
    *nowhere = 1;
}

/* As Rust does it: the handler has a small stack to itself, and aborts there. */
static void alternate(void)
{
    static _Alignas(16) char stack[16384];
    stack_t on = {.ss_sp = stack, .ss_size = sizeof(stack)};
    struct sigaction action = {.sa_handler = give_up, .sa_flags = SA_ONSTACK};
    sigaltstack(&on, NULL);
    sigaction(SIGSEGV, &action, NULL);
    *nowhere = 1;
}

/* The child dies on its parent's memory. */
static void vforked(void)
{
    int status = 0;
    pid_t child = vfork();
    if (child == 0) {
        *nowhere = 1;
        _exit(0);
    }
    waitpid(child, &status, 0);
    printf("child %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
    fflush(stdout);
    *nowhere = 2;
}

static void at_exit_crash(void)
{
    *nowhere = 1;
}

static void in_destructor(void)
{
    exit(0);
}

/* After the library's own destructor: what was registered first goes last. */
static bool is_destructed;
__attribute__((destructor(101))) static void last(void)
{
    if (is_destructed)
        at_exit_crash();
}

static void quit(void)
{
    raise(SIGQUIT);
    puts("goes on");
}

static void quick(void)
{
    quick_exit(0);
}

/* The parent ends inside libc. */
static void become_daemon(void)
{
    if (daemon(1, 1))
        _exit(1);
    puts("daemon");
}

static void exec_at(void)
{
    char *argv[] = {(char[]){"echo"}, (char[]){"executed"}, NULL};
    execveat(-100, "/bin/echo", argv, environ, 0);
}

static void filtered(unsigned answer, const unsigned calls[4])
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[0], 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[1], 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[2], 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[3], 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, answer),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    *nowhere = 1;
}

/* What the capture would like to do kills, or is answered with a trap that nobody handles. */
static const unsigned wanted_calls[4] = {SYS_openat, SYS_process_vm_readv, SYS_rt_tgsigqueueinfo, SYS_clone};

static void killing_filter(void)
{
    filtered(SECCOMP_RET_KILL_PROCESS, wanted_calls);
}

static void trapping_filter(void)
{
    filtered(SECCOMP_RET_TRAP, wanted_calls);
}

/* Every way to die of a signal that is not the fault itself. */
static void refusing_filter(void)
{
    static const unsigned calls[4] = {SYS_rt_sigaction, SYS_rt_tgsigqueueinfo, SYS_tgkill, SYS_tkill};
    filtered(SECCOMP_RET_ERRNO | 1 /* EPERM */, calls);
}

static void nothing(void)
{
}

static const struct deed {
    const char *name;
    void (*deed)(void);
} deeds[] = {
    {"null", null},
    {"abort", abort},
    {"assert", assertion},
    {"raise", raised},
    {"trap", trap},
    {"call_null", call_null},
    {"overflow", overflow},
    {"thread_overflow", thread_overflow},
    {"threads", many_threads},
    {"recovered", recovered},
    {"left", left},
    {"given_up", given_up},
    {"alternate", alternate},
    {"vfork", vforked},
    {"destructor", in_destructor},
    {"quit", quit},
    {"quick_exit", quick},
    {"daemon", become_daemon},
    {"execveat", exec_at},
    {"killing_filter", killing_filter},
    {"trapping_filter", trapping_filter},
    {"refusing_filter", refusing_filter},
    {"nothing", nothing},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(deeds) / sizeof(deeds[0]); i++) {
        if (strcmp(argv[1], deeds[i].name) != 0)
            continue;
        is_destructed = deeds[i].deed == in_destructor;
        deeds[i].deed();
        return 0;
    }
    return 2;
}
