/* waiting: see waiting.h. */
#include "signals/metrics/waiting.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_MAX 16u
#define KEPT_MAX 4096u /* a ring that a burst made larger is given back once it is empty */

static void *at(const struct ring *ring, uint64_t number, size_t item_bytes)
{
    uint32_t i = (ring->first + (uint32_t)(number - ring->number)) & (ring->max - 1);
    return ring->items + i * item_bytes;
}

static void grow(struct ring *ring, size_t item_bytes)
{
    uint32_t max = ring->max ? 2 * ring->max : FIRST_MAX;
    char *items = malloc(max * item_bytes);
    if (!items)
        abort(); /* as the arena does */
    for (uint32_t i = 0; i < ring->n; i++)
        memcpy(items + i * item_bytes, at(ring, ring->number + i, item_bytes), item_bytes);
    free(ring->items);
    *ring = (struct ring){.items = items, .n = ring->n, .max = max, .number = ring->number};
}

static void *append(struct ring *ring, size_t item_bytes)
{
    if (ring->n == ring->max)
        grow(ring, item_bytes);
    return at(ring, ring->number + ring->n++, item_bytes);
}

static void drop_first(struct ring *ring)
{
    ring->first = (ring->first + 1) & (ring->max - 1);
    ring->number++;
    ring->n--;
}

static void tidy(struct ring *ring)
{
    if (ring->n || ring->max <= KEPT_MAX)
        return;
    free(ring->items);
    *ring = (struct ring){.number = ring->number};
}

uint64_t waiting_next(const struct waiting *waiting)
{
    return waiting->measured.number + waiting->measured.n;
}

struct measured *waiting_add(struct waiting *waiting, struct exemplar **ret_exemplar)
{
    struct measured *measured = append(&waiting->measured, sizeof(*measured));
    *measured = (struct measured){.has_exemplar = ret_exemplar != NULL};
    if (ret_exemplar) {
        measured->exemplar = waiting->exemplars.number + waiting->exemplars.n;
        *ret_exemplar = append(&waiting->exemplars, sizeof(**ret_exemplar));
    }
    return measured;
}

const struct measured *waiting_take(struct waiting *waiting, uint64_t number, struct exemplar **ret_exemplar)
{
    const struct ring *ring = &waiting->measured;
    struct measured *measured = number - ring->number < ring->n ? at(ring, number, sizeof(*measured)) : NULL;
    *ret_exemplar = NULL;
    if (!measured || measured->is_taken)
        return NULL;
    measured->is_taken = true;
    if (measured->has_exemplar)
        *ret_exemplar = at(&waiting->exemplars, measured->exemplar, sizeof(**ret_exemplar));
    return measured;
}

void waiting_tidy(struct waiting *waiting)
{
    while (waiting->measured.n) {
        const struct measured *first = at(&waiting->measured, waiting->measured.number, sizeof(*first));
        if (!first->is_taken)
            break;
        if (first->has_exemplar)
            drop_first(&waiting->exemplars);
        drop_first(&waiting->measured);
    }
    tidy(&waiting->measured);
    tidy(&waiting->exemplars);
}

void waiting_fini(struct waiting *waiting)
{
    free(waiting->measured.items);
    free(waiting->exemplars.items);
    *waiting = (struct waiting){0};
}
