/* waiting: see waiting.h. */
#include "signals/metrics/waiting.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_MAX 16u
#define KEPT_MAX 4096u /* a ring that a burst made larger is given back once it is empty */

static void grow(struct ring *ring, size_t item_bytes)
{
    uint32_t max = ring->max ? 2 * ring->max : FIRST_MAX;
    char *items = malloc(max * item_bytes);
    if (!items)
        abort(); /* as the arena does */
    for (uint32_t i = 0; i < ring->n; i++)
        memcpy(items + i * item_bytes, ring->items + ((ring->first + i) & (ring->max - 1)) * item_bytes,
               item_bytes);
    free(ring->items);
    *ring = (struct ring){.items = items, .n = ring->n, .max = max};
}

static void put(struct ring *ring, const void *item, size_t item_bytes)
{
    if (ring->n == ring->max)
        grow(ring, item_bytes);
    memcpy(ring->items + ((ring->first + ring->n++) & (ring->max - 1)) * item_bytes, item, item_bytes);
}

static bool take(struct ring *ring, void *ret_item, size_t item_bytes)
{
    if (!ring->n)
        return false;
    memcpy(ret_item, ring->items + ring->first * item_bytes, item_bytes);
    ring->first = (ring->first + 1) & (ring->max - 1);
    if (--ring->n == 0 && ring->max > KEPT_MAX) {
        free(ring->items);
        *ring = (struct ring){0};
    }
    return true;
}

void waiting_put(struct waiting *waiting, const struct measured *measured, const struct exemplar *exemplar)
{
    struct measured copy = *measured;
    copy.has_exemplar = exemplar != NULL;
    put(&waiting->measured, &copy, sizeof(copy));
    if (exemplar)
        put(&waiting->exemplars, exemplar, sizeof(*exemplar));
}

bool waiting_take(struct waiting *waiting, struct measured *ret_measured, struct exemplar *ret_exemplar)
{
    return take(&waiting->measured, ret_measured, sizeof(*ret_measured)) &&
           (!ret_measured->has_exemplar || take(&waiting->exemplars, ret_exemplar, sizeof(*ret_exemplar)));
}

void waiting_fini(struct waiting *waiting)
{
    free(waiting->measured.items);
    free(waiting->exemplars.items);
    *waiting = (struct waiting){0};
}
