/*
 * watchdog: a running process that hangs: OTELSHIM_WATCHDOG=<ms>, off by default.
 *
 * It hangs when a span is open for longer; or when its main thread, at every look for so long, was
 *   stopped (SIGSTOP, a debugger),
 *   in uninterruptible sleep,
 *   running, and never once gave up the processor of its own accord: a loop that waits for nothing,
 *   waiting for a mutex: futex(FUTEX_WAIT, 2) without a timeout; a condition, a join, a poll may take as long as they like.
 * Then the stacks of all threads are taken, once until it is well again.
 */
#include "cli/crashing_priv.h"

#include "sources/process/proc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIN_LOOK_NS (50 * 1000000ull)
#define FUTEX_OPERATION 0x7fu /* without its flags */
#define MUTEX_WITH_WAITERS 2

/* Why the main thread gets no further. */
enum stuck { STUCK_NOT, STUCK_STOPPED, STUCK_SLEEPING, STUCK_RUNNING, STUCK_MUTEX };

struct hang {
    enum stuck stuck; /* the same at every look since */
    uint64_t since_ns, next_look_ns;
    uint64_t switches; /* voluntary ones of the main thread */
    bool was_told;
    bool was_disturbed; /* by us: taking the stacks gave up the processor for it */
};

static bool read_switches(const char *status, uint64_t *ret_switches)
{
    const char *line = strstr(status, "\nvoluntary_ctxt_switches:");
    if (!line)
        return false;
    *ret_switches = strtoull(line + 25, NULL, 10);
    return true;
}

/* "202 0xaddress 0x80 0x2 0x0 …": futex, its word, the operation, the value, no timeout. */
static bool waits_for_mutex(int proc, const char *path)
{
    char text[256], *end;
    if (proc_read(proc, path, text, sizeof(text)) <= 0 || strtol(text, &end, 10) != SYS_futex)
        return false;
    uint64_t arguments[4];
    for (int i = 0; i < 4; i++)
        arguments[i] = strtoull(end, &end, 16);
    return (arguments[1] & FUTEX_OPERATION) == 0 && (uint32_t)arguments[2] == MUTEX_WITH_WAITERS &&
           !arguments[3];
}

static enum stuck look_at_main(const struct process *process, struct hang *hang)
{
    char path[64], status[4096];
    uint64_t switches, ticks;
    enum stuck stuck = STUCK_NOT;
    int proc = proc_open(process->pid);
    if (proc < 0)
        return STUCK_NOT;
    snprintf(path, sizeof(path), "task/%u/status", process->pid);
    bool is_it = proc_start_ticks(proc, &ticks) == 0 && ticks == process->start_ticks &&
                 proc_read(proc, path, status, sizeof(status)) > 0 && read_switches(status, &switches);
    const char *state = is_it ? strstr(status, "\nState:") : NULL;
    if (state) {
        char letter = state[7 + strspn(state + 7, " \t")];
        bool has_moved = switches != hang->switches && !hang->was_disturbed;
        hang->switches = switches;
        hang->was_disturbed = false;
        snprintf(path, sizeof(path), "task/%u/syscall", process->pid);
        if (letter == 'T' || letter == 't')
            stuck = STUCK_STOPPED;
        else if (letter == 'D' && !has_moved)
            stuck = STUCK_SLEEPING;
        else if (letter == 'R' && !has_moved)
            stuck = STUCK_RUNNING;
        else if (letter == 'S' && !has_moved && waits_for_mutex(proc, path))
            stuck = STUCK_MUTEX;
    }
    close(proc);
    return stuck;
}

struct open_look {
    uint64_t limit_ns;
    uint32_t tid;
    uint64_t longest_ns;
};

static void look_at_open(void *context, const struct raw_span *raw)
{
    struct open_look *look = context;
    uint64_t open_ns = raw->end_mono_ns - raw->span.start_mono_ns;
    if (!raw->instrumentation || open_ns < look->limit_ns || open_ns < look->longest_ns)
        return;
    look->longest_ns = open_ns;
    look->tid = raw->span.tid;
}

static const char *say(struct arena *arena, enum stuck stuck, const struct open_look *open, uint64_t since_ms)
{
    static const char *const ways[] = {
        [STUCK_STOPPED] = "is stopped",
        [STUCK_SLEEPING] = "is in uninterruptible sleep (D)",
        [STUCK_RUNNING] = "runs without ever waiting for anything",
        [STUCK_MUTEX] = "waits for a mutex",
    };
    if (open->tid)
        return arena_printf(arena, "watchdog: a call of thread %u has been under way for %llu ms", open->tid,
                            (unsigned long long)(open->longest_ns / 1000000u));
    return arena_printf(arena, "watchdog: for %llu ms the main thread %s", (unsigned long long)since_ms,
                        ways[stuck]);
}

/* The thread in question first. */
static void put_first(struct crash_case *crash, uint32_t tid)
{
    for (uint32_t i = 1; i < crash->n_threads; i++)
        if (crash->threads[i].tid == tid) {
            struct crash_thread first = crash->threads[i];
            memmove(&crash->threads[1], &crash->threads[0], i * sizeof(first));
            crash->threads[0] = first;
            return;
        }
}

static void take_stacks(struct pipeline *pipeline, struct traced *traced, const struct hang *hang,
                        const struct open_look *open, uint64_t now_ns)
{
    char serial[48];
    const struct process *process = traced->process;
    struct incident *incident = incident_create(pipeline, traced);
    if (!incident)
        return;
    struct crash_case *crash = &incident->crash;
    snprintf(serial, sizeof(serial), "watchdog %llu", (unsigned long long)now_ns);
    collect_process(crash, process, serial);
    collect_time(crash, now_ns);
    crash->kind = CRASH_STACKS;
    crash->ended_by = "lives";
    crash->registers_missing = "it lives";
    crash->abort_message = say(&crash->arena, hang->stuck, open, (now_ns - hang->since_ns) / 1000000u);
    crash->tid = open->tid ? open->tid : process->pid;
    crash->threads_missing = collect_why_not(process);
    incident->is_living = true;
    if (!crash->threads_missing)
        (void)collect_living(crash, process->pid, process->start_ticks, true);
    put_first(crash, crash->tid);
    log_write(LOG_LEVEL_WARN, "%s (pid %u): %s", traced->name, traced->pid, crash->abort_message);
    incident_complete(pipeline, incident);
}

uint64_t watchdog_look(struct pipeline *pipeline, struct traced *traced, uint64_t now_ns)
{
    struct mortality *mortality = traced->mortality;
    uint64_t limit_ns = traced->process->settings->watchdog_ns;
    if (!limit_ns || mortality->has_died)
        return UINT64_MAX;
    if (!mortality->hang && !(mortality->hang = calloc(1, sizeof(*mortality->hang))))
        return UINT64_MAX;
    struct hang *hang = mortality->hang;
    if (now_ns < hang->next_look_ns)
        return hang->next_look_ns;
    uint64_t pause_ns = limit_ns / 4;
    hang->next_look_ns = now_ns + (pause_ns < MIN_LOOK_NS ? MIN_LOOK_NS : pause_ns);
    enum stuck stuck = traced->process->is_foreign ? STUCK_NOT : look_at_main(traced->process, hang);
    if (stuck != hang->stuck)
        hang->since_ns = now_ns;
    hang->stuck = stuck;
    struct open_look open = {.limit_ns = limit_ns};
    dropbox_each_open(pipeline->dropbox, traced->process, look_at_open, &open);
    bool hangs = open.tid || (stuck != STUCK_NOT && now_ns - hang->since_ns >= limit_ns);
    if (hangs && !hang->was_told) {
        take_stacks(pipeline, traced, hang, &open, now_ns);
        hang->was_disturbed = true;
    }
    hang->was_told = hangs;
    return hang->next_look_ns;
}

void watchdog_fini(struct traced *traced)
{
    free(traced->mortality->hang);
    traced->mortality->hang = NULL;
}
