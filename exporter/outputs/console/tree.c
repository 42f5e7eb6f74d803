/*
 * tree: children under their parents, both in order of start.
 *
 * Spans come with only a parent's id, in the order in which they ended, and some twice (delivery is at-least-once).
 * Sorting them by id once makes every look-up a binary search: a trace has 1,000 spans at most in ordinary life, but
 * one under a TRACEPARENT may have any number.
 */
#include "outputs/console/console_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int compare_ids(const void *left, const void *right)
{
    const struct shown_span *const *a = left, *const *b = right;
    return memcmp((*a)->span_id, (*b)->span_id, sizeof((*a)->span_id));
}

static int compare_starts(const void *left, const void *right)
{
    const struct shown_span *const *a = left, *const *b = right;
    if ((*a)->start_unix_ns != (*b)->start_unix_ns)
        return (*a)->start_unix_ns < (*b)->start_unix_ns ? -1 : 1;
    if ((*a)->end_unix_ns != (*b)->end_unix_ns) /* what lasted longer contains the other */
        return (*a)->end_unix_ns > (*b)->end_unix_ns ? -1 : 1;
    return memcmp((*a)->span_id, (*b)->span_id, sizeof((*a)->span_id));
}

static struct shown_span **make_index(const struct shown_trace *trace,
                                      int (*compare)(const void *left, const void *right))
{
    struct shown_span **index = malloc((trace->n_spans + 1) * sizeof(struct shown_span *));
    if (!index)
        abort();
    uint32_t n = 0;
    for (struct shown_span *span = trace->spans; span; span = span->next)
        index[n++] = span;
    assert(n == trace->n_spans);
    qsort(index, n, sizeof(struct shown_span *), compare);
    return index;
}

static struct shown_span *find_parent(struct shown_span **by_id, uint32_t n, const struct shown_span *span)
{
    if (!span->has_parent)
        return NULL;
    struct shown_span wanted, *key = &wanted;
    memcpy(wanted.span_id, span->parent_span_id, sizeof(wanted.span_id));
    struct shown_span **found = bsearch(&key, by_id, n, sizeof(struct shown_span *), compare_ids);
    return found && *found != span ? *found : NULL;
}

bool tree_is_whole(const struct shown_trace *trace, bool *ret_has_remote)
{
    struct shown_span **by_id = make_index(trace, compare_ids);
    bool is_whole = true;
    *ret_has_remote = false;
    for (const struct shown_span *span = trace->spans; span && is_whole; span = span->next) {
        if (span->is_parent_remote)
            *ret_has_remote = true;
        else
            is_whole = !span->has_parent || find_parent(by_id, trace->n_spans, span);
    }
    free(by_id);
    return is_whole;
}

/* Hostile ids could make a ring, or a chain without end: whoever is too far from a root becomes one itself. */
static bool hangs_on_root(const struct shown_span *span, struct shown_span **by_id, uint32_t n)
{
    for (uint32_t depth = 0; depth < TREE_MAX_DEPTH; depth++) {
        if (!span || span->is_root)
            return true;
        span = find_parent(by_id, n, span);
    }
    return false;
}

static void drop_repeats(struct shown_trace *trace)
{
    struct shown_span **by_id = make_index(trace, compare_ids);
    uint32_t n = trace->n_spans;
    trace->spans = NULL;
    trace->last_span = &trace->spans;
    for (uint32_t i = 0; i < n; i++) {
        bool is_repeat = i + 1 < n && compare_ids(&by_id[i], &by_id[i + 1]) == 0;
        if (is_repeat) {
            free(by_id[i]);
            trace->n_spans--;
            continue;
        }
        by_id[i]->next = NULL;
        *trace->last_span = by_id[i];
        trace->last_span = &by_id[i]->next;
    }
    free(by_id);
}

struct shown_span *tree_build(struct shown_trace *trace)
{
    drop_repeats(trace);
    struct shown_span **by_id = make_index(trace, compare_ids),
                      **by_start = make_index(trace, compare_starts);
    struct shown_span *roots = NULL;
    for (struct shown_span *span = trace->spans; span; span = span->next) {
        span->first_child = span->next_sibling = NULL;
        span->is_root = false;
    }
    /* From the last start to the first, each put in front: lists come out in order without walking them. */
    for (uint32_t i = trace->n_spans; i-- > 0;) {
        struct shown_span *span = by_start[i], *parent = find_parent(by_id, trace->n_spans, span);
        if (parent && !hangs_on_root(span, by_id, trace->n_spans))
            parent = NULL;
        struct shown_span **list = parent ? &parent->first_child : &roots;
        span->next_sibling = *list;
        *list = span;
        span->is_root = !parent;
    }
    free(by_id);
    free(by_start);
    return roots;
}
