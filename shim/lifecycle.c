/*
 * lifecycle: see lifecycle.h.
 *
 * The constructor does almost nothing: it scans the environment, registers for the bell's membarrier while that is cheap
 * (one thread), looks for a libcurl of a version nobody knew, and in a watched process makes the file and waits until an exporter that lives knows it. All else waits for the first span, because most processes that
 * load us never make one (a shell script's 66 helpers).
 */
#include "lifecycle.h"

#include "admission.h"
#include "clock.h"
#include "crash/crash.h"
#include "dropbox.h"
#include "hot.h"
#include "instrument/instrument.h"
#include "instrument/stdio.h"
#include "loader.h"
#include "process.h"
#include "settings.h"
#include "start.h"
#include "sys.h"
#include <string.h>

uint32_t lifecycle_state HOT_WORD;

#define PID_1_FLUSH_TIMEOUT_MS 2000u

/* The instrumentation rows and their entry points, so that the exporter and doctor need not know the libraries. */
static void describe_instrumentations(uint8_t *area)
{
    struct wire_header *header = (struct wire_header *)(void *)area;
    struct wire_instrumentation *rows =
        (struct wire_instrumentation *)(void *)(area + WIRE_INSTRUMENTATIONS_OFFSET);
    uint32_t at = header->entry_points_offset, used = 0;
    for (unsigned i = 0; i < N_INSTRUMENTS; i++) {
        const struct instrumentation *from = instrument_table[i];
        rows[i].family = from->family;
        memcpy(rows[i].name, from->name, strnlen(from->name, sizeof(rows[i].name) - 1));
        if (from->system)
            memcpy(rows[i].system, from->system, strnlen(from->system, sizeof(rows[i].system) - 1));
        for (uint32_t entry = 0; entry < from->n_entry_points; entry++) {
            const char *name = from->entry_points[entry].name;
            size_t bytes = strlen(name) + 1;
            if (real_version_of(&from->entry_points[entry])) /* a flavour of one without */
                continue;
            if (!at || at + used + 2 + bytes > WIRE_HEADER_BYTES)
                break;
            area[at + used] = (uint8_t)('0' + i);
            area[at + used + 1] = '\t';
            memcpy(area + at + used + 2, name, bytes);
            used += (uint32_t)(2 + bytes);
        }
    }
    header->instrumentations_offset = WIRE_INSTRUMENTATIONS_OFFSET;
    header->n_instrumentations = N_INSTRUMENTS;
    header->entry_points_bytes = used;
    if (stdio_is_blind())
        ((struct wire_counters *)(void *)(area + WIRE_COUNTERS_OFFSET))->dropped[DROP_NO_STDIO] = 1;
}
static_assert(N_INSTRUMENTS <= WIRE_MAX_INSTRUMENTATIONS, "rows fit the header area");

bool lifecycle_decide(void)
{
    uint32_t undecided = LIFECYCLE_UNDECIDED;
    dropbox_on_make(describe_instrumentations);
    thread_on_reclaim(span_take_over);
    uint32_t decision = admission_is_granted() ? LIFECYCLE_ACTIVE : LIFECYCLE_INERT;
    __atomic_compare_exchange_n(&lifecycle_state, &undecided, decision, false, __ATOMIC_RELAXED,
                                __ATOMIC_RELAXED);
    return __atomic_load_n(&lifecycle_state, __ATOMIC_RELAXED) == LIFECYCLE_ACTIVE;
}

/* Somebody deliberately watches this process: its death is to be noticed even if it never makes a call. */
static bool is_watched(const struct shim_settings *settings)
{
    uint32_t pid = (uint32_t)sys_getpid();
    return settings->main_pid == pid || settings->systemd_pid == pid || pid == 1;
}

__attribute__((constructor)) static void start(int argc, char **argv, char **envp)
{
    const struct shim_settings *settings = settings_get();
    process_start();
    if (!settings->is_disabled) {
        start_note_directory();
        dropbox_note_arguments(argc, argv, envp);
        dropbox_bell_register();
        if (settings->stdio && lifecycle_is_active())
            stdio_start(settings->stdio);
        loader_start();
        crash_start();
    }
    if (stdio_is_blind()) /* it is counted there: nothing else may ever be */
        dropbox_open();
    if (!settings->is_disabled && is_watched(settings) && lifecycle_is_active()) {
        dropbox_open();
        dropbox_introduce();
    }
}

static uint32_t flush_timeout_ms(void)
{
    const struct shim_settings *settings = settings_get();
    if (settings->has_flush_timeout)
        return settings->flush_timeout_ms;
    return sys_getpid() == 1 ? PID_1_FLUSH_TIMEOUT_MS : 0;
}

/* The flush timeout is one for all that is written from here on. */
static uint64_t leaving_until_ns;

static void close_later(void)
{
    uint64_t now_ns = leaving_until_ns ? clock_mono_ns() : 0;
    if (dropbox_file())
        dropbox_close_later(now_ns < leaving_until_ns ? (uint32_t)((leaving_until_ns - now_ns) / 1000000u)
                                                      : 0);
}

/* Standard output that is a file or a pipe is written by exit() itself, when no code of ours runs any more but the hook. */
static void leave(void)
{
    if (stdio_is_in_sandbox()) { /* any system call may kill; nothing more is recorded */
        dropbox_mark_exited();
        __atomic_store_n(&lifecycle_state, LIFECYCLE_INERT, __ATOMIC_RELAXED);
        return;
    }
    uint32_t active = LIFECYCLE_ACTIVE, timeout_ms = flush_timeout_ms();
    const struct dropbox *box = dropbox_file();
    if (box && crash_note_exit())
        dropbox_keep(box);
    leaving_until_ns = timeout_ms ? clock_mono_ns() + timeout_ms * 1000000ull : 0;
    close_later();
    __atomic_compare_exchange_n(&lifecycle_state, &active, LIFECYCLE_LEAVING, false, __ATOMIC_RELAXED,
                                __ATOMIC_RELAXED);
}

__attribute__((destructor)) static void stop(void)
{
    if (settings_get()->stdio)
        leave();
    else
        lifecycle_before_exit();
}

void lifecycle_after_writing(void)
{
    if (__builtin_expect(__atomic_load_n(&lifecycle_state, __ATOMIC_RELAXED) == LIFECYCLE_LEAVING, 0))
        close_later();
}

void lifecycle_before_exit(void)
{
    const struct dropbox *box = dropbox_file();
    if (box && crash_note_exit())
        dropbox_keep(box);
    if (box)
        dropbox_close(flush_timeout_ms());
    __atomic_store_n(&lifecycle_state, LIFECYCLE_INERT, __ATOMIC_RELAXED);
}

void lifecycle_before_exec(void)
{
    if (dropbox_file())
        dropbox_before_exec();
}

void lifecycle_exec_failed(void)
{
    if (dropbox_file())
        dropbox_exec_failed();
}
