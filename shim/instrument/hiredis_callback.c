/* hiredis_callback: see hiredis_callback.h. */
#include "instrument/hiredis_callback.h"

#include "sys.h"
#include <stdatomic.h>
#include <sys/mman.h>

#define MAX_CALLBACKS 8192u
#define MAX_SPARE 64u

/*
 * Free ones that were used before are a stack, `head` its top as tag << 32 | number from 1: the tag changes with every
 * take, so that a top that came back in the meantime is not taken for the one that was read. Those never used follow
 * `n_used`.
 */
static struct {
    _Atomic(struct hiredis_callback *) all;
    atomic_uint n_used;
    _Atomic uint64_t head;
} pool;

static struct hiredis_callback *get_all(void)
{
    struct hiredis_callback *all = atomic_load_explicit(&pool.all, memory_order_acquire);
    if (all)
        return all;
    size_t bytes = MAX_CALLBACKS * sizeof(struct hiredis_callback);
    void *made =
        sys_mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
    if (!made)
        return NULL;
    struct hiredis_callback *none = NULL;
    if (atomic_compare_exchange_strong(&pool.all, &none, made))
        return made;
    sys_munmap(made, bytes); /* another thread was faster */
    return none;
}

static struct hiredis_callback *pop(struct hiredis_callback *all)
{
    uint64_t head = atomic_load_explicit(&pool.head, memory_order_acquire);
    while ((uint32_t)head) {
        struct hiredis_callback *top = &all[(uint32_t)head - 1];
        const struct hiredis_callback *next = __atomic_load_n(&top->next, __ATOMIC_RELAXED);
        uint64_t below = next ? (uint64_t)(next - all) + 1 : 0;
        uint64_t tag = (head >> 32) + 1;
        if (atomic_compare_exchange_weak_explicit(&pool.head, &head, tag << 32 | below, memory_order_acquire,
                                                  memory_order_acquire))
            return top;
    }
    return NULL;
}

struct hiredis_callback *hiredis_callback_take_from_pool(void)
{
    struct hiredis_callback *all = get_all();
    struct hiredis_callback *callback = all ? pop(all) : NULL;
    if (!callback && all && atomic_load_explicit(&pool.n_used, memory_order_relaxed) < MAX_CALLBACKS) {
        uint32_t number = atomic_fetch_add_explicit(&pool.n_used, 1, memory_order_relaxed);
        callback = number < MAX_CALLBACKS ? &all[number] : NULL;
    }
    if (!callback)
        dropbox_count(DROP_NO_OPERATION);
    return callback;
}

static __attribute__((noinline)) void give_back(struct hiredis_callback *callback)
{
    struct hiredis_callback *all = atomic_load_explicit(&pool.all, memory_order_relaxed);
    uint64_t number = (uint64_t)(callback - all) + 1;
    uint64_t head = atomic_load_explicit(&pool.head, memory_order_relaxed);
    do {
        struct hiredis_callback *below = (uint32_t)head ? &all[(uint32_t)head - 1] : NULL;
        __atomic_store_n(&callback->next, below, __ATOMIC_RELAXED);
    } while (!atomic_compare_exchange_weak_explicit(&pool.head, &head, (head >> 32) << 32 | number,
                                                    memory_order_release, memory_order_relaxed));
}

static inline void keep(struct hiredis_state *state, struct hiredis_callback *callback)
{
    if (__builtin_expect(state->n_spare >= MAX_SPARE, 0)) {
        give_back(callback);
        return;
    }
    __atomic_store_n(&callback->next, state->spare, __ATOMIC_RELAXED);
    state->spare = callback;
    state->n_spare++;
}

void hiredis_callback_release(struct hiredis_state *state, struct hiredis_callback *callback)
{
    keep(state, callback);
}

static void give_back_all(struct hiredis_callback *callback)
{
    for (struct hiredis_callback *next; callback; callback = next) {
        next = callback->next;
        give_back(callback);
    }
}

void hiredis_callback_release_all(struct hiredis_state *state)
{
    give_back_all(state->ended);
    give_back_all(state->spare);
    state->ended = state->spare = NULL;
    state->n_spare = 0;
}

/* A monitoring context may have queued any of them again. */
static void hold(struct hiredis_state *state, bool is_monitoring, struct hiredis_callback *callback)
{
    struct hiredis_callback *next;
    for (struct hiredis_callback *at = is_monitoring ? NULL : state->ended; at; at = next) {
        next = at->next;
        keep(state, at);
    }
    __atomic_store_n(&callback->next, is_monitoring ? state->ended : NULL, __ATOMIC_RELAXED);
    state->ended = callback;
}

/* What it means for the span, and as facts. */
static enum wire_outcome copy_end(const struct hiredis_state *state, const redisContext *c, const void *reply,
                                  int type, const struct hiredis_callback *callback,
                                  struct operation *operation)
{
    struct facts facts = operation_facts(operation);
    if (reply)
        return hiredis_copy_reply(&facts, &state->library, c, reply, type, callback->verb);
    if (!hiredis_error(&state->library, c))
        return WIRE_ABANDONED;
    hiredis_copy_error(&facts, &state->library, c);
    return WIRE_FAILED;
}

/* Anything but a plain answer. */
static __attribute__((noinline, cold)) void end_unusual(struct connection *connection, const redisContext *c,
                                                        const void *reply, int type,
                                                        const struct hiredis_callback *callback)
{
    const struct hiredis_state *state = hiredis_state_of(connection);
    struct operation *operation = operation_oldest(connection);
    if (!operation)
        return; /* of the parent process, before the fork */
    operation_close(connection, operation, copy_end(state, c, reply, type, callback, operation));
    if (state->n_expected)
        hiredis_follow_answered(connection, c, operation, reply);
}

static inline void end_operation(struct connection *connection, const redisContext *c, const void *reply,
                                 const struct hiredis_callback *callback)
{
    const struct hiredis_state *state = hiredis_state_of(connection);
    if (!connection->n_operations || connection->first_operation != callback->operation)
        return;
    int type = hiredis_reply_type(&state->library, c, reply);
    if (__builtin_expect(
            !reply || type == REDIS_REPLY_ERROR || callback->verb != HIREDIS_PLAIN || state->n_expected, 0))
        end_unusual(connection, c, reply, type, callback);
    else
        operation_close_oldest(connection);
}

/* No reply will come to any command of the context, or none is waited for any more: it is freed when we return. */
static bool is_over(struct connection *connection, unsigned flags, const void *reply)
{
    bool may_come_back = (flags & (HIREDIS_SUBSCRIBED | HIREDIS_MONITORING)) != 0;
    return !connection->n_operations &&
           (!reply || (hiredis_state_of(connection)->is_closing && !may_come_back));
}

struct target {
    redisCallbackFn *function;
    void *data;
};

static HOT __attribute__((noinline)) struct target finish(redisAsyncContext *ac, const void *reply,
                                                          struct hiredis_callback *callback)
{
    struct target target = {callback->function, callback->data};
    const redisContext *c = &ac->c;
    struct connection *connection = hiredis_find_connection(c);
    if (!callback->operation)
        return target; /* once more */
    if (!connection || hiredis_state_of(connection)->serial != callback->serial) {
        give_back(callback); /* redisAsyncFree: its span has ended */
        return target;
    }
    if (reply)
        hiredis_note_reply(connection);
    end_operation(connection, c, reply, callback);
    callback->operation = 0;
    unsigned flags = hiredis_flags(&hiredis_state_of(connection)->library, c);
    hold(hiredis_state_of(connection), (flags & HIREDIS_MONITORING) != 0, callback);
    if (is_over(connection, flags, reply))
        hiredis_forget(c);
    return target;
}

/* The program's function comes last: a sibling call, so that what it calls in the same way does not seem to come from us. */
HOT void hiredis_callback_run(redisAsyncContext *ac, void *reply, void *data)
{
    struct target target = finish(ac, reply, data);
    target.function(ac, reply, target.data);
}
