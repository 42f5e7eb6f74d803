/* Thread slots: claimed once, named, taken over from the dead, beyond the file's in private memory, counted beyond that. */
#include "mapped_file.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "clock.h"
#include "dropbox_priv.h"
#include "sys.h"
#include "thread.h"

static struct wire_thread_slot read_slot(const struct mapped_file *file, uint32_t index)
{
    struct wire_thread_slot slot;
    off_t at = (off_t)(file->header.thread_slots.offset + (uint64_t)index * sizeof slot);
    CHECK(pread(file->fd, &slot, sizeof slot, at) == (ssize_t)sizeof slot);
    return slot;
}

static void a_thread_claims_one_slot(void)
{
    struct mapped_file file;
    CHECK(!thread_get() && thread_peek());
    CHECK(dropbox_open() && find_file(&file, getpid()));
    CHECK(pthread_setname_np(pthread_self(), "poll-loop") == 0);
    struct thread *thread = thread_get();
    CHECK(thread && thread == thread_get() && thread == thread_peek());
    CHECK(thread->slot_index == 0 && thread->slots[0] == &dropbox_file()->thread_slots[0]);
    struct wire_thread_slot slot = read_slot(&file, 0);
    CHECK(slot.tid == sys_gettid() && slot.depth == 0 && slot.claims == 1 && slot.sequence % 2 == 0);
    CHECK(!strcmp(slot.thread_name, "poll-loop"));
    CHECK(thread->random[0][0] &&
          memcmp(thread->random[0], thread->random[1], sizeof thread->random[0]) != 0);
}

static void a_handler_inside_the_shim_has_a_slot_of_its_own(void)
{
    CHECK(dropbox_open());
    struct thread *thread = thread_get();
    CHECK(thread_level(thread) == 0);
    thread->busy[0] = 1;
    CHECK(thread_level(thread) == 1 && thread->slots[1] && thread->slots[1] != thread->slots[0]);
    CHECK(thread->slots[1]->tid == thread->tid);
    thread->busy[1] = 1;
    CHECK(thread_level(thread) == -1);
    CHECK(dropbox_file()->counters->dropped[DROP_NESTED] == 1);
    thread->busy[0] = thread->busy[1] = 0;
    CHECK(thread_level(thread) == 0);
}

/* ---- threads that end ---- */
struct other {
    uint32_t tid, index;
};

static void *claim_and_end(void *argument)
{
    struct other *other = argument;
    struct thread *thread = thread_get();
    CHECK(thread);
    *other = (struct other){thread->tid, thread->slot_index};
    thread->slots[0]->depth = 1;
    thread->slots[0]->episode.calls = 7;
    return NULL;
}

static struct other run_thread(void)
{
    pthread_t thread;
    struct other other;
    CHECK(!pthread_create(&thread, NULL, claim_and_end, &other) && !pthread_join(thread, NULL));
    while (sys_tgkill((uint32_t)getpid(), other.tid, 0) == 0) /* joined is not yet gone */
        usleep(100);
    return other;
}

static uint32_t n_taken_over;

static void note_take_over(struct thread *thread, struct wire_thread_slot *slot)
{
    CHECK(thread->generation == dropbox_file()->generation && slot->depth == 1 && slot->episode.calls == 7);
    n_taken_over++;
}

static void a_dead_threads_slot_changes_hands(void)
{
    CHECK(dropbox_open() && thread_get());
    thread_on_reclaim(note_take_over);
    struct other first = run_thread();
    CHECK(first.index == 1);
    for (uint32_t i = 1; i < 50; i++)
        CHECK(run_thread().index == 1); /* a program with a thread per request touches no more pages */
    CHECK(n_taken_over == 49);
    const struct wire_thread_slot *slot = &dropbox_file()->thread_slots[1];
    CHECK(slot->claims == 50 && slot->sequence % 2 == 0);
    CHECK(dropbox_image(dropbox_file())->n_touched_slots == 2);
}

/* The kernel gives a dead thread's tid to the next: its slot is not the new one's by birth. */
static void a_tid_that_comes_back_is_another_thread(void)
{
    CHECK(dropbox_open() && thread_get());
    struct other gone = run_thread();
    struct wire_thread_slot *slot = &dropbox_file()->thread_slots[gone.index];
    slot->tid = sys_gettid(); /* as if this thread had got it */
    struct thread *thread = thread_get();
    thread->slots[0] = NULL; /* as if it were new */
    thread->last_probe_ns = 0;
    CHECK(thread_get());
    CHECK(thread->slots[0]->depth == 0 && thread->slots[0]->episode.calls == 0);
}

/* ---- many threads ---- */
static uint32_t n_waiting, n_in_file, n_in_overflow, n_refused;
static volatile uint32_t may_end;

static void *claim_and_wait(void *unused)
{
    const struct thread *thread = thread_get();
    (void)unused;
    if (!thread)
        __atomic_fetch_add(&n_refused, 1, __ATOMIC_RELAXED);
    else if (thread->slot_index == UINT32_MAX)
        __atomic_fetch_add(&n_in_overflow, 1, __ATOMIC_RELAXED);
    else
        __atomic_fetch_add(&n_in_file, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&n_waiting, 1, __ATOMIC_RELEASE);
    while (!may_end)
        usleep(20000);
    return NULL;
}

static uint32_t start_threads(uint32_t n)
{
    pthread_attr_t attributes;
    uint32_t n_started = 0;
    CHECK(!pthread_attr_init(&attributes) && !pthread_attr_setstacksize(&attributes, 64u << 10));
    for (uint32_t i = 0; i < n; i++) {
        pthread_t thread;
        n_started += pthread_create(&thread, &attributes, claim_and_wait, NULL) == 0;
    }
    while (__atomic_load_n(&n_waiting, __ATOMIC_ACQUIRE) < n_started)
        usleep(1000);
    return n_started;
}

static void beyond_the_file_and_the_overflow_is_counted(void)
{
    uint32_t n_overflow = DROPBOX_OVERFLOW_BLOCKS * DROPBOX_OVERFLOW_BLOCK_SLOTS;
    CHECK(dropbox_open());
    if (IS_SANITIZED)
        SKIP("a sanitizer takes minutes for thousands of threads");
    if (start_threads(WIRE_THREAD_SLOTS + n_overflow + 10) < WIRE_THREAD_SLOTS + n_overflow + 10)
        SKIP("not allowed so many threads");
    CHECK(n_in_file == WIRE_THREAD_SLOTS && n_in_overflow == n_overflow && n_refused == 10);
    CHECK(dropbox_file()->counters->dropped[DROP_NO_THREAD_SLOT] == 10);
    CHECK(!thread_get());
}

static void slots_are_claimed_by_one_thread_each(void)
{
    CHECK(dropbox_open());
    uint32_t n = start_threads(300);
    CHECK(n == n_in_file);
    for (uint32_t i = 0; i < n; i++) {
        CHECK(dropbox_file()->thread_slots[i].tid);
        for (uint32_t k = 0; k < i; k++)
            CHECK(dropbox_file()->thread_slots[i].tid != dropbox_file()->thread_slots[k].tid);
    }
}

/* ---- a handler in the middle of a claim ---- */
static void claim_in_handler(int signal)
{
    (void)signal;
    (void)thread_get();
}

static volatile uint32_t is_claiming, n_inside, n_handled;

static void note_when(int signal)
{
    (void)signal;
    n_handled++;
    n_inside += is_claiming;
}

static void raise_in_claim(struct thread *thread, struct wire_thread_slot *slot)
{
    (void)thread, (void)slot;
    is_claiming = 1;
    CHECK(raise(SIGUSR1) == 0);
    is_claiming = 0;
}

static void a_claim_is_not_interrupted(void)
{
    CHECK(dropbox_open() && thread_get() && signal(SIGUSR1, note_when) != SIG_ERR);
    if (IS_SANITIZED)
        SKIP("a sanitizer calls handlers later, when it likes");
    thread_on_reclaim(raise_in_claim);
    (void)run_thread();
    (void)run_thread();
    CHECK(n_handled == 1 && n_inside == 0);
}

static void *claim_under_fire(void *unused)
{
    (void)unused;
    struct thread *thread = thread_get();
    CHECK(thread && thread->slots[0] && thread->slots[0]->tid == thread->tid);
    return NULL;
}

static void a_handler_never_sees_half_a_claim(void)
{
    CHECK(dropbox_open() && signal(SIGUSR1, claim_in_handler) != SIG_ERR);
    for (uint32_t i = 0; i < 300; i++) {
        pthread_t thread;
        CHECK(!pthread_create(&thread, NULL, claim_under_fire, NULL));
        for (uint32_t k = 0; k < 5; k++) {
            (void)pthread_kill(thread, SIGUSR1);
            sched_yield();
        }
        CHECK(!pthread_join(thread, NULL));
    }
    /* Each had one slot: more would show as many more pages than threads alive at a time. */
    CHECK(dropbox_image(dropbox_file())->n_touched_slots < 20);
}

#define TESTS(X)                                       \
    X(a_thread_claims_one_slot)                        \
    X(a_handler_inside_the_shim_has_a_slot_of_its_own) \
    X(a_dead_threads_slot_changes_hands)               \
    X(a_tid_that_comes_back_is_another_thread)         \
    X(beyond_the_file_and_the_overflow_is_counted)     \
    X(slots_are_claimed_by_one_thread_each)            \
    X(a_claim_is_not_interrupted)                      \
    X(a_handler_never_sees_half_a_claim)

#define TEST(name)                        \
    static void test_##name(void **state) \
    {                                     \
        (void)state;                      \
        run_alone(name);                  \
    }
TESTS(TEST)

int main(void)
{
#define ROW(name) cmocka_unit_test(test_##name),
    const struct CMUnitTest tests[] = {TESTS(ROW)};
    make_box("131072");
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_box();
    return failed;
}
