/* rules: see rules.h. */
#include "signals/spans/rules.h"

#include <string.h>

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* Back to the last `*` only: a hostile pattern costs its length times the text's, not more. */
bool rules_match_glob(const char *glob, const char *text, size_t bytes, bool ignores_case)
{
    const char *end = text + bytes, *star = NULL, *from = NULL;
    while (text < end) {
        bool is_same = *glob == '?' || *glob == *text || (ignores_case && lower(*glob) == lower(*text));
        if (*glob == '*') {
            star = ++glob;
            from = text;
        } else if (*glob && is_same) {
            glob++;
            text++;
        } else if (star) {
            glob = star;
            text = ++from;
        } else {
            return false;
        }
    }
    while (*glob == '*')
        glob++;
    return !*glob;
}

static bool matches(const struct rule *rule, const struct span *span)
{
    static const char *const keys[] = {
        [RULE_HOST] = "server.address", [RULE_URL] = "url.full", [RULE_STATEMENT] = "db.query.text"};
    const struct attribute *item = attribute_find(&span->attributes, keys[rule->subject]);
    return item && item->type == ATTRIBUTE_STRING &&
           rules_match_glob(rule->glob, item->value.string.bytes, item->value.string.n_bytes,
                            rule->subject == RULE_HOST);
}

static bool matches_any(const struct rules *rules, const struct span *span)
{
    for (uint32_t i = 0; i < rules->n; i++)
        if (matches(&rules->items[i], span))
            return true;
    return false;
}

static uint64_t number_of(const uint8_t span_id[8])
{
    uint64_t number;
    memcpy(&number, span_id, sizeof(number));
    return number;
}

static uint32_t *find_root(struct rules_memory *memory, uint64_t root)
{
    for (uint32_t i = 0; i < RULES_ROOTS; i++)
        if (memory->roots[i].root == root)
            return &memory->roots[i].n_excluded;
    return NULL;
}

static void remember(struct rules_memory *memory, uint64_t parent)
{
    uint32_t *n_excluded = find_root(memory, parent);
    if (!n_excluded) {
        uint32_t i = memory->next++ % RULES_ROOTS;
        memory->roots[i].root = parent;
        n_excluded = &memory->roots[i].n_excluded;
        *n_excluded = 0;
    }
    ++*n_excluded;
}

bool rules_admit(struct rules_memory *memory, const struct settings *settings, const struct raw_span *raw,
                 const struct span *span)
{
    if (settings->include.n == 0 && settings->exclude.n == 0)
        return true;
    if (raw->kind == RAW_ROOT) {
        const uint32_t *n_excluded = find_root(memory, number_of(raw->span.span_id));
        return !n_excluded || *n_excluded < raw->calls;
    }
    if (!matches_any(&settings->exclude, span) &&
        (settings->include.n == 0 || matches_any(&settings->include, span)))
        return true;
    if (span->has_parent)
        remember(memory, number_of(raw->span.parent_span_id));
    return false;
}
