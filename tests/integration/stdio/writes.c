/*
 * writes: every way in which a C program writes to descriptors 1 and 2. usage: writes CASE [ARGUMENT]. All that it writes is the
 * same in every run.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

extern char **environ;
static const char *self, *argument;
static void *volatile nowhere = (void *)8;
static volatile int too_few = -1;

static void must(int is_fine, const char *what)
{
    if (!is_fine) {
        perror(what);
        _exit(3);
    }
}

static void put(int fd, const char *text)
{
    must(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "write");
}

/* ---- libc's stdio ---- */
static void say(void)
{
    printf("%s %d %5.2f\n", "printf", 7, 1.5);
    puts("puts");
    for (const char *at = "inlined\n"; *at; at++)
        putc_unlocked(*at, stdout);
    fwrite("fwrite\n", 1, 7, stdout);
    fprintf(stderr, "stderr is %s\n", "unbuffered");
    fputs("fputs\n", stderr);
    errno = ENOENT;
    perror("oriented");
    setvbuf(stdout, NULL, _IONBF, 0);
    printf("without %s\n", "a buffer");
    static char many[300001];
    memset(many, 'm', sizeof many - 1);
    many[sizeof many - 2] = '\n';
    fputs(many, stdout);
    errno = 77;
    puts("errno");
    fprintf(stderr, "%d\n", errno);
    FILE *file = fopen("/dev/null", "w");
    fputs("a file is none\n", file);
    fclose(file);
}

static void wide(void)
{
    wprintf(L"wide %d\n", 8);
    fputws(L"and wide\n", stdout);
}

static void fresh_perror(void)
{
    errno = EACCES;
    perror("before stderr was used");
}

/* ---- what comes after main() ---- */
__attribute__((destructor)) static void destroy(void)
{
    if (argument && !strcmp(argument, "destructor"))
        printf("in a destructor\n");
}

static void in_atexit(void)
{
    printf("in atexit\n");
}

static void late(void)
{
    atexit(in_atexit);
    printf("in main\n");
}

static void quick(void)
{
    printf("flushed\n");
    fflush(stdout);
    printf("never written\n");
    _exit(5);
}

/* ---- write(2) and its kin ---- */
static void raw(void)
{
    static char long_one[5000];
    memset(long_one, 'l', sizeof long_one);
    static char one[] = "one ", two[] = "two\n", none[] = "";
    struct iovec parts[] = {{one, 4},  {NULL, 0}, {long_one, sizeof long_one},
                            {none, 0}, {two, 4},  {long_one, 100}};
    put(1, "write\n");
    put(2, "write to 2\n");
    must(writev(1, parts, 6) == 5108, "writev");
    must(writev(2, parts, 1) == 4, "writev");
    must(write(1, "", 0) == 0, "nothing");
    errno = 33;
    put(1, "\n");
    printf("errno %d\n", errno);
    must(write(-1, "x", 1) < 0 && errno == EBADF, "a bad descriptor");
    must(write(1, nowhere, 10) < 0 && errno == EFAULT, "a bad address");
    must(writev(1, parts, too_few) < 0 && errno == EINVAL, "a bad count");
}

/* Standard output is a pipe of one page that nobody reads: the first write is cut, the second refused. */
static void partly(void)
{
    static char bytes[6000];
    memset(bytes, 'p', sizeof bytes);
    must(write(1, bytes, sizeof bytes) == 4096, "a full pipe");
    must(write(1, bytes, 10) == -1 && errno == EAGAIN, "a pipe that is full");
    printf("refused");
    must(fflush(stdout) != 0, "fflush");
    __fpurge(stdout);
}

/* What has the number of a stream is none while it leads elsewhere; and one under the other's number is still itself. */
static void led_elsewhere(void)
{
    int output = dup(1), null = open("/dev/null", O_WRONLY);
    printf("before\n");
    fflush(stdout);
    must(output >= 0 && null >= 0 && dup2(null, 1) == 1, "dup2");
    printf("elsewhere\n");
    fflush(stdout);
    put(1, "elsewhere, too\n");
    must(dup2(2, 1) == 1, "dup2");
    put(1, "an error\n");
    must(dup2(output, 1) == 1, "dup2");
    printf("after\n");
}

/* Started with descriptor 1 closed: what is opened next is no standard output. */
static void closed(void)
{
    int fd = open("/dev/null", O_WRONLY);
    fprintf(stderr, "descriptor %d\n", fd);
    put(fd, "private\n");
    printf("private, too\n");
    fflush(stdout);
}

/* ---- processes ---- */
static void reap(pid_t child)
{
    int status;
    must(waitpid(child, &status, 0) == child, "waitpid");
    printf("status %d\n", status);
    fflush(stdout);
}

static void children(void)
{
    static char raw_case[] = "raw";
    char *const arguments[] = {(char *)(uintptr_t)self, raw_case, NULL};
    printf("parent\n");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        printf("child of fork\n");
        put(2, "child's error\n");
        exit(4);
    }
    reap(child);
    child = vfork();
    if (child == 0) {
        execv("/nonexistent", arguments);
        put(2, "cannot exec\n");
        _exit(6);
    }
    reap(child);
    child = vfork();
    if (child == 0) {
        execv(self, arguments);
        _exit(7);
    }
    reap(child);
    must(posix_spawn(&child, self, NULL, NULL, arguments, environ) == 0, "posix_spawn");
    reap(child);
    printf("system %d\n", system("echo from the shell"));
}

/* ---- threads, UNIX signals ---- */
#define LINES 400
static void *thread_lines(void *number)
{
    char line[40];
    for (int i = 0; i < LINES; i++) {
        int n = snprintf(line, sizeof line, "thread %d line %d\n", *(int *)number, i);
        if (i % 2)
            fwrite(line, 1, (size_t)n, stdout);
        else
            put(2, line);
    }
    return NULL;
}

static void threads(void)
{
    enum { N = 6 };
    pthread_t all[N];
    int numbers[N];
    setvbuf(stdout, NULL, _IOLBF, 1 << 12);
    for (int i = 0; i < N; i++) {
        numbers[i] = i;
        must(pthread_create(&all[i], NULL, thread_lines, &numbers[i]) == 0, "pthread_create");
    }
    for (int i = 0; i < N; i++)
        pthread_join(all[i], NULL);
}

static volatile sig_atomic_t n_ticks;
static void tick(int number)
{
    (void)number;
    int kept = errno;
    if (n_ticks++ < 200)
        put(2, "tick\n");
    errno = kept;
}

static void handler(void)
{
    struct sigaction action = {.sa_handler = tick, .sa_flags = SA_RESTART};
    const struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
    sigaction(SIGALRM, &action, NULL);
    setvbuf(stdout, NULL, _IONBF, 0);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 2000 || n_ticks < 200; i++)
        if (i < 2000)
            printf("%d\n", i);
    setitimer(ITIMER_REAL, &never, NULL);
}

/* ---- libraries that come later ---- */
static void opened(void)
{
    static const int modes[] = {RTLD_LAZY, RTLD_NOW | RTLD_DEEPBIND};
    for (int i = 0; i < 2; i++) {
        char path[300];
        snprintf(path, sizeof path, "%s%d.so", argument, i);
        void *handle = dlopen(path, modes[i]);
        void (*speak)(const char *text) = handle ? (void (*)(const char *))dlsym(handle, "speak") : NULL;
        if (!speak) {
            fprintf(stderr, "%s\n", dlerror());
            exit(3);
        }
        speak("from a library\n");
    }
}

/* ---- sandboxes: any call but write and exit ends the process ---- */
static void strict(void)
{
    put(1, "before\n");
    must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0, "seccomp");
    put(1, "inside\n");
    syscall(SYS_exit, 9);
}

/* A filter that kills for what we would ask at the end and for each write; libc does not. */
static void filtered(void)
{
    static const int deadly[] = {SYS_getpid, SYS_fstat, SYS_openat, SYS_gettid, SYS_mmap, SYS_madvise};
    struct sock_filter filter[2 * sizeof deadly / sizeof *deadly + 2];
    unsigned short n = 0;
    put(1, "before\n");
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
        filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)deadly[i], 0, 1);
        filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    }
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {n, filter};
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no new privileges");
    must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0, "seccomp");
    put(1, "inside\n");
    exit(9);
}

/* What crashes when our destructor is done. */
static void crash_late(void)
{
    printf("last words\n");
    if (!argument)
        exit(3);
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"say", say},       {"wide", wide},         {"perror", fresh_perror}, {"late", late},
    {"quick", quick},   {"raw", raw},           {"partly", partly},       {"led_elsewhere", led_elsewhere},
    {"closed", closed}, {"children", children}, {"threads", threads},     {"handler", handler},
    {"opened", opened}, {"strict", strict},     {"filtered", filtered},   {"crash", crash_late}};

int main(int argc, char **argv)
{
    self = argv[0];
    argument = argc > 2 ? argv[2] : NULL;
    for (size_t i = 0; argc > 1 && i < sizeof cases / sizeof *cases; i++)
        if (!strcmp(argv[1], cases[i].name)) {
            cases[i].run();
            return 0;
        }
    return 2;
}
