/* keep: see keep.h. */
#include "signals/spans/keep.h"

#include "base/table.h"
#include <stdlib.h>
#include <string.h>

#define LOOK_EVERY_MS 250u

/* A copy of a raw span; facts and their bytes lie behind it. */
struct held {
    struct held *next;
    struct receipt receipt;
    size_t bytes;
    struct raw_span raw;
    struct raw_fact facts[];
};

/* What this process did in one trace. */
struct part {
    uint8_t trace_id[16]; /* key */
    UT_hash_handle hh;    /* in the order in which they began */
    struct held *first, **last;
    uint64_t first_ms, last_ms;
    bool is_kept;   /* something was bad: nothing waits any more */
    bool is_remote; /* under the process's TRACEPARENT */
};

struct keep {
    size_t *total_bytes;
    keep_decide_fn decide;
    void *context;
    struct part *parts;
    uint64_t next_look_ms;
    struct keep_counts counts;
};

struct keep *keep_create(size_t *total_bytes, keep_decide_fn decide, void *context)
{
    struct keep *keep = calloc(1, sizeof(*keep));
    if (!keep)
        abort();
    *keep = (struct keep){.total_bytes = total_bytes, .decide = decide, .context = context};
    return keep;
}

/* ---- a span that waits ---- */

static struct held *copy_of(const struct raw_span *raw, const struct receipt *receipt)
{
    size_t bytes = sizeof(struct held) + raw->n_facts * sizeof(struct raw_fact);
    for (uint32_t i = 0; i < raw->n_facts; i++)
        bytes += raw->facts[i].bytes ? raw->facts[i].n_bytes : 0;
    struct held *held = malloc(bytes);
    if (!held)
        abort();
    held->next = NULL;
    held->receipt = *receipt;
    held->bytes = bytes;
    held->raw = *raw;
    held->raw.facts = held->facts;
    held->raw.source = (struct raw_source){0};
    char *at = (char *)&held->facts[raw->n_facts];
    for (uint32_t i = 0; i < raw->n_facts; i++) {
        held->facts[i] = raw->facts[i];
        if (!raw->facts[i].bytes)
            continue;
        memcpy(at, raw->facts[i].bytes, raw->facts[i].n_bytes);
        held->facts[i].bytes = at;
        at += raw->facts[i].n_bytes;
    }
    return held;
}

static void append(struct keep *keep, struct part *part, struct held *held)
{
    *part->last = held;
    part->last = &held->next;
    keep->counts.held++;
    *keep->total_bytes += held->bytes;
}

/* All that waits in the part, in the order it came. */
static void decide_all(struct keep *keep, struct part *part, bool is_kept)
{
    for (struct held *held = part->first, *next; held; held = next) {
        next = held->next;
        keep->counts.held--;
        keep->counts.kept += is_kept;
        *keep->total_bytes -= held->bytes;
        keep->decide(keep->context, &held->raw, &held->receipt, is_kept);
        free(held);
    }
    part->first = NULL;
    part->last = &part->first;
}

/* ---- a part ---- */

/* NOLINTNEXTLINE(readability-function-size): uthash */
static struct part *find_part(struct keep *keep, const struct raw_span *raw, uint64_t now_ms)
{
    struct part *part;
    HASH_FIND(hh, keep->parts, raw->span.trace_id, sizeof(part->trace_id), part);
    if (part)
        return part;
    part = calloc(1, sizeof(*part));
    if (!part)
        abort();
    memcpy(part->trace_id, raw->span.trace_id, sizeof(part->trace_id));
    part->last = &part->first;
    part->first_ms = now_ms;
    HASH_ADD(hh, keep->parts, trace_id, sizeof(part->trace_id), part);
    return part;
}

/* NOLINTNEXTLINE(readability-function-size): uthash */
static void close_part(struct keep *keep, struct part *part)
{
    decide_all(keep, part, part->is_kept);
    HASH_DEL(keep->parts, part); /* NOLINT(clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference) */
    free(part);
}

static void drop_part(struct keep *keep, struct part *part)
{
    for (const struct held *held = part->first; held; held = held->next)
        keep->counts.dropped++;
    close_part(keep, part);
}

/* NOLINTNEXTLINE(readability-function-size): uthash */
void keep_destroy(struct keep *keep)
{
    struct part *part, *next;
    if (!keep)
        return;
    HASH_ITER(hh, keep->parts, part, next)
    {
        for (struct held *held = part->first, *after; held; held = after) {
            after = held->next;
            *keep->total_bytes -= held->bytes;
            free(held);
        }
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference): beyond it */
        HASH_DEL(keep->parts, part);
        free(part);
    }
    free(keep);
}

/* ---- deciding ---- */

static bool has_failed(const struct raw_span *raw)
{
    if (raw->kind == RAW_ROOT)
        return raw->errors > 0;
    const struct raw_fact *code = raw_span_find(raw, WIRE_DB_RESPONSE_STATUS_CODE);
    bool is_sql_error = code && code->bytes && code->n_bytes == 5 && memcmp(code->bytes, "02", 2) >= 0;
    return raw->kind == RAW_IN_FLIGHT || raw->outcome == WIRE_FAILED || raw->outcome == WIRE_REFUSED ||
           is_sql_error;
}

static bool is_bad(const struct settings *settings, const struct raw_span *raw)
{
    uint64_t start_ns = raw->span.start_mono_ns, end_ns = raw_span_end_mono_ns(raw);
    uint64_t took_ns = end_ns > start_ns ? end_ns - start_ns : 0;
    return took_ns > settings->keep_slow_ns || (settings->keep_errors && has_failed(raw));
}

void keep_hold(struct keep *keep, const struct settings *settings, const struct raw_span *raw,
               const struct receipt *receipt, uint64_t now_ms)
{
    struct part *part = find_part(keep, raw, now_ms);
    part->last_ms = now_ms;
    part->is_remote |= (raw->span.flags & WIRE_SPAN_REMOTE_PARENT) != 0;
    append(keep, part, copy_of(raw, receipt));
    part->is_kept |= is_bad(settings, raw);
    if (part->is_kept)
        decide_all(keep, part, true);
    if (raw->kind == RAW_ROOT || !(raw->span.flags & WIRE_SPAN_HAS_PARENT))
        close_part(keep, part);
    while (keep->parts && (*keep->total_bytes > KEEP_MAX_BYTES || HASH_COUNT(keep->parts) > KEEP_MAX_PARTS))
        drop_part(keep, keep->parts);
}

void keep_look(struct keep *keep, bool has_ended, uint64_t now_ms)
{
    if (!has_ended && now_ms < keep->next_look_ms)
        return;
    keep->next_look_ms = now_ms + LOOK_EVERY_MS;
    struct part *part, *next;
    HASH_ITER(hh, keep->parts, part, next)
    {
        if (has_ended || (part->is_remote && now_ms - part->last_ms >= KEEP_IDLE_MS && !part->is_kept))
            close_part(keep, part);
        else if (now_ms - part->last_ms >= KEEP_MAX_AGE_MS || now_ms - part->first_ms >= KEEP_MAX_AGE_MS)
            drop_part(keep, part);
    }
}

void keep_relieve(struct keep *keep)
{
    struct part *part, *next;
    HASH_ITER(hh, keep->parts, part, next)
    if (part->first)
        drop_part(keep, part);
}

struct keep_counts keep_get_counts(const struct keep *keep)
{
    return keep->counts;
}
