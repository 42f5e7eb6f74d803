/* dropbox: this process's file, from its first span to its exit; see dropbox.h. Making it is dropbox_map.c. */
#include "clock.h"
#include "dropbox_priv.h"
#include "hot.h"
#include "start.h"
#include "sys.h"

#include <sys/mman.h>

#define MAX_IMAGES 8u
/* A program that changes its effective uid to and fro keeps the file it has then. */
#define MAX_MOVES 4u
/* Once per process; then threads go on without the file until it is there (a drop box on a disk that hangs). */
#define MAX_WAIT_FOR_MAKER_NS 100000000u
#define FLUSH_STEP_NS 100000000u
#define GENERATION_MASK 0x3ffffffu /* it is the upper part of a lease id (buffer.c) */

static const struct dropbox *const no_box = NULL;
HOT_WORD struct dropbox_process dropbox_process = {.box_at = &no_box};

static struct {
    uint32_t generation; /* of the last file made; raised by the thread that makes one */
    bool is_dying;       /* a crash makes the file: its own faults are to reach the handler */
    struct dropbox_image images[MAX_IMAGES];
    /* What was lost before there was a file to count it in; a fork child's own begins at nothing. */
    struct {
        uint32_t pid;
        uint32_t dropped[WIRE_MAX_DROPS];
    } early;
} state;

/* Set by the constructor; where the loader has touched the page already. */
static void (*fill_area)(uint8_t *area) HOT_DATA;

const struct dropbox *dropbox_file_of_this_pid(void)
{
    const struct dropbox_words *words = __atomic_load_n(&dropbox_process.words, __ATOMIC_ACQUIRE);
    if (!words || !dropbox_process.must_compare_pid || words->pid != sys_getpid())
        return NULL;
    return __atomic_load_n(&words->box, __ATOMIC_ACQUIRE);
}

const struct dropbox *dropbox_of_generation(uint32_t generation)
{
    const struct dropbox *box = dropbox_file();
    if (!box || box->generation == generation)
        return box;
    const struct dropbox_image *image = &state.images[generation % MAX_IMAGES];
    bool is_ours = image->box.generation == generation && image->pid == dropbox_image(box)->pid;
    return is_ours ? &image->box : NULL;
}

/* The page of words, made at the first need. NULL: no memory. */
static struct dropbox_words *make_words(void)
{
    struct dropbox_words *words = __atomic_load_n(&dropbox_process.words, __ATOMIC_ACQUIRE);
    if (words)
        return words;
    size_t bytes = dropbox_page_bytes();
    struct dropbox_words *page =
        sys_mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (!page)
        return NULL;
    if (sys_is_error(sys_madvise(page, bytes, MADV_WIPEONFORK)))
        __atomic_store_n(&dropbox_process.must_compare_pid, 1, __ATOMIC_RELAXED);
    if (__atomic_compare_exchange_n(&dropbox_process.words, &words, page, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return page;
    sys_munmap(page, bytes);
    return words;
}

/* The words of this process: where the kernel does not wipe them, a fork child does it here. */
static struct dropbox_words *own_words(void)
{
    struct dropbox_words *words = make_words();
    if (words && !dropbox_process.must_compare_pid)
        __atomic_store_n(&dropbox_process.box_at, &words->box, __ATOMIC_RELEASE);
    else if (words && words->pid != sys_getpid())
        *words = (struct dropbox_words){.pid = sys_getpid()};
    return words;
}

static void count_early(enum wire_drop reason)
{
    uint32_t pid = sys_getpid();
    if (__atomic_exchange_n(&state.early.pid, pid, __ATOMIC_RELAXED) != pid)
        for (uint32_t i = 0; i < WIRE_MAX_DROPS; i++)
            __atomic_store_n(&state.early.dropped[i], 0, __ATOMIC_RELAXED);
    (void)__atomic_fetch_add(&state.early.dropped[reason], 1, __ATOMIC_RELAXED);
}

/* Into the file that there is now. */
static void hand_over_early(const struct dropbox_image *image)
{
    if (__atomic_load_n(&state.early.pid, __ATOMIC_RELAXED) != image->pid)
        return;
    for (uint32_t i = 0; i < WIRE_MAX_DROPS; i++) {
        uint32_t n = __atomic_exchange_n(&state.early.dropped[i], 0, __ATOMIC_RELAXED);
        if (n)
            (void)__atomic_fetch_add(&image->box.counters->dropped[i], n, __ATOMIC_RELAXED);
    }
}

/* By the maker of the file, and by who counted itself late: each writes its word before it reads the other's, so one sees both. */
static void hand_over_late(struct dropbox_words *words, const struct dropbox *box)
{
    uint32_t n = __atomic_exchange_n(&words->n_late, 0, __ATOMIC_RELAXED);
    if (n)
        (void)__atomic_fetch_add(&box->counters->dropped[DROP_FILE_LATE], n, __ATOMIC_RELAXED);
}

/* Makes a file and publishes it. The caller holds `is_making` and has blocked UNIX signals. */
static bool make_image(struct dropbox_words *words)
{
    uint32_t generation = (state.generation + 1) & GENERATION_MASK;
    generation += !generation;
    state.generation = generation;
    struct dropbox_image *image = &state.images[generation % MAX_IMAGES];
    if (!dropbox_map_make(image, generation, fill_area)) {
        image->box.generation = 0;
        return false;
    }
    words->pid = image->pid;
    hand_over_early(image);
    __atomic_store_n(&words->box, &image->box, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    hand_over_late(words, &image->box);
    return true;
}

static bool take_making(struct dropbox_words *words, uint64_t *ret_signals)
{
    sys_block_signals(ret_signals); /* a handler that leaves by longjmp would leave it locked */
    if (state.is_dying)
        sys_restore_signals(ret_signals);
    uint32_t nobody = 0;
    if (__atomic_compare_exchange_n(&words->is_making, &nobody, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return true;
    sys_restore_signals(ret_signals);
    return false;
}

static void give_making(struct dropbox_words *words, const uint64_t *signals)
{
    __atomic_store_n(&words->is_making, 0, __ATOMIC_RELEASE);
    sys_futex_wake(&words->is_making);
    sys_restore_signals(signals);
}

/*
 * Another thread is making it: about 100 microseconds, more where it must wait for a CPU. Whoever went on without it would
 * lose a whole first request (16 threads that began together kept one span of 16; after 2,000 yields instead of a wait 8
 * threads on a loaded machine lost 62). The maker has its UNIX signals blocked, so it is not below us.
 */
static const struct dropbox *wait_for_maker(struct dropbox_words *words)
{
    uint64_t now_ns = clock_mono_ns(), end_ns = now_ns + MAX_WAIT_FOR_MAKER_NS;
    while (!words->is_maker_slow && __atomic_load_n(&words->is_making, __ATOMIC_ACQUIRE)) {
        if (now_ns >= end_ns)
            words->is_maker_slow = 1;
        else
            (void)sys_futex_wait(&words->is_making, 1, end_ns - now_ns);
        now_ns = clock_mono_ns();
    }
    return __atomic_load_n(&words->box, __ATOMIC_ACQUIRE);
}

/* First the file, then the look for an exporter: one that was leaving sees the file and stays. */
static void ensure_exporter(const struct dropbox *box)
{
    (void)start_prepare(); /* now: one that dies later is replaced with the environment of today */
    if (!dropbox_exporter_lives(dropbox_image(box)))
        start_exporter(box->header->start_ticks);
}

const struct dropbox *dropbox_open_for_span(void)
{
    const struct dropbox *box = dropbox_open();
    struct dropbox_words *words = box ? NULL : own_words();
    if (!words || !words->is_maker_slow)
        return box;
    (void)__atomic_fetch_add(&words->n_late, 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    box = __atomic_load_n(&words->box, __ATOMIC_ACQUIRE);
    if (box)
        hand_over_late(words, box);
    return NULL;
}

const struct dropbox *dropbox_open(void)
{
    const struct dropbox *box = dropbox_file();
    if (box)
        return box;
    struct dropbox_words *words = own_words();
    uint64_t signals;
    if (!words)
        count_early(DROP_NO_MEMORY);
    if (!words || words->is_refused)
        return NULL;
    if (!take_making(words, &signals))
        return wait_for_maker(words);
    bool is_made = !dropbox_file() && !words->is_refused && make_image(words);
    box = dropbox_file();
    if (!box)
        words->is_refused = 1;
    give_making(words, &signals);
    if (box && is_made)
        ensure_exporter(box);
    return box;
}

const struct dropbox *dropbox_open_for_crash(bool is_again)
{
    struct dropbox_words *words = own_words();
    state.is_dying = true;
    if (words && words->is_closed)
        words->is_closed = words->is_refused = 0;
    if (words && is_again)
        words->is_making = 0;
    return dropbox_open();
}

void dropbox_leave(const struct dropbox *box)
{
    struct dropbox_image *image = dropbox_image(box);
    __atomic_store_n(&dropbox_process.words->box, NULL, __ATOMIC_RELEASE);
    sys_munmap(image->box.base, image->box.bytes);
    image->box.base = NULL;
    image->box.generation = 0;
}

const struct dropbox *dropbox_reopen_if_moved(void)
{
    const struct dropbox *box = dropbox_file();
    if (!box || dropbox_image(box)->uid == sys_geteuid())
        return box;
    struct dropbox_words *words = own_words();
    uint64_t signals;
    if (!words || words->n_moves >= MAX_MOVES || !take_making(words, &signals))
        return box;
    bool is_made = false;
    if (words->box == box) {
        words->n_moves++;
        (void)__atomic_fetch_or(&box->header->state, WIRE_STATE_MOVED, __ATOMIC_RELEASE);
        is_made = make_image(words);
        if (!is_made) {
            __atomic_store_n(&words->box, NULL, __ATOMIC_RELEASE);
            words->is_refused = 1;
        }
    }
    box = words->box;
    give_making(words, &signals);
    if (box && is_made)
        ensure_exporter(box);
    return box;
}

void dropbox_count(enum wire_drop reason)
{
    const struct dropbox *box = dropbox_file();
    if (box)
        (void)__atomic_fetch_add(&box->counters->dropped[reason], 1, __ATOMIC_RELAXED);
}

uint32_t dropbox_number_piece(uint32_t stream)
{
    struct dropbox_words *words = __atomic_load_n(&dropbox_process.words, __ATOMIC_ACQUIRE);
    return words ? __atomic_add_fetch(&words->n_pieces[stream - 1], 1, __ATOMIC_RELAXED) : 0;
}

bool dropbox_populate(const void *address, size_t bytes)
{
    for (uint32_t i = 0; i < MAX_IMAGES; i++) {
        const struct dropbox_image *image = &state.images[i];
        uintptr_t base = (uintptr_t)image->box.base;
        if (base && (uintptr_t)address - base < image->box.bytes)
            return dropbox_map_populate(image, address, bytes);
    }
    return false;
}

void dropbox_on_make(void (*fill)(uint8_t *area))
{
    fill_area = fill;
}

/* ---- the end ---- */
static bool is_all_acknowledged(const struct dropbox *box)
{
    for (uint32_t i = 0; i < box->n_chunks; i++) {
        uint64_t word = __atomic_load_n(&box->chunk_lines[i].word, __ATOMIC_ACQUIRE) & WIRE_STATE_MASK;
        if (__atomic_load_n(&box->acknowledged[i], __ATOMIC_RELAXED) != word)
            return false;
    }
    return true;
}

static void wait_for_delivery(const struct dropbox *box, uint64_t timeout_ns)
{
    uint64_t end_ns = clock_mono_ns() + timeout_ns;
    __atomic_store_n(&box->header->waiting, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        uint64_t now_ns = clock_mono_ns();
        uint32_t progress = __atomic_load_n(&box->exporter->progress, __ATOMIC_ACQUIRE);
        if (is_all_acknowledged(box) || now_ns >= end_ns || !dropbox_exporter_lives(dropbox_image(box)))
            break;
        dropbox_ring(box, true, now_ns);
        uint64_t left_ns = end_ns - now_ns;
        (void)sys_futex_wait(&box->exporter->progress, progress,
                             left_ns < FLUSH_STEP_NS ? left_ns : FLUSH_STEP_NS);
    }
    __atomic_store_n(&box->header->waiting, 0, __ATOMIC_RELAXED);
}

/* Nothing in it that anybody could miss: no record, no open span or operation, no count. */
static bool is_empty(const struct dropbox *box)
{
    for (uint32_t i = 0; i < box->n_chunks; i++)
        if (__atomic_load_n(&box->chunk_lines[i].word, __ATOMIC_RELAXED) != WIRE_CLOSED)
            return false;
    for (uint32_t i = 0; i < WIRE_MAX_DROPS; i++)
        if (__atomic_load_n(&box->counters->dropped[i], __ATOMIC_RELAXED))
            return false;
    uint32_t n_slots = __atomic_load_n(&dropbox_image(box)->n_touched_slots, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < n_slots; i++)
        if (__atomic_load_n(&box->thread_slots[i].depth, __ATOMIC_RELAXED) ||
            __atomic_load_n(&box->thread_slots[i].episode.open_operations, __ATOMIC_RELAXED))
            return false;
    return true;
}

void dropbox_keep(const struct dropbox *box)
{
    dropbox_image(box)->must_keep = 1;
}

static void remove_file(const struct dropbox_image *image)
{
    int directory = sys_open(image->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (directory < 0)
        return;
    (void)sys_unlinkat(directory, image->name);
    sys_close(directory);
}

void dropbox_mark_exited(void)
{
    const struct dropbox *box = dropbox_file();
    if (box)
        (void)__atomic_fetch_or(&box->header->state, WIRE_STATE_EXITED, __ATOMIC_RELEASE);
}

void dropbox_close_later(uint32_t timeout_ms)
{
    const struct dropbox *box = dropbox_file();
    if (!box || dropbox_image(box)->pid != sys_getpid()) /* a vfork child must not close its parent's */
        return;
    if (timeout_ms)
        wait_for_delivery(box, timeout_ms * 1000000ull);
    dropbox_mark_exited();
}

void dropbox_close(uint32_t timeout_ms)
{
    const struct dropbox *box = dropbox_file();
    if (!box || dropbox_image(box)->pid != sys_getpid())
        return;
    if (timeout_ms)
        wait_for_delivery(box, timeout_ms * 1000000ull);
    struct dropbox_words *words = dropbox_process.words;
    words->is_refused = words->is_closed = 1;
    __atomic_store_n(&words->box, NULL, __ATOMIC_RELEASE);
    (void)__atomic_fetch_or(&box->header->state, WIRE_STATE_EXITED, __ATOMIC_RELEASE);
    if (!dropbox_image(box)->must_keep && is_empty(box))
        remove_file(dropbox_image(box));
}

void dropbox_before_exec(void)
{
    const struct dropbox *box = dropbox_file();
    if (box && dropbox_image(box)->pid == sys_getpid())
        (void)__atomic_fetch_or(&box->header->state, WIRE_STATE_EXECED, __ATOMIC_RELEASE);
}

void dropbox_exec_failed(void)
{
    const struct dropbox *box = dropbox_file();
    if (box && dropbox_image(box)->pid == sys_getpid())
        (void)__atomic_fetch_and(&box->header->state, ~WIRE_STATE_EXECED, __ATOMIC_RELEASE);
}
