/* Everyday deaths of C programs, at -O0: cases 1, 7-9, 12-18, and the signals that have their own default action. */
#include "torture.h"
#include <assert.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

static void null_write(void)
{
    forbid_allocations();
    *(volatile int *)0 = 1; /* here: null_write */
}

static void null_offset(void)
{
    struct big {
        char before[304];
        int field;
    } *volatile nothing = NULL;
    always = nothing->field; /* here: null_offset */
}

static void do_abort(void)
{
    forbid_allocations();
    abort(); /* here: do_abort */
}

static void do_assert(void)
{
    int answer = 41;
    assert(answer == 42 && "the answer"); /* here: do_assert */
}

static void double_free(void)
{
    char *p = malloc(24);
    free(p);
    free(p); /* here: double_free */
}

static void corrupted_top(void)
{
    char *p = malloc(24);
    memset(p, 0xff, 24 + 16);
    p = malloc(100000); /* here: corrupted_top */
}

static void divide(void)
{
    volatile int zero = 0;
    forbid_allocations();
    always = 7 / zero; /* here: divide */
}

static void trap(void)
{
    forbid_allocations();
    __builtin_trap(); /* here: trap */
}

#ifdef __x86_64__
#define BREAKPOINT "int3"
#else
#define BREAKPOINT "brk #0"
#endif

static void breakpoint(void)
{
    __asm__ volatile(BREAKPOINT); /* here: breakpoint */
}

static const char constant[64] = "constant";

static void write_constant(void)
{
    *(volatile char *)(uintptr_t)constant = 1; /* here: write_constant */
}

static void call_heap(void)
{
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(page, 0x90, 4096);
    ((void (*)(void))page)(); /* here: call_heap */
}

static void non_canonical(void)
{
    volatile uint64_t address = 0x8000dead0000beefull;
    always = *(volatile int *)address; /* here: non_canonical */
}

static void unmapped(void)
{
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page, 4096);
    *(volatile char *)page = 1; /* here: unmapped */
}

static void truncated(void)
{
    FILE *file = tmpfile();
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    always = page[4096]; /* here: truncated */
}

static void raised(void)
{
    raise(SIGSEGV); /* here: raised */
}

static void killed_by_other(void)
{
    if (fork() == 0) {
        sleep_ms(20); /* its parent has left fork() by then */
        _exit(kill(getppid(), SIGSEGV));
    }
    while (always)
        pause();
}

static void queued(void)
{
    sigqueue(getpid(), SIGBUS, (union sigval){.sival_int = 4711}); /* here: queued */
}

static void thread_killed(void)
{
    syscall(SYS_tgkill, getpid(), (int)syscall(SYS_gettid), SIGFPE); /* here: thread_killed */
}

static void filter(uint32_t action)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sync, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, action),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        exit(77);
}

static void seccomp_trap(void)
{
    filter(SECCOMP_RET_TRAP);
    sync(); /* here: seccomp_trap */
}

static void seccomp_kill(void)
{
    filter(SECCOMP_RET_KILL_PROCESS);
    sync();
}

static void too_long(void)
{
    setrlimit(RLIMIT_CPU, &(struct rlimit){1, 3});
    while (always)
        ;
}

static void too_big(void)
{
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){100, 100});
    int fd = open("big", O_CREAT | O_WRONLY, 0600);
    char block[200] = "";
    while (write(fd, block, sizeof block) > 0) /* here: too_big */
        ;
}

static void quit(void)
{
    raise(SIGQUIT);
}

const struct deed deeds[] = {{"null_write", null_write},
                             {"null_offset", null_offset},
                             {"do_abort", do_abort},
                             {"do_assert", do_assert},
                             {"double_free", double_free},
                             {"corrupted_top", corrupted_top},
                             {"divide", divide},
                             {"trap", trap},
                             {"breakpoint", breakpoint},
                             {"write_constant", write_constant},
                             {"call_heap", call_heap},
                             {"non_canonical", non_canonical},
                             {"unmapped", unmapped},
                             {"truncated", truncated},
                             {"raised", raised},
                             {"killed_by_other", killed_by_other},
                             {"queued", queued},
                             {"thread_killed", thread_killed},
                             {"seccomp_trap", seccomp_trap},
                             {"seccomp_kill", seccomp_kill},
                             {"too_long", too_long},
                             {"too_big", too_big},
                             {"quit", quit},
                             {NULL, NULL}};
