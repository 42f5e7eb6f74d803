/*
 * Every crash signal, however it comes, whatever the program does about it: run without and with the library, the output must
 * be the same to the letter (disposition.sh).
 *
 *   disposition matrix    {signal} x {default, handler exits, returns, re-raises to default, re-raises to the previous}
 *                         x {cause, raise}: how the child ended, what its handler saw
 *   disposition flags     SA_RESETHAND, SA_NODEFER, SA_ONSTACK with and without an alternate stack, no SA_SIGINFO, masks
 *   disposition names     what each old name for sigaction() installs, returns and reads back
 *   disposition lives     fork, vfork, exec, posix_spawn, threads: who has which action
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <threads.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

typedef void handler_fn(int);
extern int __sigaction(int number, const struct sigaction *action, struct sigaction *old);
extern handler_fn *__sysv_signal(int number, handler_fn *handler);
extern handler_fn *bsd_signal(int number, handler_fn *handler);
extern char **environ;

/* What programs of 1998 call: still in libc, for them. */
struct old_vector {
    handler_fn *handler;
    int mask, flags;
};
extern int sigvec(int number, const struct old_vector *vector, struct old_vector *old);
#ifdef __x86_64__
__asm__(".symver sigvec, sigvec@GLIBC_2.2.5");
#else
__asm__(".symver sigvec, sigvec@GLIBC_2.17");
#endif

/* ---- what can be seen ---- */
__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    int n = vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    if (write(STDOUT_FILENO, text, (size_t)n) < 0)
        _exit(99);
}

static char *alternate; /* of the program */
#define ALTERNATE_BYTES 65536
static char *interrupted; /* an address of the stack that is interrupted */

static const char *where_is(const void *address)
{
    const char *at = address;
    if (alternate && at >= alternate && at < alternate + ALTERNATE_BYTES)
        return "the program's alternate stack";
    return at < interrupted && interrupted - at < 32768 ? "the interrupted stack" : "elsewhere";
}

static uint64_t mask_now(void)
{
    uint64_t mask = 0;
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, sizeof(mask));
    return mask;
}

static void handler_returns(int number, siginfo_t *info, void *context);
static void handler_plain(int number);

static const char *name_of(const struct sigaction *action)
{
    if (action->sa_handler == SIG_DFL)
        return "SIG_DFL";
    if (action->sa_handler == SIG_IGN)
        return "SIG_IGN";
    if (action->sa_sigaction == handler_returns)
        return "handler_returns";
    return action->sa_handler == handler_plain ? "handler_plain" : "another handler";
}

static void say_action(const char *what, int number)
{
    struct sigaction now;
    uint64_t mask;
    if (sigaction(number, NULL, &now) != 0) {
        say("%s: errno %d\n", what, errno);
        return;
    }
    memcpy(&mask, &now.sa_mask, sizeof(mask));
    say("%s: %s flags %x mask %llx restorer %d\n", what, name_of(&now), (unsigned)now.sa_flags,
        (unsigned long long)mask,
        now.sa_flags & 0x04000000 && now.sa_restorer); /* else libc has not written it */
}

static void say_stack(const char *what)
{
    stack_t now;
    int result = sigaltstack(NULL, &now);
    say("%s: alternate stack %d %s flags %d size %zu\n", what, result,
        now.ss_sp == NULL        ? "none"
        : now.ss_sp == alternate ? "the program's"
                                 : "another",
        now.ss_flags, now.ss_size);
}

/* ---- handlers ---- */
static int n_calls;
static struct sigaction previous;

/* As it is in every run: of what is mapped anywhere, the offset in its page. */
static unsigned long address_of(const siginfo_t *info)
{
    if (!info || info->si_code <= 0)
        return 0;
    unsigned long address = (unsigned long)info->si_addr;
    return address >> 32 ? address & 4095 : address;
}

static void describe(int number, const siginfo_t *info, const void *here)
{
    struct sigaction now;
    sigaction(number, NULL, &now);
    say("  call %d: signal %d code %d address %lx, mask %llx, on %s, action %s flags %x, errno %d\n",
        ++n_calls, number, info ? info->si_code : 0, address_of(info), (unsigned long long)mask_now(),
        where_is(here), name_of(&now), (unsigned)now.sa_flags, errno);
}

static void handler_returns(int number, siginfo_t *info, void *context)
{
    char here;
    (void)context;
    describe(number, info, &here);
    if (n_calls == 3)
        _exit(9);
}

static void handler_exits(int number, siginfo_t *info, void *context)
{
    char here;
    (void)context;
    describe(number, info, &here);
    _exit(7);
}

static void handler_to_default(int number, siginfo_t *info, void *context)
{
    char here;
    (void)context;
    describe(number, info, &here);
    signal(number, SIG_DFL);
    if (info->si_code <= 0)
        raise(number);
}

static void handler_to_previous(int number, siginfo_t *info, void *context)
{
    char here;
    (void)context;
    describe(number, info, &here);
    sigaction(number, &previous, NULL);
    if (info->si_code <= 0)
        raise(number);
}

static void handler_plain(int number)
{
    char here;
    describe(number, NULL, &here);
    if (n_calls == 3)
        _exit(9);
}

static void handler_nests(int number, siginfo_t *info, void *context)
{
    char here;
    (void)context;
    describe(number, info, &here);
    if (n_calls < 3)
        raise(number);
}

/* ---- causes ---- */
static void cause_sys(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_getscheduler, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    for (;;)
        syscall(SYS_sched_getscheduler, 0);
}

static void cause_file_size(void)
{
    struct rlimit limit = {1, 1};
    FILE *file = tmpfile();
    setrlimit(RLIMIT_FSIZE, &limit);
    for (int i = 0; i < 4; i++)
        if (pwrite(fileno(file), "abc", 3, 8) < 0)
            say("  pwrite: errno %d\n", errno);
}

static void cause(int number)
{
    volatile int zero = 0, *volatile nothing = NULL;
    (void)zero;
    switch (number) {
    case SIGSEGV:
        *nothing = 1;
        break;
    case SIGBUS: {
        FILE *file = tmpfile();
        char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(file), 0);
        zero = *(volatile char *)map;
        break;
    }
    case SIGFPE:
#ifdef __x86_64__
        zero = 1 / zero;
        break;
#else
        raise(SIGFPE);
        break;
#endif
    case SIGILL:
#ifdef __x86_64__
        __asm__ volatile("ud2");
#else
        __asm__ volatile("udf #0");
#endif
        break;
    case SIGTRAP:
#ifdef __x86_64__
        __asm__ volatile("int3");
#else
        __asm__ volatile("brk #0");
#endif
        break;
    case SIGABRT:
        abort();
    case SIGSYS:
        cause_sys();
        break;
    case SIGXFSZ:
        cause_file_size();
        break;
    default:
        raise(number);
    }
}

/* ---- children ---- */
static void say_end(const char *what, int status)
{
    if (WIFSIGNALED(status))
        say("%s: signal %d%s\n", what, WTERMSIG(status), WCOREDUMP(status) ? ", core" : "");
    else
        say("%s: exit %d\n", what, WEXITSTATUS(status));
}

/* `run` in a child. What it does with its own stack is compared with `interrupted`. */
static void in_child(const char *what, void (*run)(int, int), int number, int how)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        char here[64];
        interrupted = here;
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        alarm(20);
        run(number, how);
        _exit(0);
    }
    waitpid(child, &status, 0);
    say_end(what, status);
}

static void install(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(number, &action, &previous);
}

/* ---- matrix ---- */
enum { WITH_CAUSE = 1 };
static void (*const behaviours[])(int, siginfo_t *, void *) = {NULL, handler_exits, handler_returns,
                                                               handler_to_default, handler_to_previous};
static const char *const behaviour_names[] = {"default", "exits", "returns", "to default", "to previous"};

static void run_cell(int number, int how)
{
    int behaviour = how >> 1;
    if (behaviours[behaviour])
        install(number, behaviours[behaviour], 0);
    errno = 4711;
    if (how & WITH_CAUSE)
        cause(number);
    else
        raise(number);
    say_action("  afterwards", number);
    say("  mask %llx\n", (unsigned long long)mask_now());
    say_stack("  afterwards");
}

static void matrix(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS,  SIGILL,  SIGFPE,  SIGABRT, SIGTRAP,
                                  SIGSYS,  SIGXCPU, SIGXFSZ, SIGQUIT, SIGUSR1};
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        for (int behaviour = 0; behaviour < 5; behaviour++)
            for (int with_cause = 0; with_cause < 2; with_cause++) {
                char what[80];
                snprintf(what, sizeof(what), "%d %s, %s", numbers[i], behaviour_names[behaviour],
                         with_cause ? "caused" : "raised");
                in_child(what, run_cell, numbers[i], behaviour << 1 | with_cause);
            }
}

/* ---- flags ---- */
static void own_stack(void)
{
    alternate = mmap(NULL, ALTERNATE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t stack = {.ss_sp = alternate, .ss_size = ALTERNATE_BYTES};
    say("  sigaltstack: %d\n", sigaltstack(&stack, NULL));
}

static void run_flags(int number, int flags)
{
    install(number, flags & SA_NODEFER ? handler_nests : handler_returns, flags);
    say_action("  installed", number);
    raise(number);
    say_action("  after one", number);
    say_stack("  after one");
    raise(number);
    say_action("  after two", number);
}

static void run_without_siginfo(int number, int flags)
{
    struct sigaction action = {.sa_handler = handler_plain, .sa_flags = flags};
    sigfillset(&action.sa_mask);
    say("  sigaction: %d\n", sigaction(number, &action, &previous));
    say_action("  installed", number);
    cause(number);
}

static void run_stack_first(int number, int flags)
{
    say_stack("  before");
    own_stack();
    say_stack("  own");
    run_flags(number, flags);
    stack_t off = {.ss_flags = SS_DISABLE}, old;
    int result = sigaltstack(&off, &old);
    say("  off: %d, was the program's %d size %zu\n", result, old.ss_sp == alternate, old.ss_size);
    say_stack("  off");
    raise(number);
}

/* The handler is there first, then the alternate stack that it asked for. */
static void run_stack_later(int number, int flags)
{
    install(number, handler_returns, flags);
    raise(number);
    own_stack();
    say_action("  with a stack", number);
    raise(number);
}

static void run_bad_calls(int number, int flags)
{
    stack_t small = {.ss_sp = &small, .ss_size = 16}, odd = {.ss_flags = 77};
    (void)flags;
    errno = 0;
    say("  small: %d", sigaltstack(&small, NULL));
    say(" errno %d\n", errno);
    say("  odd: %d", sigaltstack(&odd, NULL));
    say(" errno %d\n", errno);
    say_stack("  after bad ones");
    struct sigaction action = {.sa_handler = handler_plain};
    int bad[] = {0, -1, 65, 66, 1000, SIGKILL, SIGSTOP, 32, 33};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        errno = 0;
        say("  sigaction(%d): %d", bad[i], sigaction(bad[i], &action, NULL));
        say(" errno %d,", errno);
        say(" signal: %d", signal(bad[i], SIG_DFL) == SIG_ERR);
        say(" errno %d\n", errno);
    }
    errno = 0;
    say("  SIG_ERR: %d", signal(number, SIG_ERR) == SIG_ERR);
    say(" errno %d\n", errno);
    say("  nothing: %d\n", sigaction(number, NULL, NULL));
}

static void run_default_with_flags(int number, int flags)
{
    struct sigaction action = {.sa_handler = SIG_DFL, .sa_flags = flags}, old;
    sigfillset(&action.sa_mask);
    sigaction(number, &action, &old);
    say_action("  default with flags", number);
    action.sa_handler = SIG_IGN;
    sigaction(number, &action, &old);
    say_action("  ignored with flags", number);
    raise(number);
    say("  lives\n");
    sigaction(number, &previous, &old);
    say("  was %s flags %x\n", name_of(&old), (unsigned)old.sa_flags);
    raise(number);
}

static void flags(void)
{
    static const int numbers[] = {SIGSEGV, SIGABRT, SIGUSR1};
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        int number = numbers[i];
        say("signal %d\n", number);
        in_child("none", run_flags, number, 0);
        in_child("RESETHAND", run_flags, number, (int)SA_RESETHAND);
        in_child("NODEFER", run_flags, number, SA_NODEFER);
        in_child("RESTART", run_flags, number, SA_RESTART);
        in_child("ONSTACK, no stack", run_flags, number, SA_ONSTACK);
        in_child("unknown bits", run_flags, number, 0x20000000 | 0x00800000);
        in_child("ONSTACK, stack first", run_stack_first, number, SA_ONSTACK);
        in_child("no ONSTACK, stack first", run_stack_first, number, 0);
        in_child("ONSTACK, stack later", run_stack_later, number, SA_ONSTACK);
        in_child("no SIGINFO", run_without_siginfo, number, 0);
        in_child("RESETHAND, no SIGINFO", run_without_siginfo, number, (int)SA_RESETHAND);
        in_child("bad calls", run_bad_calls, number, 0);
        in_child("default with flags", run_default_with_flags, number,
                 (int)(SA_RESETHAND | SA_RESTART | SA_ONSTACK));
    }
}

/* ---- names ---- */
static void say_old(const char *what, handler_fn *old)
{
    struct sigaction action = {.sa_handler = old};
    say("%s returned %s\n", what,
        old == SIG_ERR    ? "SIG_ERR"
        : old == SIG_HOLD ? "SIG_HOLD"
                          : name_of(&action));
}

static void run_names(int number, int how)
{
    (void)how;
    say_old("  signal", signal(number, handler_plain));
    say_action("  signal", number);
    raise(number);
    say_old("  bsd_signal", bsd_signal(number, SIG_DFL));
    say_action("  bsd_signal", number);
    say_old("  ssignal", ssignal(number, handler_plain));
    say_action("  ssignal", number);
    say_old("  sysv_signal", sysv_signal(number, handler_plain));
    say_action("  sysv_signal", number);
    raise(number);
    say_action("  sysv_signal, after one", number);
    say_old("  __sysv_signal", __sysv_signal(number, handler_plain));
    say_action("  __sysv_signal", number);
    say("  siginterrupt: %d\n", siginterrupt(number, 1));
    say_action("  siginterrupt", number);
    say_old("  signal", signal(number, handler_plain));
    say_action("  signal, interrupting", number);
    say("  siginterrupt: %d\n", siginterrupt(number, 0));
    say_old("  signal", signal(number, handler_plain));
    say_action("  signal, restarting", number);
    say_old("  sigset", sigset(number, SIG_HOLD));
    say("  mask %llx\n", (unsigned long long)mask_now());
    say_action("  sigset, held", number);
    say_old("  sigset", sigset(number, SIG_HOLD));
    say_old("  sigset", sigset(number, handler_plain));
    say("  mask %llx\n", (unsigned long long)mask_now());
    say_action("  sigset", number);
    say_old("  sigset", sigset(number, SIG_DFL));
    say("  sigignore: %d\n", sigignore(number));
    say_action("  sigignore", number);
    raise(number);
    struct sigaction action = {.sa_handler = handler_plain, .sa_flags = SA_NODEFER}, old;
    say("  __sigaction: %d\n", __sigaction(number, &action, &old));
    say("  __sigaction was %s\n", name_of(&old));
    say_action("  __sigaction", number);
    struct old_vector vector = {handler_plain, 1 << 4, 3}, was;
    say("  sigvec: %d\n", sigvec(number, &vector, &was));
    say("  sigvec was %d mask %x flags %x\n", was.handler == handler_plain, (unsigned)was.mask,
        (unsigned)was.flags);
    say_action("  sigvec", number);
    say("  sigvec: %d\n", sigvec(number, NULL, &was));
    say("  sigvec is %d mask %x flags %x\n", was.handler == handler_plain, (unsigned)was.mask,
        (unsigned)was.flags);
    /* saved and restored with what cannot carry SA_SIGINFO (breakpad's RedeliveryOnBadSignalHandlerFlag) */
    install(number, handler_returns, 0);
    handler_fn *saved = signal(number, SIG_DFL);
    signal(number, saved);
    say_action("  saved by signal()", number);
    /* what a raw system call says is true */
    struct {
        uint64_t handler, flags, restorer, mask;
    } raw = {.handler = (uint64_t)(uintptr_t)SIG_IGN};
    say("  raw: %ld\n", syscall(SYS_rt_sigaction, number, &raw, NULL, sizeof(raw.mask)));
    say_action("  raw", number);
    say_old("  signal", signal(number, SIG_DFL));
    say_action("  the end", number);
    raise(number);
}

/* ---- lives ---- */
static void run_again(int number, const char *what)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", number);
    execl("/proc/self/exe", "disposition", "read", text, what, NULL);
}

static void in_exec(int number, int how)
{
    if (how == 1)
        signal(number, SIG_IGN);
    if (how == 2)
        install(number, handler_returns, 0);
    run_again(number, "  after exec");
}

static void in_spawn(int number, int how)
{
    char text[16], name[] = "disposition", read[] = "read", what[] = "  after posix_spawn";
    char *arguments[] = {name, read, text, what, NULL};
    snprintf(text, sizeof(text), "%d", number);
    posix_spawnattr_t attributes;
    sigset_t set;
    pid_t child;
    sigemptyset(&set);
    sigaddset(&set, number);
    signal(number, SIG_IGN);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &set);
    posix_spawnattr_setflags(&attributes, how ? POSIX_SPAWN_SETSIGDEF : 0);
    if (posix_spawn(&child, "/proc/self/exe", NULL, &attributes, arguments, environ) == 0)
        waitpid(child, NULL, 0);
    say_action("  the parent still", number);
}

/* vfork(): the child's action is its own, the parent's memory is not. */
static void in_vfork(int number, int how)
{
    static volatile int was_default;
    install(number, handler_returns, 0);
    pid_t child = vfork();
    if (child == 0) {
        struct sigaction old;
        sigaction(number, NULL, &old);
        was_default = old.sa_sigaction != handler_returns;
        signal(number, how ? SIG_IGN : SIG_DFL);
        sigaction(number, NULL, &old);
        was_default |= (old.sa_handler != (how ? SIG_IGN : SIG_DFL)) << 1;
        syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), number);
        _exit(5);
    }
    int status;
    waitpid(child, &status, 0);
    say_end("  vfork child", status);
    say("  it saw the wrong action: %d\n", was_default);
    say_action("  the parent still", number);
    raise(number);
}

static void in_fork(int number, int how)
{
    (void)how;
    install(number, handler_returns, SA_RESTART);
    pid_t child = fork();
    if (child == 0) {
        char here[64];
        interrupted = here;
        say_action("  the child", number);
        raise(number);
        signal(number, SIG_DFL);
        say_action("  the child", number);
        say_stack("  the child");
        raise(number);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    say_end("  the child", status);
    say_action("  the parent still", number);
}

static void *in_thread(void *argument)
{
    char here[64];
    interrupted = here;
    say_stack("  thread");
    raise((int)(intptr_t)argument);
    return (void *)(uintptr_t)0x1234;
}

static int in_c11_thread(void *argument)
{
    char here[64];
    interrupted = here;
    raise((int)(intptr_t)argument);
    return -77;
}

static void in_threads(int number, int flags)
{
    pthread_t thread;
    thrd_t c11;
    void *result = NULL;
    int returned = 0;
    install(number, handler_returns, flags);
    pthread_create(&thread, NULL, in_thread, (void *)(intptr_t)number);
    pthread_join(thread, &result);
    say("  the thread returned %p\n", result);
    thrd_create(&c11, in_c11_thread, (void *)(intptr_t)number);
    thrd_join(c11, &returned);
    say("  the C11 thread returned %d\n", returned);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, (void *)4096, 1 << 20);
    say("  not possible: %d\n", pthread_attr_setstacksize(&attributes, 1));
    struct rlimit tight = {4 << 20, 4 << 20};
    setrlimit(RLIMIT_AS, &tight);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 << 20);
    int error = pthread_create(&thread, &attributes, in_thread, NULL);
    if (!error) /* qemu knows no such limit */
        pthread_join(thread, NULL);
    say("  no memory: %d\n", error);
}

static void lives(void)
{
    static const int numbers[] = {SIGSEGV, SIGXFSZ, SIGUSR1};
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        int number = numbers[i];
        say("signal %d\n", number);
        in_child("exec, default", in_exec, number, 0);
        in_child("exec, ignored", in_exec, number, 1);
        in_child("exec, handled", in_exec, number, 2);
        in_child("spawn", in_spawn, number, 0);
        in_child("spawn, SETSIGDEF", in_spawn, number, 1);
        in_child("vfork", in_vfork, number, 0);
        in_child("vfork, ignores", in_vfork, number, 1);
        in_child("fork", in_fork, number, 0);
        in_child("threads", in_threads, number, 0);
        in_child("threads, ONSTACK", in_threads, number, SA_ONSTACK);
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    char here[64];
    interrupted = here;
    say("errno %d\n", errno);
    say_stack("at first");
    if (!strcmp(what, "matrix"))
        matrix();
    if (!strcmp(what, "flags"))
        flags();
    if (!strcmp(what, "lives"))
        lives();
    if (!strcmp(what, "read"))
        say_action(argv[3], atoi(argv[2]));
    if (!strcmp(what, "names")) {
        in_child("names", run_names, SIGSEGV, 0);
        in_child("names", run_names, SIGXCPU, 0);
        in_child("names", run_names, SIGUSR1, 0);
    }
    return 0;
}
