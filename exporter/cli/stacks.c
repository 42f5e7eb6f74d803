/* stacks: what every thread of a running process is doing just now, traced or not. The process is stopped for milliseconds. */
#include "base/clock.h"
#include "base/terminal.h"
#include "cli/command.h"
#include "signals/crash/report.h"
#include "sources/crash/collect.h"
#include "sources/process/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char command_stacks_help[] = "usage: otelshim stacks [-o text|json] PID\n"
                                   "\n"
                                   "Prints the stacks of all threads of a running process, any of one's own: "
                                   "it need not be traced. It is stopped "
                                   "for a\n"
                                   "few milliseconds and goes on; as after a debugger, a blocking call that "
                                   "signal(7) lists may return EINTR.\n"
                                   "\n"
                                   "  -o, --output text|json\n"
                                   "\n"
                                   "Exit status: 0; 1 there is no such process, or it may not be looked into "
                                   "(the reason is said); 2 wrong usage.\n";

#define MAX_ARGUMENTS_BYTES 4096u

/* What is known of a process that has no file: from /proc. Texts live in the arena. */
static int describe(struct process *process, struct arena *arena, uint32_t pid)
{
    char exe[4096], arguments[MAX_ARGUMENTS_BYTES];
    int proc = proc_open(pid);
    if (proc < 0)
        return proc == -ENOENT ? -ESRCH : proc;
    ssize_t exe_bytes = readlinkat(proc, "exe", exe, sizeof(exe));
    int n = proc_read(proc, "cmdline", arguments, sizeof(arguments));
    *process = (struct process){.pid = pid,
                                .exe = arena_copy(arena, exe, exe_bytes > 0 ? (size_t)exe_bytes : 0),
                                .arguments = arena_copy(arena, arguments, n > 0 ? (size_t)n : 0),
                                .arguments_bytes = n > 0 ? (size_t)n : 0,
                                .pid_namespace = proc_own_pid_namespace()};
    (void)proc_effective_uid(proc, &process->uid);
    int error = proc_start_ticks(proc, &process->start_ticks);
    close(proc);
    return error;
}

static void print(const struct crash_case *crash, bool is_json)
{
    struct crash_report report = {0};
    crash_report_make(&report, crash, CRASH_THREADS);
    if (is_json) {
        char *text = crash_report_to_json(&report, true);
        puts(text ? text : "{}");
        free(text);
    } else {
        crash_report_print(stdout, &report, terminal_has_colour(STDOUT_FILENO), terminal_is_utf8());
    }
    crash_report_fini(&report);
}

static int show(uint32_t pid, bool is_json)
{
    struct crash_case crash = {.kind = CRASH_STACKS};
    struct process process;
    char serial[48], root[40];
    int error = describe(&process, &crash.arena, pid);
    if (error) {
        fprintf(stderr, "otelshim stacks: %u: %s\n", pid, strerrordesc_np(-error));
        crash_case_fini(&crash);
        return STATUS_FAILED;
    }
    snprintf(serial, sizeof(serial), "stacks %llu", (unsigned long long)clock_ns(CLOCK_REALTIME));
    collect_process(&crash, &process, serial);
    collect_time(&crash, 0);
    crash.kind = CRASH_STACKS;
    crash.ended_by = "lives";
    crash.tid = pid;
    (void)collect_living(&crash, pid, process.start_ticks, false);
    int root_fd = collect_open_root(pid);
    snprintf(root, sizeof(root), "/proc/self/fd/%d", root_fd);
    if (root_fd >= 0)
        crash.root = root;
    bool is_refused = crash.n_threads == 0;
    if (is_refused)
        fprintf(stderr, "otelshim stacks: %u: %s\n", pid,
                crash.threads_missing ? crash.threads_missing : "it has no threads");
    else
        print(&crash, is_json);
    crash_case_fini(&crash);
    return is_refused ? STATUS_FAILED : 0;
}

int command_stacks(int argc, char **argv)
{
    const char *format = NULL;
    bool is_json = false;
    int first = 1;
    const struct option_row rows[] = {{"--output", "-o", NULL, &format}};
    int status = command_parse_options(argc, argv, rows, 1, STATUS_USAGE, &first);
    if (status == OPTIONS_FINE)
        status = command_parse_format(argv[0], format, &is_json);
    if (status != OPTIONS_FINE)
        return status;
    char *end = NULL;
    errno = 0;
    unsigned long pid = first < argc ? strtoul(argv[first], &end, 10) : 0;
    if (first + 1 != argc || errno || !end || *end || pid == 0 || pid > INT32_MAX) {
        fputs("otelshim stacks: one process id is wanted: otelshim stacks [-o json] PID\n", stderr);
        return STATUS_USAGE;
    }
    return show((uint32_t)pid, is_json);
}
