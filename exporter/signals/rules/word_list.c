/* word_list: [words NAME]: texts that stand for words. */
#include "signals/rules/rules_priv.h"

#include "signals/spans/rules.h"
#include <string.h>

const struct word_list *words_find(const struct rule_set *set, const char *name)
{
    for (uint32_t i = 0; i < set->n_lists; i++)
        if (strcmp(set->lists[i].name, name) == 0)
            return &set->lists[i];
    return NULL;
}

struct word_list *words_open(struct rule_set *set, const char *name, size_t bytes)
{
    const char *copy = arena_copy(&set->arena, name, bytes);
    for (uint32_t i = 0; i < set->n_lists; i++)
        if (strcmp(set->lists[i].name, copy) == 0)
            return &set->lists[i];
    if (set->n_lists == RULES_MAX_LISTS)
        return NULL;
    struct word_list *list = &set->lists[set->n_lists++];
    list->name = copy;
    list->pairs = arena_alloc(&set->arena, RULES_MAX_WORDS * sizeof(*list->pairs));
    return list;
}

bool words_add(struct rule_set *set, struct word_list *list, const char *line)
{
    const char *equals = strchr(line, '=');
    size_t n = equals ? (size_t)(equals - line) : 0;
    while (n && (line[n - 1] == ' ' || line[n - 1] == '\t'))
        n--;
    if (!n || list->n == RULES_MAX_WORDS)
        return false;
    const char *text = equals + 1 + strspn(equals + 1, " \t");
    list->pairs[list->n][0] = arena_copy(&set->arena, line, n);
    list->pairs[list->n++][1] = arena_copy(&set->arena, text, strlen(text));
    return true;
}

const char *words_look_up(const struct word_list *list, const char *word)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (rules_match_glob(list->pairs[i][0], word, strlen(word), false))
            return list->pairs[i][1];
    return NULL;
}
