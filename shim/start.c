/*
 * start: see start.h. Three processes: the host, a middle one that shares its memory and dies at once, and the
 * grandchild that becomes the exporter. The host's wait(-1) never sees the grandchild, and no SIGCHLD comes: the middle
 * one has no exit signal, and the host takes it away itself.
 */
#include "start.h"

#include "hot.h"
#include "settings.h"
#include "sys.h"
#include "text.h"

#include <errno.h>
#include <link.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define PATH_BYTES 1024u
#define STACK_BYTES (16u << 10)
#define MAX_VARIABLES 1024u
#define ENVIRONMENT_BYTES (64u << 10)
#define N_SIGNALS 64
#define MAX_FDS_WITHOUT_CLOSE_RANGE 65536u
#define STARTED_BY "OTELSHIM_STARTED_BY=" /* "<pid>-<start ticks>"; export.c reads it */
#define STARTED_BY_FD 3
#ifndef __NR_pidfd_open
#define __NR_pidfd_open 434
#endif

extern char **environ;

/* Filled once by start_prepare(); read-only afterwards. Untouched pages of it cost nothing. */
static struct {
    uint32_t is_prepared; /* 0 no, 1 being done, 2 there is an exporter, 3 there is none */
    size_t used;
    uint32_t n_variables;
    char path[PATH_BYTES];
    char *argv[4];
    char *envp[MAX_VARIABLES + 2];
    char text[ENVIRONMENT_BYTES];
} prepared;

/* Set once by the constructor: the library's name, and the directory then, where it is no whole path. */
static const char *own_name HOT_DATA;
static char began_in[PATH_BYTES];

/* Pid of the process that is starting one: a fork child does not inherit the lock. */
static uint32_t starting;
static char started_by[sizeof STARTED_BY + 42]; /* guarded by it, as are the stacks */
static _Alignas(16) uint8_t middle_stack[STACK_BYTES], exporter_stack[STACK_BYTES];

/* ---- prepared beforehand ---- */
/* Must come along when the environment is too large to be copied whole. */
static bool is_important(const char *variable)
{
    static const char *const prefixes[] = {"OTEL",  "XDG_", "HOME=",    "PATH=",    "USER=",
                                           "LANG=", "LC_",  "TZ=",      "TMPDIR=",  "SSL_",
                                           "http",  "HTTP", "no_proxy", "NO_PROXY", "all_proxy"};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
        if (!strncmp(variable, prefixes[i], strlen(prefixes[i])))
            return true;
    return false;
}

/* Of the host alone. With LD_PRELOAD the exporter would trace itself. */
static bool is_left_out(const char *variable)
{
    static const char *const names[] = {"LD_PRELOAD=", "OTELSHIM_MAIN=", "TRACEPARENT=", STARTED_BY};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strncmp(variable, names[i], strlen(names[i])))
            return true;
    return false;
}

/* A copy: setenv() frees, and setproctitle() overwrites, what the host began with. */
static void copy_environment(bool important)
{
    for (char **entry = environ; entry && *entry; entry++) {
        size_t bytes = strlen(*entry) + 1;
        if (is_left_out(*entry) || is_important(*entry) != important ||
            prepared.n_variables == MAX_VARIABLES || bytes > ENVIRONMENT_BYTES - prepared.used)
            continue;
        prepared.envp[prepared.n_variables++] = memcpy(prepared.text + prepared.used, *entry, bytes);
        prepared.used += bytes;
    }
}

/* dladdr() without dladdr(): which loaded object has our code? */
static int note_own_name(struct dl_phdr_info *info, size_t size, void *ret_name)
{
    (void)size;
    uintptr_t here = (uintptr_t)&start_prepare;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD && here - info->dlpi_addr - segment->p_vaddr < segment->p_memsz) {
            *(const char **)ret_name = info->dlpi_name;
            return 1;
        }
    }
    return 0;
}

void start_note_directory(void)
{
    (void)dl_iterate_phdr(note_own_name, &own_name);
    if (!own_name || !*own_name || *own_name == '/')
        return;
    long n = sys_getcwd(began_in, sizeof(began_in));
    if (n <= 1)
        began_in[0] = 0;
}

/* Where the name of the library counts from, with the "/". 0: unknown. */
static size_t find_beginning(char *path)
{
    size_t at = text_append(path, 0, PATH_BYTES, began_in);
    if (!at) { /* a wrapper came before our constructor */
        long n = sys_getcwd(path, PATH_BYTES - 1);
        at = n > 1 ? (size_t)n - 1 : 0;
    }
    return at ? text_append(path, at, PATH_BYTES, "/") : 0;
}

/* Directory of the library file, with the "/". 0: unknown, or too long. */
static size_t find_own_directory(char *path)
{
    const char *name = own_name;
    size_t at = 0;
    if (!name) /* a wrapper came before our constructor */
        (void)dl_iterate_phdr(note_own_name, &name);
    if (!name || !*name) { /* linked into the program itself */
        long n = sys_readlink("/proc/self/exe", path, PATH_BYTES - 1);
        at = n > 0 ? (size_t)n : 0;
    } else {
        if (*name != '/') { /* LD_PRELOAD=./libotelshim.so */
            at = find_beginning(path);
            if (!at)
                return 0;
        }
        at = text_append(path, at, PATH_BYTES, name);
    }
    while (at && path[at - 1] != '/')
        at--;
    path[at] = 0;
    return at;
}

static bool find_exporter(const struct shim_settings *settings)
{
    static const char *const places[] = {"otelshim", "../bin/otelshim", "../../bin/otelshim"};
    if (settings->exporter_none)
        return false;
    if (settings->exporter) {
        size_t at = text_append(prepared.path, 0, PATH_BYTES, settings->exporter);
        return *settings->exporter == '/' && at + 1 < PATH_BYTES && sys_may_execute(prepared.path);
    }
    size_t at = find_own_directory(prepared.path);
    for (size_t i = 0; at && i < sizeof places / sizeof places[0]; i++)
        if (text_append(prepared.path, at, PATH_BYTES, places[i]) + 1 < PATH_BYTES &&
            sys_may_execute(prepared.path))
            return true;
    return false;
}

bool start_prepare(void)
{
    static char name[] = "otelshim", command[] = "export", option[] = "--auto";
    uint32_t state = 0;
    if (!__atomic_compare_exchange_n(&prepared.is_prepared, &state, 1, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_ACQUIRE))
        return state == 2;
    bool is_found = find_exporter(settings_get());
    if (is_found) {
        copy_environment(true);
        copy_environment(false);
        prepared.argv[0] = name;
        prepared.argv[1] = command;
        prepared.argv[2] = option;
    }
    __atomic_store_n(&prepared.is_prepared, is_found ? 2 : 3, __ATOMIC_RELEASE);
    return is_found;
}

/* ---- the grandchild: on the host's memory until execve() ---- */
static void reset_dispositions(void)
{
    /* The kernel's struct sigaction, all zero: SIG_DFL, no flags, empty mask. */
    static const uint64_t standard[4];
    for (int signal = 1; signal <= N_SIGNALS; signal++)
        (void)sys_call6(__NR_rt_sigaction, signal, (long)standard, 0, 8, 0, 0);
}

static void reset_descriptors(void)
{
    int null = sys_open("/dev/null", O_RDWR);
    for (int fd = 0; fd <= 2; fd++)
        if (null != fd)
            (void)sys_call3(__NR_dup3, null, fd, 0);
    if (null >= 0 && null <= 2) /* it was opened close-on-exec */
        (void)sys_call3(__NR_fcntl, null, F_SETFD, 0);
    if (!sys_is_error(sys_call3(__NR_close_range, 3, ~0u, 0)))
        return;
    uint64_t limit[2] = {0};
    if (sys_is_error(sys_prlimit(RLIMIT_NOFILE, NULL, limit)) || limit[0] > MAX_FDS_WITHOUT_CLOSE_RANGE)
        limit[0] = MAX_FDS_WITHOUT_CLOSE_RANGE;
    for (uint32_t fd = 3; fd < limit[0]; fd++)
        sys_close((int)fd);
}

/* What a host imposes on itself (ulimit -f 1, SCHED_FIFO on one core, nice 19) is not meant for the exporter. */
static void reset_limits(void)
{
    for (int resource = 0; resource < RLIM_NLIMITS; resource++) {
        uint64_t limit[2] = {0};
        if (resource == RLIMIT_NOFILE || resource == RLIMIT_CORE ||
            sys_is_error(sys_prlimit(resource, NULL, limit)))
            continue;
        uint64_t soft = limit[0];
        limit[0] = limit[1];
        if (resource == RLIMIT_STACK && limit[0] > (8u << 20))
            limit[0] = 8u << 20; /* an unlimited stack changes the layout of the address space */
        if (limit[0] != soft)
            (void)sys_prlimit(resource, limit, NULL);
    }
    uint64_t all_cpus[16];
    memset(all_cpus, 0xff, sizeof all_cpus);
    static const struct sched_param standard;
    (void)sys_call3(__NR_sched_setscheduler, 0, SCHED_OTHER, (long)&standard);
    (void)sys_call3(__NR_sched_setaffinity, 0, sizeof all_cpus, (long)all_cpus);
    (void)sys_call3(__NR_setpriority, PRIO_PROCESS, 0, 0);
}

/* The host stands still until the execve(), so it is there. Where the kernel has no such thing the exporter finds no descriptor. */
static void leave_pidfd(void)
{
    long fd = sys_call3(__NR_pidfd_open, starting, 0, 0);
    if (fd == STARTED_BY_FD) /* it was opened close-on-exec */
        (void)sys_call3(__NR_fcntl, fd, F_SETFD, 0);
    else if (fd >= 0)
        (void)sys_call3(__NR_dup3, fd, STARTED_BY_FD, 0);
}

static long run_exporter(void)
{
    static const uint64_t no_signals;
    (void)sys_call3(__NR_setsid, 0, 0, 0);
    reset_dispositions();
    reset_descriptors();
    leave_pidfd();
    reset_limits();
    (void)sys_call3(__NR_umask, 077, 0, 0);
    (void)sys_call3(__NR_chdir, (long)"/", 0, 0);
    sys_restore_signals(&no_signals);
    (void)sys_call3(__NR_execve, (long)prepared.path, (long)prepared.argv, (long)prepared.envp);
    return 127;
}

/* ---- clone ---- */
/*
 * Runs `function` in a child on the stack that ends at `stack_end`, and exits with its result. With CLONE_VM | CLONE_VFORK the
 * child is on our memory and we stand still; libc's clone() would need 2.34's pthread rules, and musl's its own.
 */
static long __attribute__((noinline))
clone_call(unsigned long flags, uint8_t *stack_end, long (*function)(void))
{
    void **top = (void **)(void *)stack_end - 2;
    top[0] = (void *)(uintptr_t)function;
#if defined(__x86_64__)
    long result;
    register long r10 __asm__("r10") = 0;
    register long r8 __asm__("r8") = 0;
    __asm__ volatile("syscall\n\t"
                     "testq %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "popq %%rax\n\t"
                     "addq $8, %%rsp\n\t"
                     "callq *%%rax\n\t"
                     "movl %%eax, %%edi\n\t"
                     "movl %[exit], %%eax\n\t"
                     "syscall\n\t"
                     "hlt\n"
                     "1:"
                     : "=a"(result)
                     : "a"(__NR_clone), "D"(flags), "S"(top), "d"(0), "r"(r10), "r"(r8), [exit] "i"(__NR_exit)
                     : "rcx", "r11", "memory", "cc");
    return result;
#else
    register long x8 __asm__("x8") = __NR_clone;
    register long x0 __asm__("x0") = (long)flags;
    register long x1 __asm__("x1") = (long)top;
    register long x2 __asm__("x2") = 0;
    register long x3 __asm__("x3") = 0;
    register long x4 __asm__("x4") = 0;
    __asm__ volatile("svc 0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, xzr\n\t"
                     "ldr x9, [sp], #16\n\t"
                     "blr x9\n\t"
                     "mov x8, %[exit]\n\t"
                     "svc 0\n\t"
                     "brk 1\n"
                     "1:"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), [exit] "i"(__NR_exit)
                     : "memory", "cc", "x9", "x30");
    return x0;
#endif
}

static long run_middle(void)
{
    (void)clone_call(CLONE_VM | CLONE_VFORK | SIGCHLD, exporter_stack + STACK_BYTES, run_exporter);
    return 0;
}

/* They adopt orphans, so the exporter would become their child after all. */
static bool is_adopting_orphans(void)
{
    int is_subreaper = 0;
    if (sys_getpid() == 1)
        return true;
    return !sys_is_error(sys_prctl(PR_GET_CHILD_SUBREAPER, &is_subreaper)) && is_subreaper;
}

static void note_starter(uint32_t pid, uint64_t start_ticks)
{
    size_t at = text_append(started_by, 0, sizeof started_by, STARTED_BY);
    at = text_append_number(started_by, at, sizeof started_by, pid);
    at = text_append(started_by, at, sizeof started_by, "-");
    (void)text_append_number(started_by, at, sizeof started_by, start_ticks);
    prepared.envp[prepared.n_variables] = started_by;
    prepared.envp[prepared.n_variables + 1] = NULL;
}

bool start_exporter(uint64_t start_ticks)
{
    uint32_t pid = sys_getpid(), before = __atomic_load_n(&starting, __ATOMIC_RELAXED);
    if (before == pid || !start_prepare() || is_adopting_orphans() ||
        !__atomic_compare_exchange_n(&starting, &before, pid, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
    uint64_t signals;
    sys_block_signals(&signals);
    note_starter(pid, start_ticks);
    long middle = clone_call(CLONE_VM | CLONE_VFORK, middle_stack + STACK_BYTES, run_middle);
    if (middle > 0)
        while (sys_wait4((int)middle, __WALL) == -EINTR) /* ECHILD: the kernel took it away already */
            ;
    __atomic_store_n(&starting, 0, __ATOMIC_RELEASE);
    sys_restore_signals(&signals);
    return middle > 0;
}
