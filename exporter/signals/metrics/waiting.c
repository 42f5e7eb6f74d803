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

static void *append(struct ring *ring, size_t item_bytes)
{
    if (ring->n == ring->max)
        grow(ring, item_bytes);
    return ring->items + ((ring->first + ring->n++) & (ring->max - 1)) * item_bytes;
}

static void *take(struct ring *ring, size_t item_bytes)
{
    if (!ring->n)
        return NULL;
    void *item = ring->items + ring->first * item_bytes;
    ring->first = (ring->first + 1) & (ring->max - 1);
    ring->n--;
    return item;
}

static void tidy(struct ring *ring)
{
    if (ring->n || ring->max <= KEPT_MAX)
        return;
    free(ring->items);
    *ring = (struct ring){0};
}

struct measured *waiting_add(struct waiting *waiting, struct exemplar **ret_exemplar)
{
    struct measured *measured = append(&waiting->measured, sizeof(*measured));
    *measured = (struct measured){.has_exemplar = ret_exemplar != NULL};
    if (ret_exemplar)
        *ret_exemplar = append(&waiting->exemplars, sizeof(**ret_exemplar));
    return measured;
}

const struct measured *waiting_take(struct waiting *waiting, struct exemplar **ret_exemplar)
{
    const struct measured *measured = take(&waiting->measured, sizeof(*measured));
    *ret_exemplar =
        measured && measured->has_exemplar ? take(&waiting->exemplars, sizeof(**ret_exemplar)) : NULL;
    return measured;
}

void waiting_tidy(struct waiting *waiting)
{
    tidy(&waiting->measured);
    tidy(&waiting->exemplars);
}

void waiting_fini(struct waiting *waiting)
{
    free(waiting->measured.items);
    free(waiting->exemplars.items);
    *waiting = (struct waiting){0};
}
