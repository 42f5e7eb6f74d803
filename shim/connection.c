/*
 * connection: see connection.h.
 *
 * A slab of entries in one anonymous mapping (touched as used: the lowest free entry first) and a set-associative
 * index over it: a handle may stand in any cell of two buckets. So deleting is one store: no tombstones, and
 * nothing to repair when two threads insert and delete next to each other.
 */
#include "connection.h"

#include "dropbox.h"
#include "sys.h"
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define BUCKET_CELLS 16u
#define N_BUCKETS (4 * CONNECTION_MAX / BUCKET_CELLS)

static_assert(sizeof(struct connection) == 4096 - 64, "an entry and its place in the slab");

struct slot {
    atomic_uint is_used;
    uint8_t reserved[60];
    struct connection connection;
};
static_assert(sizeof(struct slot) == 4096, "one page each, so that few are touched");

/* One per process; the slab is made by the first open(). */
static struct {
    _Atomic(struct slot *) slots;
    atomic_uint numbers;                             /* of things interned */
    _Atomic uint64_t cells[N_BUCKETS][BUCKET_CELLS]; /* handle << 16 | entry + 1; 0 empty */
} registry;

/* User addresses have at most 48 bits on the machines we know; another handle is not followed. */
static bool is_followable(const void *handle)
{
    return handle && (uint64_t)(uintptr_t)handle < 1ull << 48;
}

static uint32_t hash_bucket(const void *handle, unsigned which)
{
    uint64_t x = (uint64_t)(uintptr_t)handle;
    x = (x ^ (x >> 29)) * 0x9e3779b97f4a7c15ull;
    return (uint32_t)(x >> (which ? 20 : 44)) % N_BUCKETS;
}

uint32_t connection_new_number(void)
{
    return atomic_fetch_add_explicit(&registry.numbers, 1, memory_order_relaxed) + 1;
}

/* The cell that names `handle`, or NULL; its value at that moment in *ret_value. */
static _Atomic uint64_t *find_cell(const void *handle, uint64_t *ret_value)
{
    for (unsigned which = 0; which < 2; which++) {
        _Atomic uint64_t *cells = registry.cells[hash_bucket(handle, which)];
        for (uint32_t i = 0; i < BUCKET_CELLS; i++) {
            uint64_t value = atomic_load_explicit(&cells[i], memory_order_acquire);
            if (value >> 16 == (uint64_t)(uintptr_t)handle) {
                *ret_value = value;
                return &cells[i];
            }
        }
    }
    return NULL;
}

struct connection *connection_find(const void *handle)
{
    struct slot *slots = atomic_load_explicit(&registry.slots, memory_order_acquire);
    uint64_t value;
    if (!slots || !is_followable(handle) || !find_cell(handle, &value))
        return NULL;
    return &slots[(value & 0xffff) - 1].connection;
}

static struct slot *get_slots(void)
{
    struct slot *slots = atomic_load_explicit(&registry.slots, memory_order_acquire);
    if (slots)
        return slots;
    void *made = sys_mmap(NULL, CONNECTION_MAX * sizeof(struct slot), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
    if (!made)
        return NULL;
    struct slot *none = NULL;
    struct slot *mine = made;
    if (atomic_compare_exchange_strong(&registry.slots, &none, mine))
        return mine;
    sys_munmap(mine, CONNECTION_MAX * sizeof(struct slot)); /* another thread was faster */
    return none;
}

/* The lowest free slot: few pages are touched. */
static struct slot *claim_slot(struct slot *slots)
{
    for (uint32_t i = 0; i < CONNECTION_MAX; i++) {
        unsigned is_used = 0;
        if (!atomic_load_explicit(&slots[i].is_used, memory_order_relaxed) &&
            atomic_compare_exchange_strong(&slots[i].is_used, &is_used, 1))
            return &slots[i];
    }
    return NULL;
}

static bool enter_index(const void *handle, uint64_t number)
{
    for (unsigned which = 0; which < 2; which++) {
        _Atomic uint64_t *cells = registry.cells[hash_bucket(handle, which)];
        for (uint32_t i = 0; i < BUCKET_CELLS; i++) {
            uint64_t empty = 0;
            if (atomic_compare_exchange_strong(&cells[i], &empty, (uint64_t)(uintptr_t)handle << 16 | number))
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
    memset(&slot->connection, 0, sizeof(slot->connection));
    slot->connection.handle = handle;
    slot->connection.instrumentation = instrumentation;
    slot->connection.interned.number = connection_new_number();
    if (!enter_index(handle, (uint64_t)(slot - slots) + 1)) {
        atomic_store_explicit(&slot->is_used, 0, memory_order_release);
        dropbox_count(DROP_NO_CONNECTION);
        return NULL;
    }
    return &slot->connection;
}

void connection_close(const void *handle)
{
    struct slot *slots = atomic_load_explicit(&registry.slots, memory_order_acquire);
    uint64_t value;
    _Atomic uint64_t *cell = slots && is_followable(handle) ? find_cell(handle, &value) : NULL;
    if (!cell)
        return;
    atomic_store_explicit(cell, 0, memory_order_release);
    atomic_store_explicit(&slots[(value & 0xffff) - 1].is_used, 0, memory_order_release);
}

struct facts connection_facts(struct connection *connection)
{
    connection->fact_bytes = 0;
    connection->interned = (struct interned){.number = connection_new_number()};
    return (struct facts){
        .base = connection->facts,
        .bytes = &connection->fact_bytes,
        .max_bytes = CONNECTION_FACT_BYTES,
    };
}
