/*
 * operation_text: the statement or URL of an operation: staged in its slot as a block of its own, as far as there is room,
 * and whole in the record; and what lies with the handle until then.
 */
#include "operation_priv.h"

#include "hot.h"
#include "record.h"
#include "sampler.h"
#include <string.h>

/* Appends the statement's fact behind the place of its block's head; returns its bytes. */
static uint32_t stage_statement(const struct operation *operation, uint8_t *staged, uint32_t at,
                                uint32_t max_bytes, const char *text, size_t bytes)
{
    const struct links *links = (const struct links *)operation->slot.host_private;
    uint32_t fact_bytes = 0;
    volatile uint32_t is_appending; /* the slot is this thread's alone */
    struct facts facts = {.base = staged + at + sizeof(struct wire_facts),
                          .bytes = &fact_bytes,
                          .max_bytes = max_bytes,
                          .always_only = !sampler_wants_all(operation->slot.span.facts.flags),
                          .busy = &is_appending};
    facts_string(&facts, (enum wire_attribute)links->statement_key, text, bytes);
    return fact_bytes;
}

/*
 * The block may lie there still, from an operation that the slot had before: its number tells. What has been staged since
 * was staged from the slot's beginning without a gap, over the block's head first; and no fact looks like a head. Returns
 * its facts' bytes, 0 where it has to be staged.
 */
static inline uint32_t reuse_shared(struct wire_open_span *open, const uint8_t *staged,
                                    const struct interned *mark)
{
    const struct wire_facts *there = (const struct wire_facts *)(const void *)(staged + open->bytes);
    if (!mark->number || there->number != mark->number || there->record.kind != WIRE_RECORD_FACTS ||
        there->record.bytes != sizeof(*there) + there->fact_bytes)
        return 0;
    open->bytes += there->record.bytes;
    open->n_shared++;
    return there->fact_bytes;
}

static inline void note(struct operation *operation, struct interned *mark, uint32_t at, const char *text,
                        size_t bytes, uint32_t fact_bytes)
{
    struct links *links = links_of(operation);
    links->statement = mark;
    links->statement_at = at;
    links->whole_bytes = bytes;
    links->whole_text = bytes + sizeof(struct wire_fact) > fact_bytes ? text : NULL;
}

/* The block anew. */
/* six things to know, as operation_text() has them: NOLINTNEXTLINE(readability-function-size) */
static __attribute__((noinline)) void stage_shared(struct operation *operation, struct interned *mark,
                                                   enum wire_attribute key, const char *text, size_t bytes,
                                                   uint32_t later_bytes)
{
    struct wire_open_span *open = &operation->slot.span;
    uint8_t *staged = operation->slot.staged;
    uint32_t at = open->bytes, taken = at + (uint32_t)sizeof(struct wire_facts) + later_bytes;
    if (taken >= WIRE_OPERATION_STAGING_BYTES)
        return;
    links_of(operation)->statement_key = (uint32_t)key;
    uint32_t fact_bytes =
        stage_statement(operation, staged, at, WIRE_OPERATION_STAGING_BYTES - taken, text, bytes);
    if (!fact_bytes)
        return;
    record_seal_shared(open, staged, mark, fact_bytes);
    note(operation, mark, at, text, bytes, fact_bytes);
}

/* six things to know: NOLINTNEXTLINE(readability-function-size) */
HOT void operation_text(struct operation *operation, struct interned *mark, enum wire_attribute key,
                        const char *text, size_t bytes, uint32_t later_bytes)
{
    struct wire_open_span *open = &operation->slot.span;
    uint32_t at = open->bytes;
    if (__builtin_expect(open->n_shared > 1 || at + sizeof(struct wire_facts) > WIRE_OPERATION_STAGING_BYTES,
                         0))
        return;
    uint32_t fact_bytes = reuse_shared(open, operation->slot.staged, mark);
    if (__builtin_expect(!fact_bytes, 0)) {
        stage_shared(operation, mark, key, text, bytes, later_bytes);
        return;
    }
    links_of(operation)->statement_key = (uint32_t)key;
    note(operation, mark, at, text, bytes, fact_bytes);
}

bool operation_stage_whole(struct thread *thread, const struct operation *operation,
                           struct wire_open_span *ret_open, uint8_t **ret_staged)
{
    const struct links *links = (const struct links *)operation->slot.host_private;
    const uint8_t *from = operation->slot.staged;
    const struct wire_facts *block = (const struct wire_facts *)(const void *)(from + links->statement_at);
    uint32_t at = links->statement_at, rest_at = at + block->record.bytes;
    struct wire_thread_slot *slot = thread->slots[0];
    const struct wire_open_span *top = slot->depth ? &slot->open[slot->depth - 1] : NULL;
    uint32_t taken = top ? top->from + top->bytes : 0;
    uint32_t needed = operation->slot.span.bytes + WIRE_STRING_MAX + 64;
    if (links->statement->number != block->number || taken + needed > WIRE_STAGING_BYTES)
        return false;
    uint8_t *staged = slot->staged + taken;
    uint32_t rest_bytes = operation->slot.span.bytes - rest_at;
    memcpy(staged, from, at);
    *ret_open = operation->slot.span;
    ret_open->bytes = at;
    ret_open->n_shared--;
    uint32_t fact_bytes =
        stage_statement(operation, staged, at, WIRE_STRING_MAX + 64, links->whole_text, links->whole_bytes);
    record_seal_shared(ret_open, staged, links->statement, fact_bytes);
    memcpy(staged + ret_open->bytes, from + rest_at, rest_bytes);
    ret_open->bytes += rest_bytes;
    *ret_staged = staged;
    return true;
}

void operation_set_annex(struct operation *operation, const struct operation_annex *annex)
{
    links_of(operation)->annex = annex;
}

bool operation_stage_annex(struct thread *thread, const struct operation *operation,
                           struct wire_open_span *open, uint8_t **staged)
{
    const struct links *links = (const struct links *)operation->slot.host_private;
    struct wire_thread_slot *slot = thread->slots[0];
    const struct wire_open_span *top = slot->depth ? &slot->open[slot->depth - 1] : NULL;
    uint32_t taken = top ? top->from + top->bytes : 0;
    volatile uint32_t is_appending; /* the thread's own word is set already */
    if (taken + open->bytes > WIRE_STAGING_BYTES)
        return false;
    struct facts facts = {.base = slot->staged + taken,
                          .bytes = &open->bytes,
                          .max_bytes = WIRE_STAGING_BYTES - taken,
                          .always_only = !sampler_wants_all(operation->slot.span.facts.flags),
                          .busy = &is_appending};
    if (*staged != facts.base)
        memcpy(facts.base, *staged, open->bytes);
    for (uint32_t i = 0; i < OPERATION_ANNEX_FACTS; i++)
        facts_beginning(&facts, links->annex->keys[i], &links->annex->parts[i], 0);
    *staged = facts.base;
    return true;
}
