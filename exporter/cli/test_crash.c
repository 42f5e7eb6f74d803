/*
 * test_crash: a program that crashes, under the library, to try the whole way from the fault to the report on disk.
 *
 * The child is this binary again, by a name under which the library does not keep out of it (shim/admission.c: never of `otelshim`).
 */
#include "cli/test_crash.h"
#include "base/terminal.h"
#include "cli/boxes.h"
#include "cli/command.h"
#include "cli/control.h"
#include "cli/self.h"
#include "signals/crash/report.h"
#include "sources/crash/store.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DIE "--die="
#define LOOK_EVERY_MS 5u
#define WAIT_MS 10000u

const char command_test_crash_help[] =
    "usage: otelshim test-crash [--signal NAME|--abort|--overflow|--throw] [-o json]\n"
    "\n"
    "Starts a program under the library that crashes at once, and says whether its report arrived, how long "
    "that\n"
    "took and where it lies. The report also goes wherever this environment sends logs and traces.\n"
    "\n"
    "  --signal NAME   SEGV (as without an option), BUS, FPE, ILL, TRAP, ABRT, SYS, XCPU, XFSZ, KILL\n"
    "  --abort         abort()\n"
    "  --overflow      recursion without end\n"
    "  --throw         a C++ exception that nobody catches (needs libstdc++.so.6)\n"
    "  -o, --output text|json   json: the report\n"
    "\n"
    "Exit status: 0 it arrived; 1 it did not; 2 wrong usage.\n";

/* ---- the child ---- */

static volatile int zero, *volatile nowhere;

static __attribute__((noinline)) int recurse(int n)
{
    volatile char frame[512];
    frame[0] = (char)n;
    return n < 0 ? 0 : recurse(n + 1 + zero) + frame[0];
}

/* throw std::runtime_error("test-crash"), as a C++ compiler spells it; without the library as good as abort(). */
static void throw_exception(void)
{
    void *library = dlopen("libstdc++.so.6", RTLD_NOW);
    void *(*allocate)(size_t) = NULL;
    void (*construct)(void *, const char *) = NULL, (*destroy)(void *) = NULL;
    void (*throw_it)(void *, void *, void (*)(void *)) = NULL;
    void *type = library ? dlsym(library, "_ZTISt13runtime_error") : NULL;
    if (library) {
        *(void **)&allocate = dlsym(library, "__cxa_allocate_exception");
        *(void **)&construct = dlsym(library, "_ZNSt13runtime_errorC1EPKc");
        *(void **)&destroy = dlsym(library, "_ZNSt13runtime_errorD1Ev");
        *(void **)&throw_it = dlsym(library, "__cxa_throw");
        void *ours = dlsym(RTLD_DEFAULT, "__cxa_throw"); /* the library's, which notes the throw */
        if (ours)
            *(void **)&throw_it = ours;
    }
    if (allocate && construct && destroy && throw_it && type) {
        void *exception = allocate(16);
        construct(exception, "test-crash");
        throw_it(exception, type, destroy);
    }
    abort();
}

/* Those that leave a report. 0: any other. */
static int signal_number(const char *name)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE,  SIGILL,  SIGTRAP,
                                  SIGABRT, SIGSYS, SIGXCPU, SIGXFSZ, SIGKILL};
    name += strncasecmp(name, "SIG", 3) == 0 ? 3 : 0;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (strcasecmp(sigabbrev_np(numbers[i]), name) == 0)
            return numbers[i];
    return 0;
}

static __attribute__((noinline)) void abort_here(void)
{
    abort();
}

static __attribute__((noinline)) void crash_here(const char *how)
{
    int number = signal_number(how);
    if (strcmp(how, "overflow") == 0)
        zero = recurse(0);
    else if (strcmp(how, "throw") == 0)
        throw_exception();
    else if (number == SIGABRT)
        abort_here();
    else if (number == SIGSEGV)
        *nowhere = 1;
    else if (number == SIGFPE && strcmp(how, "FPE") == 0)
        zero = 7 / zero; /* NOLINT(clang-analyzer-core.DivideZero): that is the point */
    else if (number == SIGILL)
        __builtin_trap();
    raise(number);
}

bool test_crash_is_child(int argc, char **argv)
{
    return argc == 3 && strcmp(argv[1], "test-crash") == 0 && strncmp(argv[2], DIE, strlen(DIE)) == 0;
}

static int die(const char *how)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_NAME, "test-crash");
    crash_here(how);
    return 0;
}

/* ---- the parent ---- */

static pid_t start(const char *how, const char *box)
{
    char library[PATH_MAX], option[32], pid[16];
    self_find_library(library);
    snprintf(option, sizeof(option), DIE "%s", how);
    pid_t child = fork();
    if (child != 0)
        return child;
    /* NOLINTBEGIN(concurrency-mt-unsafe): one thread */
    char *list = self_join_preload(library, getenv("LD_PRELOAD"));
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("LD_PRELOAD", list, 1);
    setenv("OTELSHIM_MAIN", pid, 1);
    setenv("OTEL_SERVICE_NAME", "otelshim-test-crash", 0);
    /* NOLINTEND(concurrency-mt-unsafe) */
    if (box[0])
        (void)control_tell_expected(box, getpid());
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, STDERR_FILENO); /* "terminate called …" is libstdc++'s, not ours */
    execl("/proc/self/exe", "otelshim", "test-crash", option, (char *)NULL);
    _exit(127);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A report of that process, made after it began. Its threads come a moment after its first stack. */
static bool find(const char *path, pid_t pid, struct crash_report *report, char ret_stem[NAME_MAX + 1])
{
    char mark[32];
    DIR *files = opendir(path);
    bool is_found = false;
    snprintf(mark, sizeof(mark), "-%d-", (int)pid);
    while (files && !is_found) {
        struct dirent *file = readdir(files); /* NOLINT(concurrency-mt-unsafe): our own stream */
        if (!file)
            break;
        const char *ending = strstr(file->d_name, ".json");
        if (file->d_name[0] == '.' || !ending || ending[5] || !strstr(file->d_name, mark))
            continue;
        snprintf(ret_stem, NAME_MAX + 1, "%.*s", (int)(ending - file->d_name), file->d_name);
        is_found = crash_report_load(report, dirfd(files), ret_stem) == 0 && report->pid == (uint32_t)pid &&
                   report->time_unix_ns / 1000000000u + 60 > (uint64_t)time(NULL);
        if (!is_found)
            crash_report_fini(report);
    }
    if (files)
        closedir(files);
    return is_found;
}

static void print_ending(int status)
{
    if (WIFSIGNALED(status))
        printf("the program died of %s, as it should\n", sigabbrev_np(WTERMSIG(status)));
    else
        printf("the program ended with status %d\n", WEXITSTATUS(status));
}

static int tell(const struct crash_report *report, const char *path, const char *stem, uint64_t took_ms,
                bool is_json)
{
    if (is_json) {
        char *text = crash_report_to_json(report, true);
        puts(text ? text : "");
        free(text);
        return 0;
    }
    printf("its report arrived after %" PRIu64 " ms: %s/%s.txt\n\n", took_ms, path, stem);
    crash_report_print(stdout, report, terminal_has_colour(STDOUT_FILENO), terminal_is_utf8());
    return 0;
}

static int try(const char *how, bool is_json)
{
    char path[PATH_MAX], box[PATH_MAX] = "", stem[NAME_MAX + 1];
    struct problem problem;
    struct crash_report report = {0};
    int status = 0;
    if (crash_store_path(path) != 0) {
        fputs("otelshim test-crash: there is no place for reports: set XDG_STATE_HOME or HOME\n", stderr);
        return STATUS_FAILED;
    }
    uint64_t begin_ms = now_ms();
    (void)boxes_test(box, &problem); /* `otelshim doctor` says more of it */
    pid_t child = start(how, box);
    if (child < 0 || waitpid(child, &status, 0) != child)
        return STATUS_FAILED;
    uint64_t death_ms = now_ms();
    if (!is_json)
        print_ending(status);
    const struct timespec pause = {.tv_nsec = (long)LOOK_EVERY_MS * 1000000};
    bool is_there = false, is_told = !box[0];
    while (!(is_there = find(path, child, &report, stem)) && now_ms() - death_ms < WAIT_MS) {
        is_told = is_told || control_tell_ended(box, child, status); /* an exporter may only be starting */
        nanosleep(&pause, NULL);
    }
    if (!is_there) {
        fprintf(stderr,
                "otelshim test-crash: no report in %s within %u s: `otelshim doctor` and `otelshim status` "
                "say more\n",
                path, WAIT_MS / 1000);
        return STATUS_FAILED;
    }
    status = tell(&report, path, stem, now_ms() - begin_ms, is_json);
    crash_report_fini(&report);
    return status;
}

int command_test_crash(int argc, char **argv)
{
    const char *name = NULL, *format = NULL, *how = NULL;
    bool is_abort = false, is_overflow = false, is_throw = false, is_json;
    if (argc == 2 && strncmp(argv[1], DIE, strlen(DIE)) == 0)
        return die(argv[1] + strlen(DIE));
    const struct option_row rows[] = {{"--signal", NULL, NULL, &name},
                                      {"--abort", NULL, &is_abort, NULL},
                                      {"--overflow", NULL, &is_overflow, NULL},
                                      {"--throw", NULL, &is_throw, NULL},
                                      {"--output", "-o", NULL, &format}};
    int first = 1;
    int status =
        command_parse_options(argc, argv, rows, sizeof(rows) / sizeof(rows[0]), STATUS_USAGE, &first);
    if (status == OPTIONS_FINE)
        status = command_refuse_operands(argc, argv, first, STATUS_USAGE);
    if (status == OPTIONS_FINE)
        status = command_parse_format(argv[0], format, &is_json);
    if (status != OPTIONS_FINE)
        return status;
    if ((name != NULL) + is_abort + is_overflow + is_throw > 1) {
        fputs("otelshim test-crash: only one of --signal, --abort, --overflow, --throw\n", stderr);
        return STATUS_USAGE;
    }
    how = is_abort ? "ABRT" : is_overflow ? "overflow" : is_throw ? "throw" : "SEGV";
    if (name) {
        how = signal_number(name) ? sigabbrev_np(signal_number(name)) : NULL;
        if (!how) {
            fprintf(
                stderr,
                "otelshim test-crash: --signal %s: allowed are SEGV, BUS, FPE, ILL, TRAP, ABRT, SYS, XCPU, "
                "XFSZ, KILL\n",
                name);
            return STATUS_USAGE;
        }
    }
    return try(how, is_json);
}
