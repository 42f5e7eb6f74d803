/*
 * dropbox: the drop box directory and the mapped file of this process (shim/wire/README.md).
 *
 * Context: cold, but for dropbox_file(), dropbox_count() and dropbox_ring(), which are hot.
 * Threads: any; making the file is serialised inside (one thread makes it, the others go on without it).
 * Errors: none reach the host; false/NULL means "record nothing", counted where there is a file to count in.
 */
#ifndef OTELSHIM_DROPBOX_H
#define OTELSHIM_DROPBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <wire.h>

enum wire_drop {
#define DROP(number, NAME, name, meaning) DROP_##NAME = (number),
#include <drops.h>
#undef DROP
};

/* This process's mapped file. Set once when made; a fork child or a changed uid makes another. */
struct dropbox {
    uint8_t *base;
    struct wire_header *header;
    struct wire_counters *counters;
    const volatile struct wire_exporter *exporter; /* read only: the exporter writes it by pwrite */
    struct wire_chunk_line *chunk_lines;
    const volatile uint64_t *acknowledged;
    struct wire_thread_slot *thread_slots;
    struct wire_operation_slot *operation_slots;
    uint8_t *crash_slot;
    uint8_t *chunks;
    uint32_t n_chunks, n_thread_slots, n_operation_slots;
    uint32_t generation; /* differs between any two files of this process and its fork parents; never 0 */
    uint64_t bytes;
};

/*
 * What must not survive fork(), in a page the kernel wipes in the child: there it says "no file, none refused, nobody
 * is making one", whatever other threads of the parent were doing. A vfork child shares the page and sees it intact.
 */
struct dropbox_words {
    const struct dropbox *box;
    uint32_t pid; /* of the maker, for kernels that do not wipe */
    uint32_t is_refused;
    uint32_t is_making; /* futex: threads that begin meanwhile wait for it */
    uint32_t n_moves;
    uint32_t is_maker_slow; /* nobody waits for it any more */
    uint32_t is_closed;     /* refused because the process exits */
    uint32_t n_late;        /* calls that went on without it: for the file to come to count */
    uint32_t n_pieces[2];   /* of standard output and error: output.c */
};

/* dropbox.c alone writes it. */
struct dropbox_process {
    const struct dropbox *const
        *box_at;                 /* words->box; a NULL where there are no words, or not all is told by them */
    struct dropbox_words *words; /* set once */
    uint32_t must_compare_pid;   /* before Linux 4.14; set with `words` */
};
extern __attribute__((visibility("hidden"))) struct dropbox_process dropbox_process;
const struct dropbox *dropbox_file_of_this_pid(void);

/*
 * The file as it is, or NULL: not made yet, inert, or this is a fork child that has none of its own yet.
 * Hot: two loads (the pointer lies in the MADV_WIPEONFORK page); no system call.
 */
static inline const struct dropbox *dropbox_file(void)
{
    const struct dropbox *const *at = __atomic_load_n(&dropbox_process.box_at, __ATOMIC_ACQUIRE);
    const struct dropbox *box = __atomic_load_n(at, __ATOMIC_ACQUIRE);
    return __builtin_expect(box != NULL, 1) ? box : dropbox_file_of_this_pid();
}

/*
 * As dropbox_file(), but makes the file when there is none and none was refused, then starts an exporter if none
 * lives. After a refusal (no directory, no room, RLIMIT_FSIZE) it returns NULL at once for ever, in this process.
 * Also notices a changed effective uid when `may_have_moved` (the lease slow path): marks the old file MOVED.
 */
const struct dropbox *dropbox_open(void);
/* The same for a call that goes unrecorded without: counts it where another thread is too slow in making the file. */
const struct dropbox *dropbox_open_for_span(void);
const struct dropbox *dropbox_reopen_if_moved(void);

/* Adds one to a drop counter of the file; nothing without a file. Hot, async-signal-safe. */
void dropbox_count(enum wire_drop reason);

/* Number of the next piece of `stream` (1 or 2) in this process: 1, 2, …; a fork child begins anew. 0: nothing was ever recorded. */
uint32_t dropbox_number_piece(uint32_t stream);

/* Past the question whether it is asleep. */
void dropbox_ring_now(const struct dropbox *box, uint32_t asleep, uint64_t now_mono_ns);

/*
 * Rings the exporter's bell if it is asleep (one load otherwise). `urgent` (an error): rings even if it is not known
 * to sleep, at most every 10 ms. errno kept. Async-signal-safe.
 */
static inline void dropbox_ring(const struct dropbox *box, bool urgent, uint64_t now_mono_ns)
{
    /* The commit, then this load. Only the compiler is held here: the exporter's membarrier, between its store to
     * `asleep` and its second look, stands in for the fence that would cost 15 ns in every call. */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    uint32_t asleep = __atomic_load_n(&box->exporter->asleep, __ATOMIC_RELAXED);
    if (__builtin_expect(asleep || urgent, 0))
        dropbox_ring_now(box, asleep, now_mono_ns);
}

/*
 * For a crash (context: signal, on a stack of 48 KiB). Opens as dropbox_open(), and also after the exit hook: that file may be gone.
 * The caller has blocked what is to be blocked. `is_again`: its first try was cut off by a fault.
 * The bell is rung whatever `asleep` says and whenever it was rung last; `is_quiet`: by no other system call than the wake.
 */
const struct dropbox *dropbox_open_for_crash(bool is_again);
/* A child of vfork() has made this file on its parent's memory: the parent shall have one of its own. The file stays. */
void dropbox_leave(const struct dropbox *box);
void dropbox_ring_for_crash(const struct dropbox *box, uint64_t now_mono_ns, bool is_quiet);
/* Does one serve this box? Also where its lock cannot be opened (chroot, no descriptors): then by its pid. */
bool dropbox_has_exporter(const struct dropbox *box);

/* The file is not to be removed at exit, though it may be empty: it holds how the process ended. */
void dropbox_keep(const struct dropbox *box);

/* Lease slow path: once a second when no acknowledgement moved, look whether an exporter lives; start one if not. */
void dropbox_probe_exporter(uint64_t now_mono_ns);

/* Populates [address, address + bytes), rounded out to whole pages, of the mapping. False when tmpfs is full. */
bool dropbox_populate(const void *address, size_t bytes);

/*
 * Constructor: registers for the exporter's membarrier. Cold. 3 us while there is one thread. Left to the first span of a
 * program with threads, the kernel waited for a grace period there: 7 to 23 ms, over 100 ms on a loaded machine, in which the
 * other threads' first calls waited for the file, too.
 */
void dropbox_bell_register(void);

/*
 * Constructor of a watched process: where an exporter lives, waits until it has a pidfd of this process, 2 ms at most. Whoever is
 * killed first thing after that is told from one that left by itself.
 */
void dropbox_introduce(void);

/* Constructor: what it was given by the loader. */
void dropbox_note_arguments(int argc, char **argv, char **envp);

/* Called once per file made, to fill the rows and texts of the header area that other parts own (instrumentations,
 * entry points). Set by the constructor; `area` is the first 64 KiB of the file. */
void dropbox_on_make(void (*fill)(uint8_t *area));

/*
 * At exit: marks the header EXITED; an empty file is unlinked. With `timeout_ms` > 0 and a living exporter, first
 * waits at most so long until everything is acknowledged.
 */
void dropbox_close(uint32_t timeout_ms);

/* The same, but the file stays open: what libc writes after all destructors is still to come. May be called again. */
void dropbox_close_later(uint32_t timeout_ms);
/* The mark alone, by no system call. */
void dropbox_mark_exited(void);

/* Around exec of this process image: marks the header EXECED, or takes the mark back when exec failed. Nothing in
 * a fork or vfork child (raw getpid() differs). */
void dropbox_before_exec(void);
void dropbox_exec_failed(void);

#endif
