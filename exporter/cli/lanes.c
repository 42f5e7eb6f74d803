/* lanes: see lanes.h. */
#include "cli/lanes.h"

#include "base/table.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PLACES 16u
#define TICKET_BITS ((unsigned)RECEIPT_TICKET | (unsigned)RECEIPT_LOGS)

struct place {
    uint64_t word;
    uint64_t ticket; /* 0: waits */
    uint64_t first_measured;
    uint32_t n_measured;
    uint8_t way;
    bool is_done;
};

struct lane_key {
    uint64_t client;
    uint32_t index;
    uint32_t kind;
};
static_assert(sizeof(struct lane_key) == 16, "no padding: it is hashed as bytes");

struct lane {
    struct lane_key key;
    UT_hash_handle hh;
    struct place *places; /* a ring: number n is at n % max */
    uint64_t first, next; /* numbers of the places in use: [first, next) */
    uint32_t max;         /* a power of two */
    uint64_t next_ticket;
};

struct lanes {
    struct lane *lanes;
    struct lane *last; /* the one asked for last: records come chunk by chunk */
};

struct lanes *lanes_create(void)
{
    struct lanes *lanes = calloc(1, sizeof(*lanes));
    if (!lanes)
        abort();
    return lanes;
}

/* NOLINTNEXTLINE(readability-function-size): uthash */
void lanes_destroy(struct lanes *lanes)
{
    struct lane *lane, *next;
    if (!lanes)
        return;
    HASH_ITER(hh, lanes->lanes, lane, next)
    {
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference): beyond it */
        HASH_DEL(lanes->lanes, lane);
        free(lane->places);
        free(lane);
    }
    free(lanes);
}

/* NOLINTNEXTLINE(readability-function-size): uthash */
static struct lane *look_up(struct lanes *lanes, const struct lane_key *key, bool may_make)
{
    struct lane *lane;
    HASH_FIND(hh, lanes->lanes, key, sizeof(*key), lane);
    if (lane)
        lanes->last = lane;
    if (lane || !may_make)
        return lane;
    lane = calloc(1, sizeof(*lane));
    if (!lane)
        abort();
    lane->key = *key;
    lane->next_ticket = 1;
    HASH_ADD(hh, lanes->lanes, key, sizeof(lane->key), lane);
    return lane;
}

static struct lane *find_lane(struct lanes *lanes, const struct receipt *receipt, bool may_make)
{
    struct lane *last = lanes->last;
    const struct lane_key key = {receipt->client, receipt->index, receipt->kind & ~TICKET_BITS};
    if (last && last->key.index == key.index && last->key.client == key.client && last->key.kind == key.kind)
        return last;
    return look_up(lanes, &key, may_make);
}

static struct place *place_of(const struct lane *lane, uint64_t number)
{
    assert(lane->max > 0);
    return &lane->places[number & (lane->max - 1)];
}

static void grow(struct lane *lane)
{
    uint32_t max = lane->max ? 2 * lane->max : FIRST_PLACES;
    struct place *places = calloc(max, sizeof(*places));
    if (!places)
        abort();
    for (uint64_t number = lane->first; number < lane->next; number++)
        places[number & (max - 1)] = *place_of(lane, number);
    free(lane->places);
    lane->places = places;
    lane->max = max;
}

struct receipt lanes_enter(struct lanes *lanes, const struct receipt *receipt)
{
    struct lane *lane = find_lane(lanes, receipt, true);
    if (lane->next - lane->first == lane->max)
        grow(lane);
    *place_of(lane, lane->next) = (struct place){.word = receipt->word};
    struct receipt placed = *receipt;
    placed.word = lane->next++;
    return placed;
}

struct receipt lanes_issue(struct lanes *lanes, const struct receipt *placed, enum lane_way way,
                           const struct measured_range *measured)
{
    struct lane *lane = find_lane(lanes, placed, true);
    struct receipt ticket = *placed;
    ticket.kind =
        (enum receipt_kind)(placed->kind | RECEIPT_TICKET | (way == LANE_LOGS ? RECEIPT_LOGS : RECEIPT_NONE));
    ticket.word = lane->next_ticket++;
    ticket.n_measured = measured->n;
    if (placed->word < lane->first || placed->word >= lane->next)
        return ticket;
    struct place *place = place_of(lane, placed->word);
    place->ticket = ticket.word;
    place->way = (uint8_t)way;
    place->first_measured = measured->first;
    place->n_measured = measured->n;
    return ticket;
}

bool lanes_return(struct lanes *lanes, const struct receipt *ticket,
                  void (*each)(void *context, const struct measured_range *measured), void *context,
                  struct receipt *ret_receipt)
{
    struct lane *lane = find_lane(lanes, ticket, false);
    uint8_t way = (unsigned)ticket->kind & RECEIPT_LOGS ? LANE_LOGS : LANE_SPANS;
    if (!lane)
        return false;
    for (uint64_t number = lane->first; number < lane->next; number++) {
        struct place *place = place_of(lane, number);
        place->is_done |= place->ticket && place->way == way && place->ticket <= ticket->word;
    }
    bool has_moved = false;
    for (; lane->first < lane->next && place_of(lane, lane->first)->is_done; lane->first++) {
        const struct place *place = place_of(lane, lane->first);
        *ret_receipt = *ticket;
        ret_receipt->kind = (enum receipt_kind)lane->key.kind;
        ret_receipt->word = place->word;
        const struct measured_range measured = {place->first_measured, place->n_measured};
        if (measured.n)
            each(context, &measured);
        has_moved = true;
    }
    return has_moved;
}
