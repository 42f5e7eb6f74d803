/* lanes: see lanes.h. */
#include "cli/lanes.h"

#include "base/table.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PLACES 16u

struct place {
    uint64_t word;
    uint64_t ticket; /* 0: waits */
    bool is_done;
};

struct lane {
    struct {
        uint64_t client;
        uint32_t index;
        uint32_t kind;
    } key;
    UT_hash_handle hh;
    struct place *places; /* a ring: number n is at n % max */
    uint64_t first, next; /* numbers of the places in use: [first, next) */
    uint32_t max;
    uint64_t next_ticket;
};

struct lanes {
    struct lane *lanes;
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
static struct lane *find_lane(struct lanes *lanes, const struct receipt *receipt, bool may_make)
{
    struct lane *lane = NULL, wanted = {.key = {.client = receipt->client,
                                                .index = receipt->index,
                                                .kind = receipt->kind & ~(unsigned)RECEIPT_TICKET}};
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): all of the key is set */
    HASH_FIND(hh, lanes->lanes, &wanted.key, sizeof(wanted.key), lane);
    if (lane || !may_make)
        return lane;
    lane = calloc(1, sizeof(*lane));
    if (!lane)
        abort();
    lane->key = wanted.key;
    lane->next_ticket = 1;
    HASH_ADD(hh, lanes->lanes, key, sizeof(lane->key), lane);
    return lane;
}

static struct place *place_of(const struct lane *lane, uint64_t number)
{
    assert(lane->max > 0);
    return &lane->places[number % lane->max];
}

static void grow(struct lane *lane)
{
    uint32_t max = lane->max ? 2 * lane->max : FIRST_PLACES;
    struct place *places = calloc(max, sizeof(*places));
    if (!places)
        abort();
    for (uint64_t number = lane->first; number < lane->next; number++)
        places[number % max] = *place_of(lane, number);
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

struct receipt lanes_issue(struct lanes *lanes, const struct receipt *placed)
{
    struct lane *lane = find_lane(lanes, placed, true);
    struct receipt ticket = *placed;
    ticket.kind = (enum receipt_kind)(placed->kind | RECEIPT_TICKET);
    ticket.word = lane->next_ticket++;
    if (placed->word >= lane->first && placed->word < lane->next)
        place_of(lane, placed->word)->ticket = ticket.word;
    return ticket;
}

bool lanes_return(struct lanes *lanes, const struct receipt *ticket, struct receipt *ret_receipt)
{
    struct lane *lane = find_lane(lanes, ticket, false);
    if (!lane)
        return false;
    for (uint64_t number = lane->first; number < lane->next; number++) {
        struct place *place = place_of(lane, number);
        place->is_done |= place->ticket && place->ticket <= ticket->word;
    }
    bool has_moved = false;
    for (; lane->first < lane->next && place_of(lane, lane->first)->is_done; lane->first++) {
        *ret_receipt = *ticket;
        ret_receipt->kind = (enum receipt_kind)lane->key.kind;
        ret_receipt->word = place_of(lane, lane->first)->word;
        has_moved = true;
    }
    return has_moved;
}
