/* Programs that handle their faults: cases 44, 46-58, 70. What a handler sees is printed, and must be as without the library. */
#include "torture.h"
#include <setjmp.h>
#include <ucontext.h>

static volatile sig_atomic_t n_calls;
static sigjmp_buf back;
static uint64_t fault_pc;
static char *own_stack;
#define OWN_STACK 65536

static NOINLINE void fault(void)
{
    volatile int *volatile nothing = NULL;
    *nothing = 1; /* here: fault */
    always++;
}

static const char *stack_of(void *where)
{
    char here;
    if (own_stack && (char *)where >= own_stack && (char *)where < own_stack + OWN_STACK)
        return "its own alternate stack";
    int64_t distance = (char *)where - (char *)&here;
    return distance > -(1 << 20) && distance < (1 << 20) ? "the same stack" : "another stack";
}

/* Everything that a handler can see. */
static void describe(int signal, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    char here;
    sigset_t mask;
    uint64_t bits = 0;
    int error = errno;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    for (int i = 1; i <= 64; i++)
        bits |= (uint64_t)(sigismember(&mask, i) == 1) << (i - 1);
#ifdef __x86_64__
    uint64_t pc = (uint64_t)u->uc_mcontext.gregs[REG_RIP], sp = (uint64_t)u->uc_mcontext.gregs[REG_RSP];
#else
    uint64_t pc = u->uc_mcontext.pc, sp = u->uc_mcontext.sp;
#endif
    fault_pc = pc;
    say("handler %d: signal %d code %d address %p errno %d mask %llx, on %s, interrupted %s, at fault+%d\n",
        ++n_calls, signal, info ? info->si_code : 0, info && info->si_code > 0 ? info->si_addr : NULL, error,
        (unsigned long long)bits,
        own_stack                                         ? stack_of(&here)
        : llabs((long long)(sp - (uint64_t)&here)) < 8192 ? "the interrupted stack, near"
                                                          : "another stack",
        own_stack ? "" : stack_of((void *)sp),
        info && info->si_code > 0 ? (int)(pc - (uint64_t)(uintptr_t)fault) : 0);
}

static void handler_exit(int signal, siginfo_t *info, void *context)
{
    describe(signal, info, context);
    _exit(1);
}

static void handler_default(int signal, siginfo_t *info, void *context)
{
    describe(signal, info, context);
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(signal, &action, NULL);
}

static void handler_return(int signal, siginfo_t *info, void *context)
{
    if (n_calls < 3)
        describe(signal, info, context);
}

static void handler_abort(int signal, siginfo_t *info, void *context)
{
    describe(signal, info, context);
    abort();
}

static void handler_jump(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info, (void)context;
    n_calls++;
    siglongjmp(back, 1);
}

static void handler_plain(int signal)
{
    say("plain handler %d: signal %d\n", ++n_calls, signal);
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(signal, &action, NULL);
}

static void handler_raise(int sig, siginfo_t *info, void *context)
{
    describe(sig, info, context);
    signal(sig, SIG_DFL);
    raise(sig);
}

static void handler_again(int signal, siginfo_t *info, void *context)
{
    describe(signal, info, context);
    if (n_calls < 4)
        fault();
    handler_default(signal, info, context);
}

static void install(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigaddset(&action.sa_mask, SIGUSR1);
    sigaction(signal, &action, NULL);
}

static void die(void)
{
    errno = 4711;
    fault();
}

static void own_then_default(void)
{
    install(SIGSEGV, handler_default, 0);
    die();
}

static void on_own_stack(void)
{
    own_stack = mmap(NULL, OWN_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t stack = {.ss_sp = own_stack, .ss_size = OWN_STACK};
    sigaltstack(&stack, NULL);
    observe_thread("own stack");
    install(SIGSEGV, handler_default, SA_ONSTACK);
    die();
}

static void on_no_stack(void) /* SA_ONSTACK asked for, but no alternate stack: stays on its own stack */
{
    install(SIGSEGV, handler_default, SA_ONSTACK);
    die();
}

static void replaced(void)
{
    for (int i = 0; i < 5; i++) {
        install(SIGSEGV, handler_exit, 0);
        signal(SIGSEGV, SIG_DFL);
    }
    install(SIGSEGV, handler_return, 0);
    install(SIGSEGV, handler_default, 0);
    struct sigaction old;
    sigaction(SIGSEGV, NULL, &old);
    say("reads back %s, flags %x\n", old.sa_sigaction == handler_default ? "its own" : "another",
        (unsigned)old.sa_flags);
    die();
}

static void exits(void)
{
    install(SIGSEGV, handler_exit, 0);
    die();
}

static void aborts(void)
{
    install(SIGSEGV, handler_abort, 0);
    die();
}

static void reset(void)
{
    install(SIGSEGV, handler_return, (int)SA_RESETHAND);
    die();
}

static void reset_reads_back(int signal, siginfo_t *info, void *context)
{
    describe(signal, info, context);
    struct sigaction old;
    sigaction(signal, NULL, &old);
    say("inside: %s flags %x\n", handler_name(&old), (unsigned)old.sa_flags);
}

static void reset_seen(void)
{
    install(SIGSEGV, reset_reads_back, (int)SA_RESETHAND);
    die();
}

static void saved(void) /* saves with signal(), restores what it got, without SA_SIGINFO */
{
    void (*old)(int) = signal(SIGSEGV, handler_plain);
    say("before: %s\n", old == SIG_DFL ? "default" : old == SIG_IGN ? "ignored" : "something else");
    signal(SIGSEGV, old);
    old = signal(SIGSEGV, handler_plain);
    say("before: %s\n", old == SIG_DFL ? "default" : old == SIG_IGN ? "ignored" : "something else");
    die();
}

static void recursive(void)
{
    install(SIGSEGV, handler_again, SA_NODEFER);
    die();
}

static void reraises(void)
{
    install(SIGSEGV, handler_raise, 0);
    die();
}

static void clean(void) /* case 54: nothing of the library can be read */
{
    struct sigaction old;
    stack_t stack;
    for (int i = 1; i < 32; i++)
        if (sigaction(i, NULL, &old) == 0)
            say("%d %s %x\n", i, handler_name(&old), (unsigned)old.sa_flags);
    say("signal(): %s\n", signal(SIGSEGV, SIG_DFL) == SIG_DFL ? "default" : "something");
    say("sigaltstack: %d, flags %x\n", sigaltstack(NULL, &stack), (unsigned)stack.ss_flags);
    say("sigaction of 0, 65, SIGKILL: %d %d %d\n", sigaction(0, NULL, &old), sigaction(65, NULL, &old),
        sigaction(SIGKILL, &(struct sigaction){.sa_handler = SIG_IGN}, NULL));
    struct sigaction action = {.sa_handler = handler_plain, .sa_flags = SA_RESTART | SA_NODEFER};
    sigaction(SIGABRT, &action, NULL);
    sigaction(SIGABRT, &(struct sigaction){.sa_handler = SIG_IGN}, &old);
    say("SIGABRT was %s flags %x, %s\n", handler_name(&old), (unsigned)old.sa_flags,
        old.sa_handler == handler_plain ? "ours" : "?");
    sigaction(SIGABRT, NULL, &old);
    say("SIGABRT is %s flags %x\n", handler_name(&old), (unsigned)old.sa_flags);
    char small[100];
    stack_t bad = {.ss_sp = small, .ss_size = sizeof small};
    int result = sigaltstack(&bad, NULL);
    say("too small an alternate stack: %d %s\n", result, strerrorname_np(errno));
}

static void ignored(void)
{
    signal(SIGSEGV, SIG_IGN);
    raise(SIGSEGV);
    say("ignored\n");
    fault();
}

static void ignored_abort(void)
{
    signal(SIGABRT, SIG_IGN);
    abort();
}

static void blocked(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    fault();
}

static void by_system_call(void) /* rt_sigaction past the library */
{
    struct {
        void (*handler)(int);
        unsigned long flags;
        void (*restorer)(void);
        unsigned long mask;
    } action = {SIG_DFL, 0, NULL, 0};
    long result = syscall(SYS_rt_sigaction, SIGSEGV, &action, NULL, 8);
    say("rt_sigaction %ld\n", result);
    fault();
}

static void endless(void)
{
    install(SIGSEGV, handler_return, 0);
    fault();
}

static void abort_handler_returns(void)
{
    install(SIGABRT, handler_return, 0);
    abort();
}

static void abort_jumped(void)
{
    install(SIGABRT, handler_jump, SA_NODEFER);
    for (volatile int i = 0; i < 100; i++)
        if (!sigsetjmp(back, 1))
            abort();
    say("came back %d times\n", n_calls);
}

static char *barrier_page;

static void handler_barrier(int signal, siginfo_t *info, void *context)
{
    (void)context;
    if (info->si_addr != barrier_page) {
        struct sigaction action = {.sa_handler = SIG_DFL};
        sigaction(signal, &action, NULL);
        return;
    }
    n_calls++;
    mprotect(barrier_page, 4096, PROT_READ | PROT_WRITE);
}

static void barrier(int n)
{
    /* Between two pages that nobody may touch: beside a writable one the kernel would join and split mappings at each turn. */
    barrier_page = (char *)mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + 4096;
    install(SIGSEGV, handler_barrier, 0);
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < n; i++) {
        mprotect(barrier_page, 4096, PROT_READ);
        *(volatile char *)barrier_page = 1;
    }
    clock_gettime(CLOCK_MONOTONIC, &to);
    double ns = ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / n;
    if (getenv("TORTURE_BENCH"))
        say("%.0f ns a fault\n", ns);
}

static void recovered(void)
{
    barrier(arguments[0] ? atoi(arguments[0]) : 200000);
    say("recovered %d\n", n_calls);
}

static void recovered_then_dies(void)
{
    barrier(20000);
    say("recovered %d\n", n_calls);
    fault();
}

static void jumped(void)
{
    install(SIGSEGV, handler_jump, 0);
    for (volatile int i = 0; i < 20000; i++)
        if (!sigsetjmp(back, 1))
            fault();
    say("came back %d times\n", n_calls);
}

static NOINLINE int deeper(int n)
{
    volatile char room[512];
    room[0] = (char)n;
    return always ? deeper(n + 1) + room[0] : 0;
}

static void overflow_handler(int signal, siginfo_t *info, void *context)
{
    (void)signal, (void)info, (void)context;
    deeper(0);
}

static void alternate_overflow(void) /* case 70: the handler overflows its alternate stack */
{
    own_stack = mmap(NULL, OWN_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(own_stack, 4096, PROT_NONE);
    stack_t stack = {.ss_sp = own_stack + 4096, .ss_size = OWN_STACK - 4096};
    sigaltstack(&stack, NULL);
    install(SIGSEGV, overflow_handler, SA_ONSTACK);
    fault();
}

static void two_frames(int signal, siginfo_t *info, void *context) /* case 91 */
{
    (void)info, (void)context;
    if (signal == SIGUSR2)
        raise(SIGUSR1);
    fault();
}

static void under_two_handlers(void)
{
    own_stack = mmap(NULL, OWN_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t stack = {.ss_sp = own_stack, .ss_size = OWN_STACK};
    sigaltstack(&stack, NULL);
    struct sigaction action = {.sa_sigaction = two_frames, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR2);
}

static void longjmp_then_dies(void) /* a recovered fault, then another one that is not handled */
{
    install(SIGSEGV, handler_jump, 0);
    if (!sigsetjmp(back, 1))
        fault();
    signal(SIGSEGV, SIG_DFL);
    *(volatile char *)(uintptr_t)0x1000 = 1; /* here: longjmp_then_dies */
}

static void recovered_then_exits(void)
{
    install(SIGSEGV, handler_jump, 0);
    if (!sigsetjmp(back, 1))
        fault();
    exit(3);
}

const struct deed deeds[] = {{"own_then_default", own_then_default},
                             {"on_own_stack", on_own_stack},
                             {"on_no_stack", on_no_stack},
                             {"replaced", replaced},
                             {"exits", exits},
                             {"aborts", aborts},
                             {"reset", reset},
                             {"reset_seen", reset_seen},
                             {"saved", saved},
                             {"recursive", recursive},
                             {"reraises", reraises},
                             {"clean", clean},
                             {"ignored", ignored},
                             {"ignored_abort", ignored_abort},
                             {"blocked", blocked},
                             {"by_system_call", by_system_call},
                             {"endless", endless},
                             {"abort_handler_returns", abort_handler_returns},
                             {"abort_jumped", abort_jumped},
                             {"recovered", recovered},
                             {"recovered_then_dies", recovered_then_dies},
                             {"jumped", jumped},
                             {"alternate_overflow", alternate_overflow},
                             {"under_two_handlers", under_two_handlers},
                             {"longjmp_then_dies", longjmp_then_dies},
                             {"recovered_then_exits", recovered_then_exits},
                             {NULL, NULL}};
