/*
 * thread: see thread.h. Slots are claimed here and never given back: there is no safe hook on a thread's end. Whoever
 * needs one looks whether an owner's tid is gone.
 */
#include "thread.h"

#include "clock.h"
#include "dropbox_priv.h"
#include "hot.h"
#include "ids.h"
#include "sys.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>

/* How many slots a claim asks after before it takes a page more: thread-per-request programs stay small. */
#define PROBES_PER_CLAIM 16u
/* A thread that got no slot asks again after this. */
#define RETRY_NS 10000000u
#define GRND_NONBLOCK 1u

/* Owner thread only, and UNIX-signal handlers that run on it. */
_Alignas(64) __thread struct thread thread_self;
/* Set once by the constructor; where the loader has touched the page already. */
static void (*take_over)(struct thread *thread, struct wire_thread_slot *slot) HOT_DATA;

void thread_on_reclaim(void (*fn)(struct thread *thread, struct wire_thread_slot *slot))
{
    take_over = fn;
}

/* ---- random numbers ---- */
/* Early at boot, or under seccomp, there is no getrandom(): unique then has to do for random. */
static void seed(uint64_t *random, uint32_t n_words, uint32_t tid)
{
    if (sys_getrandom(random, n_words * sizeof *random, GRND_NONBLOCK) == (long)(n_words * sizeof *random))
        return;
    uint64_t x = clock_unix_ns() ^ (clock_mono_ns() << 20) ^ ((uint64_t)sys_getpid() << 32) ^ tid ^
                 (uint64_t)(uintptr_t)random;
    for (uint32_t i = 0; i < n_words; i++)
        random[i] = x = ids_mix(x + 0x9e3779b97f4a7c15u);
}

/* ---- slots ---- */
/* A tid of ours in a slot that is not ours belonged to a thread that is gone: the kernel gave it out again. */
static bool is_gone(const struct dropbox_image *image, uint32_t owner)
{
    return owner == thread_self.tid || sys_tgkill(image->pid, owner, 0) == -ESRCH;
}

/* Makes the slot this thread's. The exporter discards copies taken while `sequence` is odd. */
static void enter_slot(struct wire_thread_slot *slot)
{
    uint32_t odd = slot->sequence | 1;
    char name[16] = {0};
    (void)sys_prctl(PR_GET_NAME, name);
    __atomic_store_n(&slot->sequence, odd, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    slot->depth = 0;
    memset(&slot->episode, 0, sizeof slot->episode);
    slot->closed_calls = slot->closed_operations = 0;
    memcpy(slot->thread_name, name, sizeof name);
    slot->claims++;
    __atomic_store_n(&slot->sequence, odd + 1, __ATOMIC_RELEASE);
}

static bool is_own(const struct wire_thread_slot *slot)
{
    for (uint32_t level = 0; level < THREAD_LEVELS; level++)
        if (slot == thread_self.slots[level])
            return true;
    return false;
}

/* Takes the slot if nobody living has it. */
static bool try_slot(const struct dropbox_image *image, struct wire_thread_slot *slot)
{
    uint32_t owner = __atomic_load_n(&slot->tid, __ATOMIC_RELAXED);
    if (is_own(slot) || (owner && !is_gone(image, owner)))
        return false;
    if (!__atomic_compare_exchange_n(&slot->tid, &owner, thread_self.tid, false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED))
        return false;
    (void)__atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE); /* what its last owner wrote, see sequence.h */
    return true;
}

/* Looks at up to n of the slots that have their pages, in turn. */
static struct wire_thread_slot *find_abandoned(struct dropbox_image *image, uint32_t n)
{
    uint32_t n_touched = __atomic_load_n(&image->n_touched_slots, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < n && i < n_touched; i++) {
        uint32_t at = __atomic_fetch_add(&image->reclaim_slot, 1, __ATOMIC_RELAXED) % n_touched;
        if (try_slot(image, &image->box.thread_slots[at]))
            return &image->box.thread_slots[at];
    }
    return NULL;
}

/* Gives one more slot its pages; who raises the number owns it. */
static struct wire_thread_slot *touch_slot(struct dropbox_image *image)
{
    uint32_t n = __atomic_load_n(&image->n_touched_slots, __ATOMIC_ACQUIRE);
    while (n < image->box.n_thread_slots) {
        struct wire_thread_slot *slot = &image->box.thread_slots[n];
        if (!dropbox_map_populate(image, slot, sizeof *slot)) {
            dropbox_count(DROP_NO_MEMORY);
            return NULL;
        }
        if (!__atomic_compare_exchange_n(&image->n_touched_slots, &n, n + 1, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_ACQUIRE))
            continue;
        uint32_t nobody = 0; /* another thread, looking for abandoned slots, may have been faster */
        if (__atomic_compare_exchange_n(&slot->tid, &nobody, thread_self.tid, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return slot;
        n++;
    }
    return NULL;
}

/* Private slots of the same shape: such a thread records, but is not seen in flight. */
static struct wire_thread_slot *find_overflow(struct dropbox_image *image)
{
    size_t bytes = DROPBOX_OVERFLOW_BLOCK_SLOTS * sizeof(struct wire_thread_slot);
    for (uint32_t i = 0; i < DROPBOX_OVERFLOW_BLOCKS; i++) {
        struct wire_thread_slot *block = __atomic_load_n(&image->overflow[i], __ATOMIC_ACQUIRE);
        if (!block) {
            struct wire_thread_slot *made =
                sys_mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
            if (!made)
                return NULL;
            if (__atomic_compare_exchange_n(&image->overflow[i], &block, made, false, __ATOMIC_ACQ_REL,
                                            __ATOMIC_ACQUIRE))
                block = made;
            else
                sys_munmap(made, bytes);
        }
        for (uint32_t k = 0; k < DROPBOX_OVERFLOW_BLOCK_SLOTS; k++)
            if (try_slot(image, &block[k]))
                return &block[k];
    }
    return NULL;
}

static struct wire_thread_slot *claim_slot(struct dropbox_image *image)
{
    struct wire_thread_slot *slot = find_abandoned(image, PROBES_PER_CLAIM);
    if (!slot)
        slot = touch_slot(image);
    if (!slot)
        slot = find_abandoned(image, image->box.n_thread_slots);
    if (!slot)
        slot = find_overflow(image);
    return slot;
}

/* A slot for `level`. UNIX signals are blocked: a handler finds the thread with the slot or without, never between. */
static bool claim_level(struct thread *thread, struct dropbox_image *image, uint32_t level)
{
    struct wire_thread_slot *slot = claim_slot(image);
    if (!slot)
        return false;
    uintptr_t offset = (uintptr_t)slot - (uintptr_t)image->box.thread_slots;
    bool is_in_file = offset < (uintptr_t)image->box.n_thread_slots * sizeof *slot;
    if (level == 0)
        thread->slot_index = is_in_file ? (uint32_t)(offset / sizeof *slot) : UINT32_MAX;
    if (slot->claims && take_over)
        take_over(thread, slot);
    enter_slot(slot);
    thread->slots[level] = slot;
    return true;
}

static void begin_generation(struct thread *thread, uint32_t generation)
{
    uint64_t stack_top = thread->stack_top; /* the same in a child, and nobody can tell there (process.c) */
    memset(thread, 0, sizeof *thread);
    thread->stack_top = stack_top;
    thread->tid = sys_gettid();
    thread->slot_index = UINT32_MAX;
    static_assert(offsetof(struct thread, random) ==
                      offsetof(struct thread, span_ids) + sizeof thread->span_ids,
                  "seeded together");
    seed(thread->span_ids, (sizeof thread->random + sizeof thread->span_ids) / sizeof(uint64_t), thread->tid);
    thread->generation = generation;
}

struct thread *thread_claim(const struct dropbox *box)
{
    struct thread *thread = &thread_self;
    uint64_t now_ns = clock_mono_ns();
    bool is_known = thread->generation == box->generation;
    if (!is_known || now_ns - thread->last_probe_ns >= RETRY_NS) {
        uint64_t signals;
        sys_block_signals(&signals);
        if (thread->generation != box->generation)
            begin_generation(thread, box->generation);
        thread->last_probe_ns = now_ns;
        if (!thread->slots[0])
            (void)claim_level(thread, dropbox_image(box), 0);
        sys_restore_signals(&signals);
    }
    if (thread->slots[0])
        return thread;
    dropbox_count(DROP_NO_THREAD_SLOT);
    return NULL;
}

static struct wire_thread_slot *get_level(struct thread *thread, uint32_t level)
{
    const struct dropbox *box = dropbox_file();
    if (!thread->slots[level] && box && box->generation == thread->generation) {
        uint64_t signals;
        sys_block_signals(&signals);
        if (!thread->slots[level])
            (void)claim_level(thread, dropbox_image(box), level);
        sys_restore_signals(&signals);
    }
    return thread->slots[level];
}

int thread_claim_level(struct thread *thread)
{
    if (!thread->busy[1] && get_level(thread, 1))
        return 1;
    dropbox_count(DROP_NESTED);
    return -1;
}

struct wire_thread_slot *thread_claim_custom(struct thread *thread)
{
    uint64_t now_ns = thread_now_ns(thread);
    struct wire_thread_slot *slot = NULL;
    if (!thread->custom_refused_ns || now_ns - thread->custom_refused_ns >= RETRY_NS)
        slot = get_level(thread, THREAD_CUSTOM);
    if (!slot) {
        thread->custom_refused_ns = now_ns;
        dropbox_count(DROP_NO_THREAD_SLOT);
    }
    return slot;
}

/* glibc and musl put a thread's control block at the top of its stack; the main thread's holds the kernel's own data. */
uint64_t thread_stack_top(struct thread *thread)
{
    if (!thread->stack_top)
        thread->stack_top = thread->tid == (uint32_t)sys_getpid()
                                ? getauxval(AT_RANDOM)
                                : (uint64_t)(uintptr_t)__builtin_thread_pointer();
    return thread->stack_top;
}
