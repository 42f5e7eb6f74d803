/*
 * dropbox: everything the exporter reads out of the drop boxes of its uid (or of all uids, as a service).
 *
 * Lists and watches the directories, holds one client per mapped file, copies committed records out with pread,
 * validates them on the copy, and hands them on as raw spans with a receipt. The files are hostile input
 * (shim/wire/README.md 6): one corrupt chunk loses no other.
 *
 * Context: loop; dropbox_wait() blocks and runs in a thread of its own.
 */
#ifndef OTELSHIM_SOURCE_DROPBOX_H
#define OTELSHIM_SOURCE_DROPBOX_H

#include "telemetry/batch.h"
#include "telemetry/process.h"
#include "telemetry/raw_count.h"
#include "telemetry/raw_log.h"
#include "telemetry/raw_measurement.h"
#include "telemetry/raw_span.h"
#include "telemetry/raw_stack.h"

struct dropbox;

struct dropbox_events {
    /* A file was seen for the first time. The receiver sets process->settings and ->resource, and destroys them when
     * the process is gone. */
    void (*on_process)(void *context, struct process *process);
    /* Everything of the process was delivered and its file is removed. */
    void (*on_process_gone)(void *context, struct process *process);
    /* A record. The receipt goes to dropbox_acknowledge() once somebody has taken responsibility for it. */
    void (*on_span)(void *context, const struct raw_span *raw, const struct receipt *receipt);
    /* One line for the log, once per fact: a hostile file, a corrupt chunk, a squatted directory. */
    void (*on_note)(void *context, const char *line);
    void *context;
    /* A number that changed, with a receipt like a span's. NULL: nobody counts. */
    void (*on_count)(void *context, const struct raw_count *raw, const struct receipt *receipt);
    /* The crash slot holds something new: the process waits for dropbox_set_captured(), or is dead. NULL: nobody reads them. */
    void (*on_crash)(void *context, struct process *process);
    /* It ended, `death` as raw_span has it. The pidfd stays the drop box's; -1 none. NULL: nobody asks. */
    void (*on_death)(void *context, struct process *process, const char *death, int pidfd);
    /* Asked of a dead process: may what it had open be handed on now, and its file go? NULL: yes. */
    bool (*may_bury)(void *context, struct process *process);
    /* Something the program said; something it measured. With a receipt like a span's. NULL: nobody takes them. */
    void (*on_log)(void *context, const struct raw_log *raw, const struct receipt *receipt);
    void (*on_measurement)(void *context, const struct raw_measurement *raw, const struct receipt *receipt);
    /* Where the call failed whose record comes next. NULL: nobody asks. */
    void (*on_stack)(void *context, const struct raw_stack *raw);
};

/* Who tells of drops in metrics: each remembers in the file what it told, for the next exporter. */
enum dropbox_teller { DROPBOX_TOLD_BY_PROGRAM, DROPBOX_TOLD_BY_EXPORTER, N_DROPBOX_TELLERS };

/* Totals of one process, for `otelshim status`. */
struct dropbox_counts {
    uint64_t recorded; /* spans copied out */
    uint64_t acknowledged_bytes;
    uint64_t corrupt;
    uint64_t dropped[WIRE_MAX_DROPS]; /* by the shim, by reason (wire/drops.h) */
    uint64_t told[N_DROPBOX_TELLERS][WIRE_MAX_DROPS];
    uint32_t n_in_flight; /* open spans right now */
    bool is_alive;
};

/*
 * Makes, locks and serves the standard boxes of this uid and `extra_dir` ($OTELSHIM_DIR, NULL none); `all_uids`: also
 * every other uid's (a system service). 0; -EBUSY when another exporter has the lock of every box; -errno with
 * the reason in `problem` (200 bytes) when no box can be had.
 */
int dropbox_create(struct dropbox **ret_dropbox, const char *extra_dir, bool all_uids, bool only_extra,
                   const struct dropbox_events *events, char problem[200]);
/* Unlocks first. */
void dropbox_destroy(struct dropbox *dropbox);

/* Becomes readable when a file appeared or a process died: poll then. It stays the drop box's. */
int dropbox_descriptor(const struct dropbox *dropbox);
/* To be called before anything else then: who has begun to make a file may be dead a moment later, and nobody could ask how it ended. */
void dropbox_look_at_names(struct dropbox *dropbox);

/*
 * Looks at all clients once and hands on at most max_spans records. Returns how many, so that the caller polls again
 * at once, after 20 ms while records flow, or slower.
 */
uint32_t dropbox_poll(struct dropbox *dropbox, uint32_t max_spans);

/*
 * A process whose file is yet to be seen: a pidfd is held on it, so that how it ends can be asked even if it has ended by then.
 * `pidfd` -1: one is opened here; given, it is taken, and trusted to be that process's. `start_ticks` 0 (only without a pidfd):
 * whoever has the pid now. A few are held at a time.
 */
void dropbox_expect(struct dropbox *dropbox, uint32_t pid, uint64_t start_ticks, int pidfd);

/* Only for clients for which `may_take` says so (its destination has room). Set before polling; NULL: all. */
void dropbox_set_gate(struct dropbox *dropbox,
                      bool (*may_take)(void *context, const struct process *process));

/* Somebody has taken responsibility. Unknown clients (their file is gone) are ignored. */
void dropbox_acknowledge(struct dropbox *dropbox, const struct receipt *receipts, uint32_t n_receipts);

/* The live settings word of a process (WIRE_LIVE_…), written into its file where it is another one. */
void dropbox_set_live(struct dropbox *dropbox, const struct process *process, uint32_t word);

/* ---- crashes: what sources/crash reads and writes in the file of a process ---- */
/* Copies [offset, offset + n_bytes) of the crash slot. False: there is none, or the file was cut short. */
bool dropbox_read_crash(struct dropbox *dropbox, const struct process *process, void *ret_bytes,
                        uint32_t n_bytes, uint32_t offset);
/* Crash `sequence` was read: the dying thread need not wait any longer. */
void dropbox_set_captured(struct dropbox *dropbox, const struct process *process, uint32_t sequence);
/* Only the crash slots, of every process: somebody rang. */
void dropbox_look_at_crashes(struct dropbox *dropbox);
/* The spans that are open now, or were at its death. What is torn is left out. No receipts: they come again in due course.
 * Of a dead process only from may_bury() on: before that what it committed is not known. */
void dropbox_each_open(struct dropbox *dropbox, const struct process *process,
                       void (*each)(void *context, const struct raw_span *raw), void *context);

/* Going to sleep: sets the asleep words, issues the membarrier, and says whether it is still quiet (if not: poll). */
bool dropbox_fall_asleep(struct dropbox *dropbox);
void dropbox_wake(struct dropbox *dropbox);
/* Blocks in a futex on the doorbell until rung or `timeout_ms`. Thread-safe; for a thread of its own. */
void dropbox_wait(struct dropbox *dropbox, uint32_t timeout_ms);
/* From now on dropbox_wait() is for bells that are rung later than this; also while awake (crashes ring always). */
void dropbox_expect_bells(struct dropbox *dropbox);
/* Ends a dropbox_wait() that is under way. */
void dropbox_end_wait(struct dropbox *dropbox);

/* Living or undrained clients. */
uint32_t dropbox_n_clients(const struct dropbox *dropbox);
/* The most-filled pool of all clients, in per cent: above 50 the pipeline spools rather than waits. */
uint32_t dropbox_pool_pct(const struct dropbox *dropbox);
/* Calls `each` for every client. */
void dropbox_each(struct dropbox *dropbox,
                  void (*each)(void *context, const struct process *process,
                               const struct dropbox_counts *counts),
                  void *context);
/* The totals of one process. False: there is no such client. */
bool dropbox_ask(struct dropbox *dropbox, const struct process *process, struct dropbox_counts *ret_counts);
/* So much of its drops went into metrics; written into its file where it is news. */
void dropbox_set_told(struct dropbox *dropbox, const struct process *process, enum dropbox_teller teller,
                      const uint64_t dropped[WIRE_MAX_DROPS]);
/* Unlock and look once more: false and locked again when something is there (never leave work behind). */
bool dropbox_leave(struct dropbox *dropbox);
/* The directory of the box in which the control socket belongs (the first that could be locked). */
const char *dropbox_directory(const struct dropbox *dropbox);

#endif
