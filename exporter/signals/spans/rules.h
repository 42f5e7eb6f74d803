/*
 * rules: OTELSHIM_INCLUDE and OTELSHIM_EXCLUDE: which spans are exported, by host, URL and statement.
 *
 * They are matched against what would be exported: server.address, url.full and db.query.text as they stand after redaction.
 * A span without the attribute matches no rule of that subject. Metrics know nothing of rules. Context: loop.
 */
#ifndef OTELSHIM_RULES_H
#define OTELSHIM_RULES_H

#include "settings/settings.h"
#include "telemetry/raw_span.h"
#include "telemetry/span.h"

/* Of one process: how many calls of its latest episodes were excluded. Zeroed: none. */
#define RULES_ROOTS 64u
struct rules_memory {
    struct {
        uint64_t root; /* span id; 0 none */
        uint32_t n_excluded;
    } roots[RULES_ROOTS];
    uint32_t next;
};

/* `*` stands for any text, `?` for one byte; upper and lower case differ unless `ignores_case`. Time: glob times text. */
bool rules_match_glob(const char *glob, const char *text, size_t bytes, bool ignores_case);

/*
 * May the span be exported? The root of an episode may unless every call of it was excluded: it would say nothing.
 * `raw` is what the span was made of.
 */
bool rules_admit(struct rules_memory *memory, const struct settings *settings, const struct raw_span *raw,
                 const struct span *span);

#endif
