/*
 * crashing: crash slots become incidents; the life of all that waits for something. See crashing.h. What a death without a fault
 * was is decided in mortality.c.
 */
#include "cli/crashing_priv.h"

#include "base/clock.h"
#include "base/log.h"
#include "sources/process/proc.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS 5u
#define DEATH_WAIT_NS (1000 * NS_PER_MS)  /* a captured process that dies later is reported without its end */
#define ADOPT_AFTER_NS (3000 * NS_PER_MS) /* first, cases whose process's file is there are taken over */

/* ---- a fault in the slot ---- */

void crashing_count_lost(struct crashing *crashing)
{
    crashing->n_lost++;
    log_write_limited(&crashing->lost_limit, 60000, LOG_LEVEL_ERROR,
                      "%u crashes wait for their reports: no more are kept (%" PRIu64 " lost)", MAX_INCIDENTS,
                      crashing->n_lost);
}

bool crashing_read_slot(struct pipeline *pipeline, const struct process *process, struct arena *arena,
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
    crash->kind = slot->fault.kind == WIRE_FAULT_ASKED ? CRASH_STACKS : CRASH_SIGNAL;
    collect_slot(crash, slot);
    const char *why_not = collect_why_not(process);
    if (why_not || !is_alive) {
        crash->threads_missing = why_not ? why_not : "it had ended when an exporter came";
        return;
    }
    bool is_child = slot->fault.pid != process->pid; /* a vfork child's lies in its parent's file */
    if (collect_living(crash, slot->fault.pid, is_child ? 0 : process->start_ticks, true))
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
    incident->is_living = slot->fault.kind == WIRE_FAULT_ASKED || slot->fault.pid != traced->process->pid;
    if (!incident->is_living)
        traced->mortality->incident = incident;
    if (is_reported) { /* by an exporter that died behind it */
        incident->step = INCIDENT_REPORTED;
        return;
    }
    if (!is_taken_over)
        collect(incident, traced->process, slot, is_alive);
    /* Before the disk is asked, which may be slow: until the case is there, the slot is, in the process's file. */
    dropbox_set_captured(pipeline->dropbox, traced->process, slot->sequence);
    uint64_t held_us = (clock_ns(CLOCK_MONOTONIC) - slot->fault.mono_ns) / 1000;
    incident_store(pipeline, incident, false);
    tell_captured(traced, incident,
                  is_alive        ? ""
                  : is_taken_over ? " by an earlier exporter"
                                  : " after its death");
    if (is_alive)
        log_write(LOG_LEVEL_DEBUG, "%s: captured %" PRIu64 " us after the fault", incident->stem, held_us);
}

bool crashing_is_off(const struct traced *traced)
{
    const char *value = traced->process->settings->values[SETTING_OTELSHIM_CRASH];
    return value && strcmp(value, "0") == 0;
}

/* A runtime that lives on its faults leaves many a second: one byte is enough to let them be until it dies. */
static bool was_handled(struct pipeline *pipeline, const struct process *process)
{
    uint8_t kind;
    return dropbox_read_crash(pipeline->dropbox, process, &kind, sizeof(kind),
                              offsetof(struct wire_crash, fault.kind)) &&
           kind == WIRE_FAULT_HANDLED;
}

void crashing_on_crash(void *context, struct process *process)
{
    struct pipeline *pipeline = context;
    struct traced *traced = traced_find(pipeline, process);
    struct arena arena = {0};
    struct slot slot;
    const uint8_t *bytes;
    if (!traced || !pipeline->crashing || crashing_is_off(traced) || was_handled(pipeline, process))
        return;
    struct mortality *mortality = traced->mortality;
    bool is_known = !crashing_read_slot(pipeline, process, &arena, &slot, &bytes) ||
                    slot.fault.kind == WIRE_FAULT_HANDLED || /* by now */
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
        crashing_count_lost(pipeline->crashing);
        dropbox_set_captured(pipeline->dropbox, process, slot.sequence);
    }
    arena_fini(&arena);
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
        if (each->traced && !each->is_living) /* it dies slowly: a large core dump */
            mortality_find_root(pipeline, each->traced, each);
        incident_complete(pipeline, each);
    }
}

/* The last that is known, for whoever is killed for want of it. */
static void sample_memory(struct traced *traced)
{
    const struct process *process = traced->process;
    int proc = process->is_watched && !process->is_foreign && !traced->mortality->has_died
                   ? proc_open(process->pid)
                   : -1;
    if (proc < 0)
        return;
    (void)proc_resident_bytes(proc, &traced->mortality->rss_bytes);
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

static void look_for_hangs(void *context)
{
    struct pipeline *pipeline = context;
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC), next_ns = UINT64_MAX;
    for (struct traced *each = pipeline->traced; each; each = each->hh.next) {
        uint64_t due_ns = watchdog_look(pipeline, each, now_ns);
        next_ns = due_ns < next_ns ? due_ns : next_ns;
    }
    if (next_ns != UINT64_MAX)
        loop_timer_start(pipeline->crashing->watchdog, (next_ns - now_ns) / NS_PER_MS + 1);
}

void crashing_look(struct pipeline *pipeline)
{
    struct crashing *crashing = pipeline->crashing;
    if (!crashing)
        return;
    uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    if (now_ns >= crashing->next_second_ns)
        once_a_second(pipeline, now_ns);
    look_for_hangs(pipeline);
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
    give_up_waiting(pipeline, clock_ns(CLOCK_MONOTONIC));
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
    mortality_close_pidfd(mortality);
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
    crashing->timer = loop_timer_create(pipeline->loop, tick, pipeline);
    crashing->watchdog = loop_timer_create(pipeline->loop, look_for_hangs, pipeline);
    crashing->adopt_ns = clock_ns(CLOCK_MONOTONIC) + ADOPT_AFTER_NS;
    pipeline->crashing = crashing;
    for (enum crash_place place = 0; place < N_PLACES; place++) {
        crashing->places[place].directory = -1;
        if (places_path(pipeline, place, path))
            (void)store_open(&crashing->places[place], path, false); /* made by the first crash */
    }
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
    loop_timer_destroy(crashing->watchdog);
    for (enum crash_place place = 0; place < N_PLACES; place++)
        store_close(&crashing->places[place]);
    free(crashing);
    pipeline->crashing = NULL;
}
