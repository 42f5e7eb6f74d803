/*
 * connection: see connection.h.
 *
 * A slab of entries in one anonymous mapping (touched as used: the lowest free entry first) and a set-associative
 * index over it: a handle may stand in any cell of two buckets. So deleting is one store: no tombstones, and
 * nothing to repair when two threads insert and delete next to each other.
 */
#include "connection.h"

#include "dropbox.h"
#include "hot.h"
#include "sys.h"
#include <string.h>
#include <sys/mman.h>

#define BUCKET_CELLS 16u
#define BUCKETS (4 * CONNECTION_MAX / BUCKET_CELLS)

struct slot {
    uint32_t is_used;
    uint8_t reserved[60];
    struct connection connection;
};
static_assert(sizeof(struct slot) == 4096, "one page each, so that few are touched");

HOT_WORD static struct slot *all_slots;             /* NULL until the first open() */
static uint64_t index_cells[BUCKETS][BUCKET_CELLS]; /* handle << 16 | slot + 1; 0 empty */

/* Of things interned; relaxed atomic. */
static uint32_t numbers;

/* User addresses have at most 48 bits on the machines we know; another handle is not followed. */
static bool is_followable(const void *handle)
{
    return handle && (uint64_t)(uintptr_t)handle < 1ull << 48;
}

uint32_t connection_new_number(void)
{
    return __atomic_add_fetch(&numbers, 1, __ATOMIC_RELAXED);
}

static struct slot *get_slots(void)
{
    struct slot *slots = __atomic_load_n(&all_slots, __ATOMIC_ACQUIRE);
    size_t bytes = CONNECTION_MAX * sizeof(struct slot);
    if (slots)
        return slots;
    struct slot *mine =
        sys_mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
    if (!mine ||
        __atomic_compare_exchange_n(&all_slots, &slots, mine, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return mine;
    sys_munmap(mine, bytes); /* another thread was faster */
    return slots;
}

/* The lowest free slot: few pages are touched. */
static struct slot *claim_slot(struct slot *slots)
{
    for (uint32_t i = 0; i < CONNECTION_MAX; i++) {
        uint32_t is_used = 0;
        if (!__atomic_load_n(&slots[i].is_used, __ATOMIC_RELAXED) &&
            __atomic_compare_exchange_n(&slots[i].is_used, &is_used, 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return &slots[i];
    }
    return NULL;
}

static inline uint32_t hash(const void *handle, unsigned which)
{
    uint64_t x = ((uint64_t)(uintptr_t)handle >> 4) * 0x9e3779b97f4a7c15ull;
    return (uint32_t)(x >> (which ? 20 : 44)) % BUCKETS;
}

/* Past the first cell. */
static __attribute__((noinline)) uint64_t search(const void *handle)
{
    for (unsigned which = 0; which < 2; which++) {
        const uint64_t *cells = index_cells[hash(handle, which)];
        for (uint32_t i = 0; i < BUCKET_CELLS; i++) {
            uint64_t value = __atomic_load_n(&cells[i], __ATOMIC_ACQUIRE);
            if (value >> 16 == (uint64_t)(uintptr_t)handle)
                return value;
        }
    }
    return 0;
}

HOT struct connection *connection_find_slowly(const void *handle)
{
    uint64_t value = __atomic_load_n(index_cells[hash(handle, 0)], __ATOMIC_ACQUIRE);
    if (!handle)
        return NULL;
    if (__builtin_expect(value >> 16 != (uint64_t)(uintptr_t)handle, 0))
        value = search(handle);
    if (!value)
        return NULL;
    struct slot *slots = __atomic_load_n(&all_slots, __ATOMIC_RELAXED);
    return thread_self.connection = &slots[(value & 0xffff) - 1].connection;
}

/* Other threads may compare with it meanwhile: those that had it as their last one. */
static void set_handle(struct connection *connection, const void *handle)
{
    __atomic_store_n(&connection->handle, handle, __ATOMIC_RELAXED);
}

/* Nobody finds it any more. */
static void give_back(struct slot *slot)
{
    set_handle(&slot->connection, &slot->connection);
    __atomic_store_n(&slot->is_used, 0, __ATOMIC_RELEASE);
}

static bool enter_index(const void *handle, uint64_t number)
{
    for (unsigned which = 0; which < 2; which++) {
        uint64_t *cells = index_cells[hash(handle, which)];
        for (uint32_t i = 0; i < BUCKET_CELLS; i++) {
            uint64_t empty = 0;
            if (__atomic_compare_exchange_n(&cells[i], &empty, (uint64_t)(uintptr_t)handle << 16 | number,
                                            false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
                return true;
        }
    }
    return false;
}

struct connection *connection_open(const void *handle, uint16_t instrumentation)
{
    if (!is_followable(handle))
        return NULL;
    connection_close(handle);
    struct slot *slots = get_slots();
    struct slot *slot = slots ? claim_slot(slots) : NULL;
    if (!slot) {
        dropbox_count(DROP_NO_CONNECTION);
        return NULL;
    }
    struct connection *connection = &slot->connection;
    static_assert(offsetof(struct connection, handle) == 0, "all behind it is emptied");
    memset((uint8_t *)connection + sizeof(connection->handle), 0,
           sizeof(*connection) - sizeof(connection->handle));
    connection->instrumentation = instrumentation;
    (void)connection_facts(connection);
    set_handle(connection, handle);
    if (enter_index(handle, (uint64_t)(slot - slots) + 1))
        return connection;
    give_back(slot);
    dropbox_count(DROP_NO_CONNECTION);
    return NULL;
}

void connection_close(const void *handle)
{
    if (!is_followable(handle) || !connection_find(handle))
        return;
    for (unsigned which = 0; which < 2; which++) {
        uint64_t *cells = index_cells[hash(handle, which)];
        for (uint32_t i = 0; i < BUCKET_CELLS; i++) {
            uint64_t value = __atomic_load_n(&cells[i], __ATOMIC_RELAXED);
            if (value >> 16 != (uint64_t)(uintptr_t)handle)
                continue;
            __atomic_store_n(&cells[i], 0, __ATOMIC_RELEASE);
            give_back(&all_slots[(value & 0xffff) - 1]);
        }
    }
}

void connection_visit(uint16_t instrumentation,
                      void (*visit)(struct connection *connection, const void *argument),
                      const void *argument)
{
    struct slot *slots = __atomic_load_n(&all_slots, __ATOMIC_ACQUIRE);
    const uint64_t *cells = &index_cells[0][0];
    for (uint32_t i = 0; slots && i < BUCKETS * BUCKET_CELLS; i++) {
        uint64_t value = __atomic_load_n(&cells[i], __ATOMIC_ACQUIRE);
        if (value && slots[(value & 0xffff) - 1].connection.instrumentation == instrumentation)
            visit(&slots[(value & 0xffff) - 1].connection, argument);
    }
}

/* A new number: what is staged under the old one must not pass for the new facts. */
struct facts connection_facts(struct connection *connection)
{
    connection->interned = (struct interned){.number = connection_new_number()};
    connection->shared = (struct wire_facts){
        .record = {.kind = WIRE_RECORD_FACTS},
        .number = connection->interned.number,
    };
    return (struct facts){
        .base = connection->facts,
        .bytes = &connection->shared.fact_bytes,
        .max_bytes = CONNECTION_FACT_BYTES,
        .busy = &connection->is_appending,
    };
}
