/*
 * crashing: was it a crash, and of which kind. See crashing.h.
 *
 *   the slot holds a fatal fault             CRASH_SIGNAL    captured while it waited, or found after its death
 *   a fault of its own handler, then death   CRASH_HANDLED   by abort, exit(2) from the handler, a signal of that kind
 *   a crash signal, no handler of ours ran   CRASH_SIGNAL    blocked, ignored, no stack left
 *   SIGKILL                                  CRASH_OOM where the control group counted a kill, else CRASH_KILLED
 *   nobody knows                             CRASH_VANISHED  only with calls in flight: a default SIGTERM looks the same
 *   a marked exit, exec, SIGTERM and the like: never
 */
#include "cli/crashing_priv.h"

#include "base/log.h"
#include "sources/process/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000ull
#define TICK_MS 5u
#define FRESH_NS (5000 * NS_PER_MS)      /* a handled fault so long before the death may be its cause */
#define STATUS_WAIT_NS (200 * NS_PER_MS) /* for the parent's wait(), after which the kernel tells */
#define DEATH_WAIT_NS (1000 * NS_PER_MS) /* a captured process that dies later is reported without its end */
#define SPANS_WAIT_NS (2000 * NS_PER_MS) /* its spans go out then, report or not */
#define SECOND_NS (1000 * NS_PER_MS)
#define ADOPT_AFTER_NS (3000 * NS_PER_MS) /* first, cases whose process's file is there are taken over */

uint64_t crashing_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- a fault in the slot ---- */

static void count_lost(struct crashing *crashing)
{
    crashing->n_lost++;
    log_write_limited(&crashing->lost_limit, 60000, LOG_LEVEL_ERROR,
                      "%u crashes wait for their reports: no more are kept (%" PRIu64 " lost)", MAX_INCIDENTS,
                      crashing->n_lost);
}

/* The whole slot, in the case's arena. False: it says nothing (any more). */
static bool read_slot(struct pipeline *pipeline, const struct process *process, struct arena *arena,
                      struct slot *ret_slot, const uint8_t **ret_bytes)
{
    uint8_t *bytes = arena_alloc(arena, WIRE_CRASH_SLOT_BYTES);
    *ret_bytes = bytes;
    if (!dropbox_read_crash(pipeline->dropbox, process, bytes, WIRE_CRASH_SLOT_BYTES, 0)) {
        *ret_bytes = NULL;
        return false;
    }
    return slot_decode(bytes, ret_slot);
}

static void collect(struct incident *incident, const struct process *process, const struct slot *slot,
                    bool is_alive)
{
    struct crash_case *crash = &incident->crash;
    crash->kind = slot->fault.kind == SLOT_ASKED ? CRASH_STACKS : CRASH_SIGNAL;
    collect_slot(crash, slot);
    const char *why_not = collect_why_not(process);
    if (why_not || !is_alive) {
        crash->threads_missing = why_not ? why_not : "it had ended when an exporter came";
        return;
    }
    bool is_child = slot->fault.pid != process->pid; /* a vfork child's lies in its parent's file */
    collect_living(crash, slot->fault.pid, is_child ? 0 : process->start_ticks);
    incident->root_fd = collect_open_root(slot->fault.pid);
    if (incident->root_fd >= 0)
        crash->root = "/proc/self/fd/3";
    static_assert(DISPOSABLE_ROOT_FD == 3, "the path above");
}

static void tell_captured(const struct traced *traced, const struct incident *incident, const char *how)
{
    const struct crash_case *crash = &incident->crash;
    const char *name = crash->signal > 0 ? sigabbrev_np(crash->signal) : NULL;
    log_write(LOG_LEVEL_INFO, "%s (pid %u): SIG%s, captured%s", traced->name, crash->pid, name ? name : "?",
              how);
}

/* The process waits, or is dead. */
static void capture(struct pipeline *pipeline, struct traced *traced, struct incident *incident,
                    const struct slot *slot, bool is_alive)
{
    char serial[40];
    bool is_reported = false;
    snprintf(serial, sizeof(serial), "slot %u", slot->sequence);
    collect_process(&incident->crash, traced->process, serial);
    bool is_taken_over = !is_alive && incident_take_over(pipeline, incident, &is_reported);
    incident->is_living = slot->fault.kind == SLOT_ASKED || slot->fault.pid != traced->process->pid;
    if (!incident->is_living)
        traced->mortality->incident = incident;
    if (is_reported) { /* by an exporter that died behind it */
        incident->step = INCIDENT_REPORTED;
        return;
    }
    if (!is_taken_over)
        collect(incident, traced->process, slot, is_alive);
    incident_store(pipeline, incident, false);
    dropbox_set_captured(pipeline->dropbox, traced->process, slot->sequence);
    uint64_t held_us = (crashing_now_ns() - slot->fault.mono_ns) / 1000;
    tell_captured(traced, incident,
                  is_alive        ? ""
                  : is_taken_over ? " by an earlier exporter"
                                  : " after its death");
    if (is_alive)
        log_write(LOG_LEVEL_DEBUG, "%s: captured %" PRIu64 " us after the fault", incident->stem, held_us);
}

static bool is_off(const struct traced *traced)
{
    const char *value = traced->process->settings->values[SETTING_OTELSHIM_CRASH];
    return value && strcmp(value, "0") == 0;
}

void crashing_on_crash(struct pipeline *pipeline, struct process *process)
{
    struct traced *traced = traced_find(pipeline, process);
    struct arena arena = {0};
    struct slot slot;
    const uint8_t *bytes;
    if (!traced || !pipeline->crashing || is_off(traced))
        return;
    struct mortality *mortality = traced->mortality;
    bool is_known = !read_slot(pipeline, process, &arena, &slot, &bytes) ||
                    slot.fault.kind == WIRE_FAULT_HANDLED || /* looked at when it died */
                    slot.sequence == mortality->last_sequence;
    struct incident *incident = is_known ? NULL : incident_create(pipeline, traced);
    if (incident) {
        incident->crash.arena = arena;
        mortality->last_sequence = slot.sequence;
        capture(pipeline, traced, incident, &slot, !mortality->has_died);
        crashing_hurry(pipeline);
        return;
    }
    if (!is_known) {
        count_lost(pipeline->crashing);
        dropbox_set_captured(pipeline->dropbox, process, slot.sequence);
    }
    arena_fini(&arena);
}

/* ---- a death ---- */

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

static void close_pidfd(struct mortality *mortality)
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
    return mortality->pidfd < 0; /* it had been dead when its file was first seen: nobody knows */
}

void crashing_on_death(struct pipeline *pipeline, struct process *process, const char *death, int pidfd)
{
    struct traced *traced = traced_find(pipeline, process);
    if (!traced || !pipeline->crashing || is_off(traced))
        return;
    struct mortality *mortality = traced->mortality;
    mortality->has_died = true;
    mortality->died_mono_ns = crashing_now_ns();
    mortality->is_clean = strcmp(death, "exit") == 0;
    mortality->is_replaced = strcmp(death, "exec") == 0;
    mortality->pidfd = pidfd >= 0 ? fcntl(pidfd, F_DUPFD_CLOEXEC, 0) : -1;
    if (find_status(pipeline, traced))
        close_pidfd(mortality);
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
        count_lost(pipeline->crashing);
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
    if (fault->flags & SLOT_EXITED_INSIDE)
        return death->how != DEATH_SIGNALED || is_crash_signal(death->status);
    if (mortality->is_clean)
        return false;
    if (death->how == DEATH_EXITED)
        return death->status != 0;
    if (death->how == DEATH_SIGNALED)
        return is_crash_signal(death->status);
    return mortality->died_mono_ns - fault->mono_ns < SECOND_NS;
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
    bool has_slot = read_slot(pipeline, traced->process, &arena, &slot, &bytes) &&
                    slot.fault.kind == WIRE_FAULT_HANDLED && slot.fault.mono_ns >= oldest_ns;
    bool is_found = bytes && slot_find_handled(bytes, oldest_ns, &fault);
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
                                                  : "nobody can capture anything there";
    incident->crash.signal = death->how == DEATH_SIGNALED ? death->status : 0;
    describe_end(&incident->crash, death);
    incident_complete(pipeline, incident);
}

/* Once everything that it recorded was read. */
static void decide(struct pipeline *pipeline, struct traced *traced)
{
    struct mortality *mortality = traced->mortality;
    struct incident *incident = mortality->incident;
    mortality->is_decided = true;
    close_pidfd(mortality);
    if (mortality->is_replaced)
        return;
    if (incident) {
        if (incident->step == INCIDENT_CAPTURED) {
            describe_end(&incident->crash, &mortality->death);
            incident_complete(pipeline, incident);
        }
        return;
    }
    if (!decide_handled(pipeline, traced))
        decide_without_fault(pipeline, traced);
}

bool crashing_may_bury(struct pipeline *pipeline, struct process *process)
{
    struct traced *traced = traced_find(pipeline, process);
    if (!traced || !pipeline->crashing || !traced->mortality->has_died)
        return true;
    struct mortality *mortality = traced->mortality;
    uint64_t age_ns = crashing_now_ns() - mortality->died_mono_ns;
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

/* ---- life ---- */

/* What is captured is reported, whether its process has died by now or not. */
static void give_up_waiting(struct pipeline *pipeline, uint64_t now_ns)
{
    for (struct incident *each = pipeline->crashing->incidents; each; each = each->next) {
        if (each->step != INCIDENT_CAPTURED ||
            (!each->is_living && now_ns - each->began_mono_ns < DEATH_WAIT_NS))
            continue;
        if (each->traced && each->traced->mortality->has_died && !each->traced->mortality->is_decided &&
            now_ns - each->began_mono_ns < SPANS_WAIT_NS)
            continue;
        if (each->crash.kind == CRASH_STACKS)
            each->crash.ended_by = "lives";
        incident_complete(pipeline, each);
    }
}

/* The last that is known, for whoever is killed for want of it. */
static void sample_memory(struct traced *traced)
{
    char text[128], *end;
    const struct process *process = traced->process;
    int proc = process->is_watched && !process->is_foreign && !traced->mortality->has_died
                   ? proc_open(process->pid)
                   : -1;
    if (proc < 0)
        return;
    if (proc_read(proc, "statm", text, sizeof(text)) > 0) {
        (void)strtoull(text, &end, 10);
        traced->mortality->rss_bytes = strtoull(end, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
    }
    close(proc);
}

static void once_a_second(struct pipeline *pipeline, uint64_t now_ns)
{
    struct crashing *crashing = pipeline->crashing;
    crashing->next_second_ns = now_ns + SECOND_NS;
    death_groups_refresh();
    for (struct traced *each = pipeline->traced; each; each = each->hh.next)
        sample_memory(each);
    if (crashing->adopt_ns && now_ns >= crashing->adopt_ns) {
        crashing->adopt_ns = 0;
        incidents_adopt(pipeline);
    }
}

void crashing_look(struct pipeline *pipeline)
{
    struct crashing *crashing = pipeline->crashing;
    if (!crashing)
        return;
    uint64_t now_ns = crashing_now_ns();
    if (now_ns >= crashing->next_second_ns)
        once_a_second(pipeline, now_ns);
    for (struct traced *each = pipeline->traced; each; each = each->hh.next)
        watchdog_look(pipeline, each, now_ns);
}

static bool has_undecided(const struct pipeline *pipeline)
{
    for (const struct traced *each = pipeline->traced; each; each = each->hh.next)
        if (each->mortality->has_died && !each->mortality->is_decided)
            return true;
    return false;
}

static void tick(void *context)
{
    struct pipeline *pipeline = context;
    struct crashing *crashing = pipeline->crashing;
    give_up_waiting(pipeline, crashing_now_ns());
    incidents_look(pipeline);
    bool is_undecided = has_undecided(pipeline);
    if (is_undecided && pipeline->pacer)
        pacer_hurry(pipeline->pacer); /* asked again by the next look */
    bool is_busy = is_undecided;
    for (const struct incident *each = crashing->incidents; each && !is_busy; each = each->next)
        is_busy = each->step != INCIDENT_REPORTED;
    if (is_busy)
        loop_timer_start(crashing->timer, TICK_MS);
}

void crashing_hurry(struct pipeline *pipeline)
{
    struct crashing *crashing = pipeline->crashing;
    if (crashing->timer)
        loop_timer_start(crashing->timer, 1);
}

bool crashing_is_idle(const struct pipeline *pipeline)
{
    for (const struct incident *each = pipeline->crashing ? pipeline->crashing->incidents : NULL; each;
         each = each->next)
        if (each->step != INCIDENT_REPORTED)
            return false;
    return true;
}

void crashing_begin(struct pipeline *pipeline, struct traced *traced)
{
    (void)pipeline;
    struct mortality *mortality = calloc(1, sizeof(*mortality));
    if (!mortality)
        abort();
    mortality->pidfd = -1;
    traced->mortality = mortality;
    if (!traced->process->is_foreign)
        mortality->group = death_group_get(traced->process->pid);
}

void crashing_note_span(struct traced *traced, const struct span *span, uint32_t tid)
{
    struct mortality *mortality = traced->mortality;
    if (!mortality->recent && !(mortality->recent = calloc(1, sizeof(*mortality->recent))))
        return;
    recent_add(mortality->recent, span, tid);
}

void crashing_end(struct pipeline *pipeline, struct traced *traced)
{
    struct mortality *mortality = traced->mortality;
    if (!mortality)
        return;
    for (struct incident *each = pipeline->crashing ? pipeline->crashing->incidents : NULL, *next; each;
         each = next) {
        next = each->next;
        if (each->traced != traced)
            continue;
        if (each->step == INCIDENT_CAPTURED)
            incident_complete(pipeline, each);
        each->traced = NULL;
        if (each->step == INCIDENT_REPORTED)
            incident_destroy(pipeline, each);
    }
    watchdog_fini(traced);
    close_pidfd(mortality);
    death_group_release(mortality->group);
    free(mortality->recent);
    free(mortality);
    traced->mortality = NULL;
}

void crashing_start(struct pipeline *pipeline)
{
    char path[PATH_MAX];
    struct crashing *crashing = calloc(1, sizeof(*crashing));
    if (!crashing)
        abort();
    struct settings *settings = settings_create_own();
    crashing->max_reports = settings->crash_max_reports;
    crashing->max_bytes = settings->crash_max_bytes;
    settings_destroy(settings);
    crashing->last = &crashing->incidents;
    crashing->store.directory = -1;
    crashing->timer = loop_timer_create(pipeline->loop, tick, pipeline);
    crashing->adopt_ns = crashing_now_ns() + ADOPT_AFTER_NS;
    pipeline->crashing = crashing;
    if (crash_store_path(path) == 0)
        (void)store_open(&crashing->store, path, false); /* made by the first crash */
}

void crashing_leave(struct pipeline *pipeline)
{
    if (pipeline->crashing)
        pipeline->crashing->is_leaving = true;
}

void crashing_stop(struct pipeline *pipeline)
{
    struct crashing *crashing = pipeline->crashing;
    if (!crashing)
        return;
    while (crashing->incidents)
        incident_destroy(pipeline, crashing->incidents);
    loop_timer_destroy(crashing->timer);
    store_close(&crashing->store);
    free(crashing);
    pipeline->crashing = NULL;
}
