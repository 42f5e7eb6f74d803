/*
 * mortality: a process died: was it a crash, and of which kind. See crashing.h.
 *
 *   the slot holds a fatal fault             CRASH_SIGNAL    captured while it waited, or found after its death
 *   a fault of its own handler, then death   CRASH_HANDLED   by abort, exit(2) from the handler, a signal of that kind; never where
 *                                                            nobody knows by what
 *   a crash signal, no handler of ours ran   CRASH_SIGNAL    blocked, ignored, no stack left
 *   SIGKILL                                  CRASH_OOM where the control group counted a kill, else CRASH_KILLED
 *   nobody knows                             CRASH_VANISHED  only with calls in flight: a default SIGTERM looks the same
 *   a marked exit, exec, SIGTERM and the like: never
 */
#include "cli/crashing_priv.h"

#include "base/clock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRESH_NS (5000 * NS_PER_MS)      /* a handled fault so long before the death may be its cause */
#define STATUS_WAIT_NS (200 * NS_PER_MS) /* for the parent's wait(), after which the kernel tells */

static bool find_note(const struct crashing *crashing, uint32_t pid, struct death *ret_death)
{
    uint32_t n = crashing->n_ends < MAX_KNOWN_ENDS ? crashing->n_ends : MAX_KNOWN_ENDS;
    for (uint32_t i = 0; i < n; i++)
        if (crashing->ends[i].pid == pid) {
            *ret_death = death_from_wait_status(crashing->ends[i].wait_status);
            return true;
        }
    return false;
}

void crashing_note_end(struct pipeline *pipeline, uint32_t pid, int wait_status)
{
    struct crashing *crashing = pipeline->crashing;
    uint32_t i = crashing->n_ends++ % MAX_KNOWN_ENDS;
    crashing->ends[i].pid = pid;
    crashing->ends[i].wait_status = wait_status;
}

void mortality_close_pidfd(struct mortality *mortality)
{
    if (mortality->pidfd >= 0)
        close(mortality->pidfd);
    mortality->pidfd = -1;
}

/* False: perhaps later. */
static bool find_status(struct pipeline *pipeline, struct traced *traced)
{
    struct mortality *mortality = traced->mortality;
    const struct process *process = traced->process;
    if (mortality->death.how != DEATH_UNKNOWN || process->is_foreign ||
        find_note(pipeline->crashing, process->pid, &mortality->death) ||
        death_read(mortality->pidfd, process->pid, process->start_ticks, &mortality->death))
        return true;
    return mortality->pidfd < 0 &&
           !process->is_watched; /* dead when its file was first seen: its parent may know */
}

void crashing_on_death(void *context, struct process *process, const char *death, int pidfd)
{
    struct pipeline *pipeline = context;
    struct traced *traced = traced_find(pipeline, process);
    if (!traced || !pipeline->crashing || crashing_is_off(traced))
        return;
    struct mortality *mortality = traced->mortality;
    mortality->has_died = true;
    mortality->died_mono_ns = clock_ns(CLOCK_MONOTONIC);
    mortality->is_clean = strcmp(death, "exit") == 0;
    mortality->is_replaced = strcmp(death, "exec") == 0;
    mortality->pidfd = pidfd >= 0 ? fcntl(pidfd, F_DUPFD_CLOEXEC, 0) : -1;
    if (pidfd < 0 && !mortality->is_clean && !mortality->is_replaced && !process->is_foreign)
        log_write(LOG_LEVEL_DEBUG, "%s (pid %u): was dead before it could be watched", traced->name,
                  traced->pid);
    if (find_status(pipeline, traced))
        mortality_close_pidfd(mortality);
    crashing_hurry(pipeline);
}

static void describe_end(struct crash_case *crash, const struct death *death)
{
    crash->ended_status = death->how == DEATH_UNKNOWN ? -1 : death->status;
    crash->dumped_core = death->dumped_core;
    bool is_killed = death->how == DEATH_SIGNALED && death->status == SIGKILL;
    crash->ended_by = crash->kind == CRASH_OOM        ? "oom"
                      : crash->kind == CRASH_VANISHED ? "vanished"
                      : is_killed                     ? "killed"
                      : death->how == DEATH_SIGNALED  ? "signal"
                      : death->how == DEATH_EXITED    ? "exit"
                                                      : "unknown";
}

static bool is_crash_signal(int number)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL,  SIGFPE, SIGABRT,
                                  SIGTRAP, SIGSYS, SIGXCPU, SIGXFSZ};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (numbers[i] == number)
            return true;
    return false;
}

static void count_call(void *context, const struct raw_span *raw)
{
    if (raw->instrumentation)
        ++*(uint32_t *)context;
}

/* A case about the end of the process, without a fault of the slot. NULL: it was told of before, or there are too many. */
static struct incident *begin_end(struct pipeline *pipeline, struct traced *traced, enum crash_kind kind)
{
    struct incident *incident = incident_create(pipeline, traced);
    bool is_reported;
    if (!incident) {
        crashing_count_lost(pipeline->crashing);
        return NULL;
    }
    collect_process(&incident->crash, traced->process, "death");
    bool is_taken_over = incident_take_over(pipeline, incident, &is_reported);
    traced->mortality->incident = incident;
    if (!is_taken_over && is_reported) {
        incident->step = INCIDENT_REPORTED;
        return NULL;
    }
    incident->crash.kind = kind;
    if (!is_taken_over)
        collect_time(&incident->crash, traced->mortality->died_mono_ns);
    incident->crash.threads_missing = "it had ended";
    incident->crash.rss_bytes = traced->mortality->rss_bytes;
    return incident;
}

/* Did it die of a fault that it handled itself? */
static bool is_of_handled(const struct mortality *mortality, const struct wire_fault *fault)
{
    const struct death *death = &mortality->death;
    if (fault->flags & WIRE_FAULT_EXITED_INSIDE)
        return death->how != DEATH_SIGNALED || is_crash_signal(death->status);
    if (mortality->is_clean)
        return false;
    if (death->how == DEATH_EXITED)
        return death->status != 0;
    if (death->how == DEATH_SIGNALED)
        return is_crash_signal(death->status);
    return false; /* Go ends by exit_group(0) a moment after it recovered, and by exit_group(2) a moment after it did not */
}

/* True: it was one, and is dealt with. */
static bool decide_handled(struct pipeline *pipeline, struct traced *traced)
{
    struct mortality *mortality = traced->mortality;
    struct arena arena = {0};
    struct slot slot = {.state = 0};
    struct wire_fault fault;
    const uint8_t *bytes;
    uint64_t oldest_ns = mortality->died_mono_ns > FRESH_NS ? mortality->died_mono_ns - FRESH_NS : 0;
    bool has_slot = crashing_read_slot(pipeline, traced->process, &arena, &slot, &bytes) &&
                    slot.fault.kind == WIRE_FAULT_HANDLED && slot.fault.mono_ns >= oldest_ns;
    bool is_found = bytes && slot_find_handled(bytes, 0, oldest_ns, &fault);
    if (has_slot && (!is_found || slot.fault.mono_ns >= fault.mono_ns || slot.fault.tid == fault.tid))
        fault = slot.fault;
    else
        has_slot = false;
    is_found |= has_slot;
    struct incident *incident = NULL;
    if (is_found && is_of_handled(mortality, &fault))
        incident = begin_end(pipeline, traced, CRASH_HANDLED);
    if (incident && has_slot) {
        bytes = (const uint8_t *)arena_copy(&incident->crash.arena, bytes, WIRE_CRASH_SLOT_BYTES);
        (void)slot_decode(bytes, &slot);
        collect_slot(&incident->crash, &slot);
    } else if (incident) {
        collect_fault(&incident->crash, &fault);
    }
    if (incident) {
        describe_end(&incident->crash, &mortality->death);
        incident_complete(pipeline, incident);
    }
    arena_fini(&arena);
    return incident != NULL;
}

static void decide_without_fault(struct pipeline *pipeline, struct traced *traced)
{
    struct mortality *mortality = traced->mortality;
    const struct death *death = &mortality->death;
    bool is_signal = death->how == DEATH_SIGNALED && is_crash_signal(death->status);
    bool is_killed = death->how == DEATH_SIGNALED && death->status == SIGKILL;
    uint32_t n_calls = 0;
    if (mortality->is_clean || death->how == DEATH_EXITED ||
        (death->how == DEATH_SIGNALED && !is_signal && !is_killed))
        return;
    dropbox_each_open(pipeline->dropbox, traced->process, count_call, &n_calls);
    bool is_oom = !is_signal && death_was_oom(mortality->group);
    bool is_of_interest = is_signal || n_calls > 0 || ((is_oom || is_killed) && traced->process->is_watched);
    if (!is_of_interest)
        return;
    struct incident *incident = begin_end(pipeline, traced,
                                          is_signal   ? CRASH_SIGNAL
                                          : is_oom    ? CRASH_OOM
                                          : is_killed ? CRASH_KILLED
                                                      : CRASH_VANISHED);
    if (!incident)
        return;
    incident->crash.registers_missing = is_signal ? "no handler ran: the signal was blocked or ignored, its "
                                                    "action not ours, or there was no stack left"
                                                  : "no handler runs there";
    incident->crash.signal = death->how == DEATH_SIGNALED ? death->status : 0;
    describe_end(&incident->crash, death);
    incident_complete(pipeline, incident);
}

void mortality_find_root(struct pipeline *pipeline, struct traced *traced, struct incident *incident)
{
    struct arena arena = {0};
    struct slot slot;
    struct wire_fault fault;
    const uint8_t *bytes;
    (void)crashing_read_slot(pipeline, traced->process, &arena, &slot, &bytes);
    if (incident->crash.kind == CRASH_SIGNAL && bytes &&
        slot_find_handled(bytes, incident->crash.tid, 0, &fault))
        (void)collect_root(&incident->crash, &fault);
    arena_fini(&arena);
}

/* Once everything that it recorded was read. */
static void decide(struct pipeline *pipeline, struct traced *traced)
{
    struct mortality *mortality = traced->mortality;
    struct incident *incident = mortality->incident;
    mortality->is_decided = true;
    mortality_close_pidfd(mortality);
    if (mortality->is_replaced)
        return;
    if (incident) {
        if (incident->step == INCIDENT_CAPTURED) {
            mortality_find_root(pipeline, traced, incident);
            describe_end(&incident->crash, &mortality->death);
            incident_complete(pipeline, incident);
        }
        return;
    }
    if (!decide_handled(pipeline, traced))
        decide_without_fault(pipeline, traced);
}

bool crashing_may_bury(void *context, struct process *process)
{
    struct pipeline *pipeline = context;
    struct traced *traced = traced_find(pipeline, process);
    if (!traced || !pipeline->crashing || !traced->mortality->has_died)
        return true;
    struct mortality *mortality = traced->mortality;
    uint64_t age_ns = clock_ns(CLOCK_MONOTONIC) - mortality->died_mono_ns;
    bool is_leaving = pipeline->crashing->is_leaving;
    if (!mortality->is_decided) {
        bool is_found = mortality->is_replaced || find_status(pipeline, traced);
        if (!is_found && !mortality->is_clean && age_ns < STATUS_WAIT_NS && !is_leaving)
            return false;
        decide(pipeline, traced);
    }
    const struct incident *incident = mortality->incident;
    return !incident || incident->step == INCIDENT_REPORTED || age_ns >= SPANS_WAIT_NS || is_leaving;
}

void crashing_mark(struct traced *traced, struct span *span, struct arena *arena)
{
    const struct incident *incident = traced->mortality->incident;
    if (!incident || incident->step != INCIDENT_REPORTED || !incident->report.span_id)
        return;
    struct crash_span described;
    recent_describe(&described, arena, span, 0, true);
    if (strcmp(described.span_id, incident->report.span_id) == 0 &&
        strcmp(described.trace_id, incident->report.trace_id ? incident->report.trace_id : "") == 0)
        crash_report_mark_span(&incident->report, span, arena);
}
