/* rule_memory: what a program's rules remember from one call to the next. Bounded: the oldest goes. */
#include "signals/rules/rules_priv.h"

#include "base/hash.h"
#include <stdlib.h>
#include <string.h>

#define MAX_NAMES 256u
#define MAX_KEYS 1024u
#define NAME_BYTES 96u
#define VALUE_BYTES 160u

struct rule_memory {
    struct {
        char name[NAME_BYTES], value[VALUE_BYTES];
    } items[MAX_NAMES];
    uint32_t n, oldest;
    uint64_t keys[MAX_KEYS], owners[MAX_KEYS]; /* hashes; 0 none */
    uint32_t next_key;
};

struct rule_memory *rule_memory_create(void)
{
    struct rule_memory *memory = calloc(1, sizeof(*memory));
    if (!memory)
        abort();
    return memory;
}

void rule_memory_destroy(struct rule_memory *memory)
{
    free(memory);
}

static uint32_t find(const struct rule_memory *memory, const char *name)
{
    uint32_t i = 0;
    while (i < memory->n && strcmp(memory->items[i].name, name) != 0)
        i++;
    return i;
}

/* What is too long is not remembered, and what was is not either. */
void rule_memory_put(struct rule_memory *memory, const char *name, const char *value)
{
    uint32_t i = find(memory, name);
    size_t n_name = strlen(name), n_value = strlen(value);
    if (n_name >= NAME_BYTES)
        return;
    if (n_value >= VALUE_BYTES)
        n_value = 0;
    if (i == memory->n && memory->n < MAX_NAMES)
        memory->n++;
    else if (i == memory->n)
        i = memory->oldest++ % MAX_NAMES;
    memcpy(memory->items[i].name, name, n_name + 1);
    memcpy(memory->items[i].value, value, n_value);
    memory->items[i].value[n_value] = 0;
}

const char *rule_memory_get(const struct rule_memory *memory, const char *name)
{
    uint32_t i = find(memory, name);
    return i < memory->n && *memory->items[i].value ? memory->items[i].value : NULL;
}

bool rule_memory_is_new(struct rule_memory *memory, const char *key, uint64_t owner)
{
    uint64_t hash = hash_bytes(HASH_FACTOR, key, strlen(key)) | 1;
    for (uint32_t i = 0; i < MAX_KEYS; i++)
        if (memory->keys[i] == hash)
            return owner && memory->owners[i] == owner;
    memory->keys[memory->next_key % MAX_KEYS] = hash;
    memory->owners[memory->next_key++ % MAX_KEYS] = owner;
    return true;
}

/* ---- label sets of a gauge with `else` ---- */

static bool has(char *const *sets, uint32_t n, const char *set)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(sets[i], set) == 0)
            return true;
    return false;
}

uint32_t shown_labels_replace(struct shown_labels *shown, char **sets, uint32_t n, char **ret_gone)
{
    uint32_t n_gone = 0;
    for (uint32_t i = 0; i < shown->n; i++) {
        if (has(sets, n, shown->sets[i]))
            free(shown->sets[i]);
        else
            ret_gone[n_gone++] = shown->sets[i];
    }
    shown->n = 0;
    for (uint32_t i = 0; i < n && i < RULE_MAX_ITEMS; i++)
        if (!has(shown->sets, shown->n, sets[i])) {
            shown->sets[shown->n] = strdup(sets[i]);
            if (!shown->sets[shown->n++])
                abort();
        }
    return n_gone;
}

void shown_labels_fini(struct shown_labels *shown)
{
    for (uint32_t i = 0; i < shown->n; i++)
        free(shown->sets[i]);
    shown->n = 0;
}
