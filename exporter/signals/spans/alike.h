/*
 * alike: what is remembered of spans, while a batch is being filled, to make the next ones of it sooner.
 *
 * A program that repeats itself makes spans of the same facts again and again. What does not depend on ids and times is
 * worked out once per arena, that is, per batch, and shared; all of it lies in the arena and goes with it. Context: loop.
 */
#ifndef OTELSHIM_ALIKE_H
#define OTELSHIM_ALIKE_H

#include "settings/settings.h"
#include "telemetry/raw_span.h"
#include "telemetry/span.h"

/* Where the like of a span is, or will be. */
struct alike_place {
    struct alike_entry **entry; /* NULL: this span is not one to be remembered */
    uint64_t *seen, hash;
};

/* The scope of an instrumentation's spans. */
const char *alike_scope(struct arena *arena, const struct wire_instrumentation *row);

/* NULL: none was made yet; then the span that was made may be told with alike_remember(). */
struct span_likeness *alike_find(struct arena *arena, const struct raw_span *raw,
                                 const struct settings *settings, struct alike_place *ret_place);
/* From the second time on that its like is asked for: what comes once costs no memory. */
void alike_remember(struct arena *arena, const struct raw_span *raw, const struct settings *settings,
                    const struct alike_place *place, struct span *span);

#endif
