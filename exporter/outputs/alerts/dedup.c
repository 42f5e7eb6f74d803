/* dedup: see dedup.h. */
#include "outputs/alerts/dedup.h"

#include "base/hash.h"
#include "base/json.h"
#include "base/utf8.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_NS (24ull * 3600 * 1000000000u)
#define MIN_BUDGET_NS (60ull * 1000000000u)
#define N_SERVICES 64u
#define N_TYPES 512u

struct budget {
    uint64_t key, from_unix_ns;
    uint32_t n;
};

struct dedup {
    struct outbox *outbox;
    struct entry *entries; /* in the order they were added */
    struct budget services[N_SERVICES], types[N_TYPES];
};

/* ---- files ---- */

static void print_name(const struct entry *entry, char ret_name[40])
{
    snprintf(ret_name, 40, "told/%s.json", entry->id);
}

static json_t *encode_living(const struct entry *entry)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < entry->n_living; i++) {
        const struct living *living = &entry->living[i];
        json_t *object = json_object();
        json_put_text(object, "kind", living->target.kind->name);
        json_put_text(object, "address", living->target.address);
        json_put_text(object, "account", living->target.account);
        json_put_text(object, "message_id", living->message_id);
        json_put_number(object, "n_shown", living->n_shown);
        json_put_flag(object, "is_resolved_shown", living->is_resolved_shown);
        json_array_append_new(list, object);
    }
    return list;
}

void dedup_save(struct dedup *dedup, struct entry *entry)
{
    char name[40];
    json_t *object = json_object();
    json_put_text(object, "fingerprint", entry->fingerprint);
    json_put_text(object, "service", entry->service);
    json_put_text(object, "type", entry->type);
    json_put_text(object, "summary", entry->summary);
    json_put_text(object, "problem", entry->problem);
    json_put_text(object, "class", alert_class_name(entry->class));
    json_put_number(object, "language", entry->language);
    json_put_number(object, "told_unix_ns", entry->told_unix_ns);
    json_put_number(object, "until_unix_ns", entry->until_unix_ns);
    json_put_number(object, "last_unix_ns", entry->last_unix_ns);
    json_put_number(object, "n", entry->n);
    json_put_number(object, "resolved_unix_ns", entry->resolved_unix_ns);
    json_put_flag(object, "is_elsewhere", entry->is_elsewhere);
    json_put_flag(object, "is_muted", entry->is_muted);
    json_object_set_new(object, "living", encode_living(entry));
    json_put_text(object, "base", entry->base);
    size_t bytes;
    char *text = json_write(object, &bytes);
    print_name(entry, name);
    (void)outbox_write_document(dedup->outbox, name, text, bytes);
    entry->is_changed = false;
    free(text);
    json_decref(object);
}

static void get_word(char *ret_text, size_t max_bytes, const json_t *object, const char *key)
{
    const char *text = json_get_text(object, key);
    snprintf(ret_text, max_bytes, "%s", text ? text : "");
}

static void decode_living(struct entry *entry, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list) && entry->n_living < DEDUP_MAX_LIVING; i++) {
        const json_t *object = json_array_get(list, i);
        struct living living = {.target.kind = destination_find(json_get_text(object, "kind")),
                                .n_shown = json_get_number(object, "n_shown"),
                                .is_resolved_shown = json_get_flag(object, "is_resolved_shown")};
        get_word(living.target.address, sizeof(living.target.address), object, "address");
        get_word(living.target.account, sizeof(living.target.account), object, "account");
        get_word(living.message_id, sizeof(living.message_id), object, "message_id");
        if (living.target.kind && living.message_id[0])
            entry->living[entry->n_living++] = living;
    }
}

static void decode(struct dedup *dedup, const char *id, const json_t *object)
{
    enum alert_class class = alert_class_find(json_get_text(object, "class"));
    const char *base = json_get_text(object, "base");
    if (class == N_ALERT_CLASSES)
        return;
    struct entry *entry = dedup_add(dedup, id);
    get_word(entry->fingerprint, sizeof(entry->fingerprint), object, "fingerprint");
    get_word(entry->service, sizeof(entry->service), object, "service");
    get_word(entry->type, sizeof(entry->type), object, "type");
    get_word(entry->summary, sizeof(entry->summary), object, "summary");
    get_word(entry->problem, sizeof(entry->problem), object, "problem");
    entry->class = class;
    entry->language = json_get_number(object, "language") == LANGUAGE_KO ? LANGUAGE_KO : LANGUAGE_EN;
    entry->told_unix_ns = json_get_number(object, "told_unix_ns");
    entry->until_unix_ns = json_get_number(object, "until_unix_ns");
    entry->last_unix_ns = json_get_number(object, "last_unix_ns");
    entry->n = json_get_number(object, "n");
    entry->resolved_unix_ns = json_get_number(object, "resolved_unix_ns");
    entry->is_elsewhere = json_get_flag(object, "is_elsewhere");
    entry->is_muted = json_get_flag(object, "is_muted");
    decode_living(entry, json_object_get(object, "living"));
    entry->base = base ? strdup(base) : NULL;
    entry->base_bytes = base ? strlen(base) : 0;
}

static void load_one(void *context, const char *name)
{
    struct dedup *dedup = context;
    char path[40], id[17], *text = NULL;
    size_t bytes = 0;
    if (strlen(name) != 16 + 5 || strcmp(name + 16, ".json") != 0 ||
        HASH_COUNT(dedup->entries) >= DEDUP_MAX_ENTRIES)
        return;
    snprintf(path, sizeof(path), "told/%s", name);
    snprintf(id, sizeof(id), "%.16s", name);
    if (outbox_read_document(dedup->outbox, path, MESSAGE_MAX_BYTES, &text, &bytes) != 0)
        return;
    json_t *object = json_read(text, bytes, MESSAGE_MAX_BYTES);
    decode(dedup, id, object);
    json_decref(object);
    free(text);
}

static void set_text(char *ret_text, size_t max_bytes, const char *text)
{
    size_t bytes = text ? strlen(text) : 0;
    if (bytes >= max_bytes)
        bytes = utf8_valid_bytes(text, max_bytes - 1);
    if (bytes)
        memcpy(ret_text, text, bytes);
    ret_text[bytes] = 0;
}

void entry_describe(struct entry *entry, const struct alert *alert)
{
    const char *summary = alert->message ? alert->message : alert->title;
    set_text(entry->service, sizeof(entry->service), alert->service);
    set_text(entry->type, sizeof(entry->type), alert->type);
    set_text(entry->summary, sizeof(entry->summary), summary ? summary : alert->body);
    set_text(entry->problem, sizeof(entry->problem), alert->problem);
    entry->class = alert->class;
}

/* ---- the table ---- */

static int by_time(const struct entry *a, const struct entry *b)
{
    return a->told_unix_ns < b->told_unix_ns ? -1 : a->told_unix_ns > b->told_unix_ns;
}

/* NOLINTNEXTLINE(readability-function-size): uthash */
struct dedup *dedup_create(struct outbox *outbox)
{
    struct dedup *dedup = calloc(1, sizeof(*dedup));
    if (!dedup)
        abort();
    dedup->outbox = outbox;
    outbox_each_told(outbox, load_one, dedup);
    HASH_SORT(dedup->entries, by_time);
    return dedup;
}

/* NOLINTNEXTLINE(readability-function-size): uthash */
static void forget(struct dedup *dedup, struct entry *entry)
{
    char name[40];
    print_name(entry, name);
    outbox_remove_document(dedup->outbox, name);
    HASH_DEL(dedup->entries, entry);
    free(entry->base);
    free(entry->redis_url);
    free(entry);
}

/* NOLINTNEXTLINE(readability-function-size): uthash */
void dedup_destroy(struct dedup *dedup)
{
    struct entry *entry, *next;
    if (!dedup)
        return;
    HASH_ITER(hh, dedup->entries, entry, next)
    {
        if (entry->is_changed)
            dedup_save(dedup, entry);
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): uthash has moved the head */
        HASH_DEL(dedup->entries, entry);
        free(entry->base);
        free(entry->redis_url);
        free(entry);
    }
    free(dedup);
}

/* NOLINTNEXTLINE(readability-function-size): uthash */
struct entry *dedup_find(struct dedup *dedup, const char *id)
{
    struct entry *entry = NULL;
    HASH_FIND_STR(dedup->entries, id, entry);
    return entry;
}

/* NOLINTNEXTLINE(readability-function-size): uthash */
struct entry *dedup_add(struct dedup *dedup, const char *id)
{
    struct entry *oldest = dedup->entries;
    while (oldest && oldest->is_asking)
        oldest = oldest->hh.next;
    if (oldest && HASH_COUNT(dedup->entries) >= DEDUP_MAX_ENTRIES)
        forget(dedup, oldest);
    struct entry *entry = calloc(1, sizeof(*entry));
    if (!entry)
        abort();
    snprintf(entry->id, sizeof(entry->id), "%s", id);
    HASH_ADD_STR(dedup->entries, id, entry);
    return entry;
}

void dedup_sweep(struct dedup *dedup, uint64_t now_unix_ns)
{
    struct entry *entry, *next;
    HASH_ITER(hh, dedup->entries, entry, next)
    {
        bool is_over = entry->until_unix_ns < now_unix_ns && !entry_untold(entry) && !entry->problem[0];
        bool is_old = entry->last_unix_ns + QUIET_NS < now_unix_ns;
        if (!entry->is_asking && (is_over || is_old))
            forget(dedup, entry);
        else if (entry->is_changed)
            dedup_save(dedup, entry);
    }
}

struct entry *dedup_next(struct dedup *dedup, const struct entry *entry)
{
    return entry ? entry->hh.next : dedup->entries;
}

uint32_t dedup_count(const struct dedup *dedup)
{
    return HASH_COUNT(dedup->entries);
}

/* ---- how many different ones ---- */

/* The counter of a key; of too many keys the one that began the longest time ago is given up. */
static struct budget *budget_of(struct budget *budgets, uint32_t n, uint64_t key, uint64_t now_unix_ns,
                                uint64_t window_ns)
{
    struct budget *found = &budgets[0];
    for (uint32_t i = 0; i < n && found->key != key; i++)
        if (budgets[i].key == key || budgets[i].from_unix_ns < found->from_unix_ns)
            found = &budgets[i];
    if (found->key != key || now_unix_ns >= found->from_unix_ns + window_ns)
        *found = (struct budget){.key = key, .from_unix_ns = now_unix_ns};
    return found;
}

static uint64_t key_of_service(const char *service)
{
    return hash_bytes(HASH_FACTOR, service, strlen(service));
}

static uint64_t key_of_type(const char *service, const char *type)
{
    return hash_bytes(key_of_service(service), type, strlen(type));
}

bool dedup_admit(struct dedup *dedup, const char *service, const char *type, uint64_t now_unix_ns,
                 uint64_t window_ns)
{
    if (window_ns < MIN_BUDGET_NS)
        window_ns = MIN_BUDGET_NS;
    struct budget *all =
        budget_of(dedup->services, N_SERVICES, key_of_service(service), now_unix_ns, window_ns);
    if (all->n >= DEDUP_MAX_OF_SERVICE)
        return false;
    struct budget *one = budget_of(dedup->types, N_TYPES, key_of_type(service, type), now_unix_ns, window_ns);
    if (one->n >= DEDUP_MAX_OF_TYPE)
        return false;
    one->n++;
    all->n++;
    return true;
}

bool dedup_is_flooded(const struct dedup *dedup, const char *service, const char *type)
{
    uint64_t key = key_of_type(service, type);
    for (uint32_t i = 0; i < N_TYPES; i++)
        if (dedup->types[i].key == key)
            return dedup->types[i].n >= DEDUP_MAX_OF_TYPE;
    return false;
}
