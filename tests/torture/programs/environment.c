/* Processes and what they live in: cases 94-118. */
#include "torture.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

static NOINLINE void crash(void)
{
    volatile int *volatile nothing = NULL;
    *nothing = 1; /* here: crash_environment */
    always++;
}

static NOINLINE void crash_second(void)
{
    volatile int *volatile nothing = NULL;
    *nothing = 2; /* here: crash_second */
    always++;
}

static void say_end(pid_t child)
{
    int status;
    pid_t got = waitpid(child, &status, 0);
    say("child ended: %s signal %d core %d exit %d\n", got == child ? "yes" : "no",
        WIFSIGNALED(status) ? WTERMSIG(status) : 0, WIFSIGNALED(status) && WCOREDUMP(status),
        WIFEXITED(status) ? WEXITSTATUS(status) : 0);
}

static void fork_child(void)
{
    pid_t child = fork();
    if (child == 0)
        crash();
    say_end(child);
    exit(0);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void *holds_locks(void *argument)
{
    flockfile(stdout);
    pthread_mutex_lock(&mutex);
    for (;;)
        free(malloc(1000 + (size_t)(always & 1)));
    return argument;
}

static void fork_of_threads(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, holds_locks, NULL);
    sleep_ms(20);
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child == 0)
            crash();
        say_end(child);
    }
    _exit(0);
}

static void fork_both(void)
{
    pid_t child = fork();
    if (child == 0)
        crash_second();
    say_end(child);
    crash();
}

static void vfork_both(void)
{
    pid_t child = vfork();
    if (child == 0)
        crash_second();
    say_end(child);
    crash();
}

static int cloned(void *argument)
{
    (void)argument;
    crash_second();
    return 0;
}

static void clone_vm(void)
{
    char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pid_t child = clone(cloned, stack + 65536, CLONE_VM | SIGCHLD, NULL);
    say_end(child);
    exit(0);
}

static void daemon_crash(void)
{
    if (fork() != 0)
        _exit(0);
    setsid();
    if (fork() != 0)
        _exit(0);
    if (chdir("/") != 0)
        _exit(1);
    syscall(SYS_close_range, 0, ~0u, 0);
    crash();
}

static void closed(void)
{
    syscall(SYS_close_range, 0, ~0u, 0);
    crash();
}

static void limited(int what, rlim_t n)
{
    struct rlimit limit;
    getrlimit((__rlimit_resource_t)what, &limit);
    limit.rlim_cur = n;
    setrlimit((__rlimit_resource_t)what, &limit);
    crash();
}

static void no_files(void)
{
    limited(RLIMIT_NOFILE, 0);
}

static void no_processes(void)
{
    limited(RLIMIT_NPROC, 0);
}

static void no_file_size(void)
{
    limited(RLIMIT_FSIZE, 0);
}

static void no_address_space(void)
{
    limited(RLIMIT_AS, 1 << 20);
}

static void no_locked_memory(void)
{
    limited(RLIMIT_MEMLOCK, 0);
}

/* Denies the calls with this action; allows all others. */
static void deny(uint32_t action, const int *calls, int n)
{
    struct sock_filter code[64] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0)};
    int at = 1;
    for (int i = 0; i < n; i++)
        code[at++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i], (uint8_t)(n - i), 0);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
    struct sock_fprog program = {(unsigned short)at, code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        exit(77);
}

static const int usual[] = {
    SYS_process_vm_readv, SYS_ptrace, SYS_write, SYS_openat, SYS_clone, SYS_clone3, SYS_open,
    SYS_socket,           SYS_mmap,   SYS_prctl, SYS_vfork,  SYS_fork};
static const int waiting[] = {SYS_futex, SYS_process_vm_readv};
static const int signals[] = {SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_process_vm_readv,
                              SYS_rt_sigprocmask};

static void filter_usual(void)
{
    deny(SECCOMP_RET_ERRNO | 38, usual, sizeof usual / sizeof *usual);
    crash();
}

static void filter_futex(void)
{
    deny(SECCOMP_RET_ERRNO | 1, waiting, 2);
    crash();
}

static void filter_signals(void)
{
    deny(SECCOMP_RET_ERRNO | 1, signals, 4);
    crash();
}

static void not_dumpable(void)
{
    prctl(PR_SET_DUMPABLE, 0);
    say("dumpable %d\n", prctl(PR_GET_DUMPABLE));
    crash();
}

static void dropped(void)
{
    if (setresgid(65534, 65534, 65534) != 0 || setresuid(65534, 65534, 65534) != 0)
        exit(77);
    say("dumpable %d\n", prctl(PR_GET_DUMPABLE));
    crash();
}

static void in_chroot(void)
{
    if (mkdir("jail", 0755) != 0 || chroot("jail") != 0 || chdir("/") != 0)
        exit(77);
    crash();
}

static void pivoted(void) /* a root of its own, the old one gone, as container runtimes do it */
{
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mkdir("root", 0755) != 0 || mount("tmpfs", "root", "tmpfs", 0, NULL) != 0 || chdir("root") != 0 ||
        mkdir("old", 0755) != 0 || syscall(SYS_pivot_root, ".", "old") != 0 || chdir("/") != 0 ||
        umount2("/old", MNT_DETACH) != 0)
        exit(77);
    say("/proc can be had: %s\n", access("/proc/self", F_OK) == 0 ? "yes" : "no");
    crash();
}

static void everything(void) /* facts/crash.md, EXP 9 */
{
    syscall(SYS_close_range, 0, ~0u, 0);
    if (mkdir("jail", 0755) != 0 || chroot("jail") != 0 || chdir("/") != 0 ||
        setresuid(65534, 65534, 65534) != 0)
        _exit(77);
    deny(SECCOMP_RET_ERRNO | 38, usual, sizeof usual / sizeof *usual);
    crash();
}

static void plain(void)
{
    crash();
}

static void secrets(void)
{
    volatile char token[] = "Bearer stack-s3cr3t-marker";
    char *heap = strdup("https://user:heap-s3cr3t-marker@example.org/?token=query-s3cr3t-marker");
    setenv("LATER_TOKEN", "later-s3cr3t-marker", 1);
    always = token[0] + heap[0];
    crash();
}

static void waits(void)
{
    say("waiting\n");
    for (;;)
        pause();
}

static void killed(void)
{
    raise(SIGKILL);
}

static void stops(void) /* stops itself; a child lets it go on */
{
    pid_t child = fork();
    if (child == 0) {
        sleep_ms(1500);
        _exit(kill(getppid(), SIGCONT));
    }
    raise(SIGSTOP);
    say_end(child);
    exit(0);
}

static NOINLINE void busy_here(void)
{
    struct timespec from, now;
    clock_gettime(CLOCK_MONOTONIC, &from);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while (now.tv_sec - from.tv_sec < 2);
}

static void busy(void)
{
    busy_here();
    exit(0);
}

static void eats_memory(void)
{
    if (!arguments[0])
        exit(97);
    FILE *tasks = fopen(arguments[0], "w");
    if (!tasks || fprintf(tasks, "%d\n", getpid()) < 0 || fclose(tasks) != 0)
        exit(77);
    for (;;) {
        char *more = malloc(1 << 20);
        memset(more, 1, 1 << 20);
    }
}

static void ends_exit(void)
{
    exit(0);
}

static void ends_quick(void)
{
    quick_exit(4);
}

static void ends_underscore(void)
{
    _exit(5);
}

static void ends_exec(void)
{
    execlp("true", "true", (char *)NULL);
}

static void ends_term(void)
{
    raise(SIGTERM);
}

static void ends_hup(void)
{
    raise(SIGHUP);
}

static void *forever(void *argument)
{
    for (;;)
        free(malloc((size_t)always));
    return argument;
}

static void ends_with_threads(void)
{
    for (int i = 0; i < 8; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, forever, NULL);
    }
    sleep_ms(20);
    exit(0);
}

static void spawns_crash(void) /* exec after fork: the child is another program, that crashes */
{
    pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "child", "plain", (char *)NULL);
        _exit(127);
    }
    say_end(child);
    exit(0);
}

static void raises_only(void) /* as pid 1 it is ignored */
{
    raise(SIGSEGV);
    exit(6);
}

static void aborts(void)
{
    abort();
}

const struct deed deeds[] = {{"fork_child", fork_child},
                             {"fork_of_threads", fork_of_threads},
                             {"fork_both", fork_both},
                             {"vfork_both", vfork_both},
                             {"clone_vm", clone_vm},
                             {"daemon_crash", daemon_crash},
                             {"closed", closed},
                             {"no_files", no_files},
                             {"no_processes", no_processes},
                             {"no_file_size", no_file_size},
                             {"no_address_space", no_address_space},
                             {"no_locked_memory", no_locked_memory},
                             {"filter_usual", filter_usual},
                             {"filter_futex", filter_futex},
                             {"filter_signals", filter_signals},
                             {"not_dumpable", not_dumpable},
                             {"dropped", dropped},
                             {"in_chroot", in_chroot},
                             {"pivoted", pivoted},
                             {"everything", everything},
                             {"plain", plain},
                             {"secrets", secrets},
                             {"waits", waits},
                             {"killed", killed},
                             {"stops", stops},
                             {"busy", busy},
                             {"eats_memory", eats_memory},
                             {"ends_exit", ends_exit},
                             {"ends_quick", ends_quick},
                             {"ends_underscore", ends_underscore},
                             {"ends_exec", ends_exec},
                             {"ends_term", ends_term},
                             {"ends_hup", ends_hup},
                             {"ends_with_threads", ends_with_threads},
                             {"spawns_crash", spawns_crash},
                             {"raises_only", raises_only},
                             {"aborts", aborts},
                             {NULL, NULL}};
