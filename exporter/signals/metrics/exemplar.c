/* exemplar: see exemplar.h. */
#include "signals/metrics/exemplar.h"

#include <stdlib.h>
#include <string.h>

#define EXPONENTIAL_SLOTS 20u

struct exemplar_slot {
    struct exemplar kept;
    uint64_t n_seen; /* since the last collection; of an exponential histogram slot 0 counts for all */
};

/* Marsaglia's xorshift; any seed but 0 will do. */
static uint64_t draw(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* The k-th comes in with probability n / k: then each of k is there with the same. UINT32_MAX: it stays out. */
static uint32_t choose(struct exemplars *exemplars, bool is_aligned, uint32_t bucket)
{
    uint64_t *n_seen = &exemplars->slots[is_aligned ? bucket : 0].n_seen;
    uint64_t n_before = (*n_seen)++;
    /* below n_before + 1; [a division was the dearest part of a measurement] */
    uint64_t drawn = (uint64_t)(((__uint128_t)draw() * (n_before + 1)) >> 64);
    if (is_aligned)
        return drawn == 0 ? bucket : UINT32_MAX;
    if (n_before < exemplars->n_slots)
        return (uint32_t)n_before;
    return drawn < exemplars->n_slots ? (uint32_t)drawn : UINT32_MAX;
}

void exemplars_offer(struct exemplars *exemplars, uint32_t n_slots, uint32_t bucket,
                     const struct exemplar *offered)
{
    if (!exemplars->slots) {
        exemplars->n_slots = n_slots ? n_slots : EXPONENTIAL_SLOTS;
        exemplars->slots = calloc(exemplars->n_slots, sizeof(*exemplars->slots));
        if (!exemplars->slots)
            abort(); /* as the arena does */
    }
    uint32_t slot = choose(exemplars, n_slots > 0, bucket);
    if (slot != UINT32_MAX)
        exemplars->slots[slot].kept = *offered;
}

static void show(const struct exemplar *kept, struct arena *arena, struct metric_exemplar *ret_shown)
{
    *ret_shown = (struct metric_exemplar){.value = kept->value, .time_unix_ns = kept->time_unix_ns};
    memcpy(ret_shown->trace_id, kept->trace_id, sizeof(kept->trace_id));
    memcpy(ret_shown->span_id, kept->span_id, sizeof(kept->span_id));
    if (kept->peer[0])
        attribute_set_string(&ret_shown->filtered, arena, "network.peer.address", kept->peer);
    if (kept->peer[0] && kept->peer_port)
        attribute_set_int(&ret_shown->filtered, arena, "network.peer.port", kept->peer_port);
}

void exemplars_take(struct exemplars *exemplars, struct arena *arena, uint64_t start_unix_ns,
                    uint64_t end_unix_ns, struct metric_point *point)
{
    if (!exemplars->slots)
        return;
    struct metric_exemplar *shown = arena_alloc(arena, exemplars->n_slots * sizeof(*shown));
    uint32_t n = 0;
    for (uint32_t i = 0; i < exemplars->n_slots; i++) {
        struct exemplar *kept = &exemplars->slots[i].kept;
        if (!kept->time_unix_ns)
            continue;
        /* a call may have been read long after it ended: the window of its point is the one it was counted in */
        kept->time_unix_ns = kept->time_unix_ns <= start_unix_ns ? start_unix_ns + 1
                             : kept->time_unix_ns > end_unix_ns  ? end_unix_ns
                                                                 : kept->time_unix_ns;
        show(kept, arena, &shown[n++]);
    }
    point->exemplars = shown;
    point->n_exemplars = n;
    exemplars_fini(exemplars);
}

void exemplars_fini(struct exemplars *exemplars)
{
    free(exemplars->slots);
    *exemplars = (struct exemplars){0};
}
